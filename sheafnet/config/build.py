"""From a valid configuration to the things that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from sheafnet import api
from sheafnet.config.build_simulator import build_simulator
from sheafnet.config.faults import Faults
from sheafnet.config.graphs import build_sheaf
from sheafnet.config.load import Loaded
from sheafnet.config.pins import build_pins
from sheafnet.config.samples import Samples, build_samples
from sheafnet.config.schema import (
    ActiveSetRule,
    ClusterRuntime,
    CoboundaryRule,
    Config,
    FileNetwork,
    HeatRule,
    LockstepRuntime,
    Network,
    ProxRule,
    RandomNetwork,
    SorRule,
)
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin
from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.lockstep import Lockstep
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import ActiveSet, Coboundary, Heat, Prox, Sor
from sheafnet.dynamics.stop import Stop
from sheafnet.errors import ConfigError
from sheafnet.runtime.cluster.cluster import Cluster
from sheafnet.runtime.ports import Observer, Runtime
from sheafnet.runtime.run import Run
from sheafnet.runtime.simulator.cone import LightCone, Push

CLUSTER_SETTINGS = tuple(field.name for field in fields(Cluster))


@dataclass(frozen=True, eq=False)
class InferJob:
    """A sheaf, what is pinned of it, and how to relax it.

    Attributes
    ----------
    config
        Says all that.
    sheaf
        Of the network, or another.
    pins
        Of the job.
    network, samples
        What the sheaf was made of; None where it is another.
    """

    config: Config
    sheaf: Sheaf
    pins: tuple[Pin, ...]
    network: ReluNetwork | None = None
    samples: Samples | None = None

    def prepare(self, observer: Observer, trace: Callable[[str], None] | None = None) -> Run:
        """Return the run, not begun yet; see ``api.prepare``.

        Parameters
        ----------
        observer
            Is told of it.
        trace
            Is handed every line of the full trace, where the runtime has one.
        """
        config = self.config
        return api.prepare(
            self.sheaf,
            self.pins,
            rule=build_rule(config),
            runtime=build_runtime(config, trace),
            stop=Stop(config.stop.stationarity, config.stop.max_rounds, config.stop.max_time),
            init=config.init,
            seed=config.seed,
            observer=observer,
        )

    def light_cone(self) -> LightCone | None:
        """Return how a push spreads, if the configuration asks for it."""
        section = self.config.light_cone
        if section is None:
            return None
        return api.light_cone(self.prepare(Observer()), Push(**section.model_dump()))


def build_job(loaded: Loaded) -> InferJob:
    """Read and check everything that the configuration names.

    Raises
    ------
    ConfigError
        With every fault found, each under its key.
    """
    config, faults = loaded.config, Faults(loaded)
    faults.attempt("runtime", lambda: build_runtime(config))
    network, samples, sheaf = None, None, None
    if config.network is not None and config.data is not None:
        section = config.network
        network = faults.attempt("network", lambda: build_network(section, config.dtype))
        samples = build_samples(config.data, faults)
        if network is not None and samples is not None:
            samples.require_fit(network.widths, faults)
            sheaf = network.to_sheaf(config.output_force)
    elif config.sheaf is not None:
        constant = config.sheaf
        if config.dtype != "float64":
            faults.add("dtype", f"a constant sheaf is computed in float64, not in {config.dtype}")
        sheaf = faults.attempt("sheaf", lambda: build_sheaf(constant))
    pins: tuple[Pin, ...] = ()
    if sheaf is not None and not faults.found:
        pins = build_pins(config, sheaf, samples, faults)
    if sheaf is None or faults.found:
        raise ConfigError(faults.found)
    return InferJob(config, sheaf, pins, network, samples)


def build_network(section: Network, dtype: str) -> ReluNetwork:
    """Return the network that ``section`` describes, in a precision."""
    match section:
        case FileNetwork(path=path):
            network = ReluNetwork.load(path)
        case RandomNetwork(widths=widths, seed=seed, output=output):
            network = ReluNetwork.random(widths, seed, output)
    return network.astype(dtype)


def build_rule(config: Config) -> Rule:
    """Return the rule of ``config`` with its settings."""
    match config.rule:
        case ProxRule(branch=branch, damping=damping):
            return Prox(branch, damping)
        case SorRule(omega=omega):
            return Sor(omega)
        case HeatRule(dt=dt):
            return Heat(dt)
        case ActiveSetRule(prox_sweeps=prox_sweeps):
            return ActiveSet(prox_sweeps)
        case CoboundaryRule():
            return Coboundary()


def build_runtime(config: Config, trace: Callable[[str], None] | None = None) -> Runtime:
    """Return the runtime of ``config`` with its settings."""
    runtime = config.runtime
    if isinstance(runtime, LockstepRuntime):
        return Lockstep(runtime.schedule)
    if isinstance(runtime, ClusterRuntime):
        return Cluster(**{name: getattr(runtime, name) for name in CLUSTER_SETTINGS})
    return build_simulator(runtime, trace)
