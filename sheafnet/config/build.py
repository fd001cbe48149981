"""From a valid configuration to the things that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from sheafnet import api
from sheafnet.config.faults import Faults
from sheafnet.config.load import Loaded
from sheafnet.config.pins import build_pins
from sheafnet.config.samples import Samples, build_samples
from sheafnet.config.schema import (
    ActiveSetRule,
    ClusterRuntime,
    CoboundaryRule,
    Config,
    ConstantLatency,
    ExponentialLatency,
    FileNetwork,
    HeatRule,
    LockstepRuntime,
    ProxRule,
    RandomNetwork,
    SorRule,
    UniformLatency,
)
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin
from sheafnet.dynamics.lockstep import Lockstep
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import ActiveSet, Coboundary, Heat, Prox, Sor
from sheafnet.dynamics.stop import Stop
from sheafnet.errors import ConfigError
from sheafnet.runtime.cluster.cluster import Cluster
from sheafnet.runtime.ports import Observer, Runtime
from sheafnet.runtime.run import Run
from sheafnet.runtime.simulator.latency import Constant, Exponential, Latency, Uniform
from sheafnet.runtime.simulator.simulator import Restart, Simulator

SIMULATOR_SETTINGS = (
    "seed",
    "loss",
    "compute",
    "slow",
    "placement",
    "window",
    "report_interval",
)
"""Settings of the simulator that a configuration gives as they are."""

CLUSTER_SETTINGS = tuple(field.name for field in fields(Cluster))


@dataclass(frozen=True, eq=False)
class InferJob:
    """A network, what is pinned of it, and how to relax it."""

    config: Config
    network: ReluNetwork
    samples: Samples
    pins: tuple[Pin, ...]

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
            self.network.to_sheaf(config.output_force),
            self.pins,
            rule=build_rule(config),
            runtime=build_runtime(config, trace),
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
    faults.attempt("runtime", lambda: build_runtime(loaded.config))
    network = faults.attempt("network", lambda: build_network(loaded.config))
    samples = build_samples(loaded.config.data, faults)
    if network is not None and samples is not None:
        samples.require_fit(network.widths, faults)
    pins: tuple[Pin, ...] = ()
    if network is not None and samples is not None and not faults.found:
        pins = build_pins(loaded.config, network.to_sheaf(), samples, faults)
    if network is None or samples is None or faults.found:
        raise ConfigError(faults.found)
    return InferJob(loaded.config, network, samples, pins)


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
    late = runtime.report_latency
    settings = {name: getattr(runtime, name) for name in SIMULATOR_SETTINGS}
    return Simulator(
        **settings,
        latency=build_latency(runtime.latency),
        report_latency=None if late is None else build_latency(late),
        restarts=tuple(Restart(r.host, r.at, r.down) for r in runtime.restarts),
        trace=trace,
    )


def build_latency(
    section: ConstantLatency | UniformLatency | ExponentialLatency,
) -> Latency:
    """Return the law of delays that ``section`` describes."""
    match section:
        case ConstantLatency(time=time):
            return Constant(time)
        case UniformLatency(low=low, high=high):
            return Uniform(low, high)
        case ExponentialLatency(mean=mean):
            return Exponential(mean)
