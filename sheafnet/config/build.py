"""From a valid configuration to the things that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from sheafnet import api
from sheafnet.config.faults import Faults
from sheafnet.config.load import Loaded
from sheafnet.config.pins import build_pins
from sheafnet.config.samples import Samples, build_samples
from sheafnet.config.schema import (
    ActiveSetRule,
    AnyLatency,
    ChannelSection,
    ClusterRuntime,
    CoboundaryRule,
    Config,
    ConstantLatency,
    EmpiricalLatency,
    ExponentialLatency,
    FileNetwork,
    HeatRule,
    LockstepRuntime,
    LogNormalLatency,
    ProxRule,
    RandomNetwork,
    SimulatorRuntime,
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
from sheafnet.runtime.simulator.channel import Channel, Cut
from sheafnet.runtime.simulator.latency import (
    Constant,
    Empirical,
    Exponential,
    Latency,
    LogNormal,
    Uniform,
)
from sheafnet.runtime.simulator.simulator import Pause, Restart, Simulator

SIMULATOR_SETTINGS = (
    "seed",
    "loss",
    "duplication",
    "bandwidth",
    "compute",
    "slow",
    "placement",
    "window",
    "report_interval",
    "shuffle_ties",
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
        channels={(c.sender, c.receiver): build_channel(c, runtime) for c in runtime.channels},
        cuts=tuple(Cut(**cut.model_dump()) for cut in runtime.cuts),
        restarts=tuple(Restart(**restart.model_dump()) for restart in runtime.restarts),
        pauses=tuple(Pause(**pause.model_dump()) for pause in runtime.pauses),
        trace=trace,
    )


def build_channel(section: ChannelSection, runtime: SimulatorRuntime) -> Channel:
    """Return the channel of ``section``, which leaves out what is as everywhere."""

    def own(name: str) -> Any:
        value = getattr(section, name)
        return getattr(runtime, name) if value is None else value

    return Channel(build_latency(own("latency")), own("loss"), own("duplication"), own("bandwidth"))


def build_latency(section: AnyLatency) -> Latency:
    """Return the law of delays that ``section`` describes."""
    match section:
        case ConstantLatency(time=time):
            return Constant(time)
        case UniformLatency(low=low, high=high):
            return Uniform(low, high)
        case ExponentialLatency(mean=mean):
            return Exponential(mean)
        case LogNormalLatency(median=median, sigma=sigma):
            return LogNormal(median, sigma)
        case EmpiricalLatency(path=path):
            return Empirical.load(path)
