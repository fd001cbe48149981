"""From a valid configuration to the things that it names."""

from __future__ import annotations

from dataclasses import dataclass

from sheafnet import api
from sheafnet.config.faults import Faults
from sheafnet.config.load import Loaded
from sheafnet.config.samples import Samples, build_samples
from sheafnet.config.schema import Config, FileNetwork, HeatRule, RandomNetwork
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin
from sheafnet.dynamics.lockstep import Lockstep
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import Coboundary, Heat
from sheafnet.dynamics.stop import Stop
from sheafnet.errors import ConfigError
from sheafnet.runtime.ports import Observer
from sheafnet.runtime.run import Run


@dataclass(frozen=True, eq=False)
class InferJob:
    """A network whose input is pinned to samples, and how to relax it."""

    config: Config
    network: ReluNetwork
    samples: Samples

    def prepare(self, observer: Observer) -> Run:
        """Return the run, not begun yet; see ``api.prepare``."""
        config = self.config
        return api.prepare(
            self.network.to_sheaf(),
            [Pin("a0", self.samples.inputs)],
            rule=build_rule(config),
            runtime=Lockstep(config.runtime.schedule),
            stop=Stop(config.stop.stationarity, config.stop.max_rounds, config.stop.max_time),
            init=config.init,
            seed=config.seed,
            observer=observer,
        )


def build_job(loaded: Loaded) -> InferJob:
    """Read and check everything that the configuration names.

    Raises
    ------
    ConfigError
        With every fault found, each under its key.
    """
    faults = Faults(loaded)
    network = faults.attempt("network", lambda: build_network(loaded.config))
    samples = build_samples(loaded.config.data, faults)
    if network is not None and samples is not None:
        samples.require_fit(network.widths, faults)
    if network is None or samples is None or faults.found:
        raise ConfigError(faults.found)
    return InferJob(loaded.config, network, samples)


def build_network(config: Config) -> ReluNetwork:
    """Return the network of ``config``, in its precision."""
    match config.network:
        case FileNetwork(path=path):
            network = ReluNetwork.load(path)
        case RandomNetwork(widths=widths, seed=seed, output=output):
            network = ReluNetwork.random(widths, seed, output)
    return network.astype(config.dtype)


def build_rule(config: Config) -> Rule:
    """Return the rule of ``config`` with its settings."""
    return Heat(config.rule.dt) if isinstance(config.rule, HeatRule) else Coboundary()
