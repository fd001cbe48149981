"""The settings of a simulated network and of its faults, as data without behaviour."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError
from sheafnet.runtime.hosts.placement import Placement
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.simulator.channel import DEFAULT_LATENCY, Channel, Partition
from sheafnet.runtime.simulator.compute import ComputeTime
from sheafnet.runtime.simulator.latency import Constant, Latency


@dataclass(frozen=True)
class Restart:
    """A crash of a host. The host loses its state and returns later as its next incarnation.

    In inference, and under ``sn.Joint``, the vertices of the host begin again from their initial
    state. Under ``sn.Nudged`` and ``sn.Relax`` all hosts go back to the last snapshot (the state of
    all maps after the same step). If the host is already down at the time ``at``, the restart has
    no effect. ``sn.Simulator`` checks the ranges of ``at`` and ``down``.

    Parameters
    ----------
    host
        Name of the host.
    at
        Virtual time of the crash, at least 0.
    down
        Virtual time from the crash until the host is up again; finite, at least 0. Frames that
        arrive during this time are lost. The default is 10.0.
    """

    host: str
    at: float
    down: float = 10.0

    def __post_init__(self) -> None:
        unbox(self)


@dataclass(frozen=True)
class Pause:
    """A period in which a host takes no step.

    The host keeps the frames that arrive during the period. It uses and acknowledges them after the
    period. During the period it still answers the coordinator. ``sn.Simulator`` checks the ranges
    of ``at`` and ``lasts``.

    Parameters
    ----------
    host
        Name of the host.
    at
        Virtual time at which the period begins, at least 0. A step in progress is completed.
    lasts
        Length of the period, in virtual time; finite, at least 0.
    """

    host: str
    at: float
    lasts: float

    def __post_init__(self) -> None:
        unbox(self)


@dataclass(frozen=True)
class SimulatorSettings:
    """The settings of ``sn.Simulator``, without the code that runs a problem.

    ``sn.Simulator`` documents each setting.

    Raises
    ------
    InputError
        If one of the settings is out of range. ``sn.Simulator`` lists the conditions.
    """

    seed: int = 0
    latency: Latency = DEFAULT_LATENCY
    loss: float = 0.0
    duplication: float = 0.0
    bandwidth: float | None = None
    channels: Mapping[tuple[str, str], Channel] = field(default_factory=dict)
    partitions: tuple[Partition, ...] = ()
    compute: float | ComputeTime = 1.0
    slow: Mapping[str, float] = field(default_factory=dict)
    restarts: tuple[Restart, ...] = ()
    pauses: tuple[Pause, ...] = ()
    placement: Placement = "by-layer"
    window: int = 4
    report_interval: float = 20.0
    report_latency: Latency | None = None
    shuffle_ties: bool = False
    trace: Callable[[str], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        unbox(self)
        # Both build an object whose constructor checks the settings for links or updates.
        self.channel("", "")
        self.compute_time  # noqa: B018
        factors = list(self.slow.values())
        checks = {
            "seed must be 0 or more": self.seed >= 0,
            "factors of slow hosts must be positive": all(0.0 < f < math.inf for f in factors),
            "window must be at least 1": self.window >= 1,
            "report_interval must be positive": 0.0 < self.report_interval < math.inf,
            "restarts must be at 0 or later and last a finite time": all(
                r.at >= 0.0 and 0.0 <= r.down < math.inf for r in self.restarts
            ),
            "pauses must be at 0 or later and last a finite time": all(
                p.at >= 0.0 and 0.0 <= p.lasts < math.inf for p in self.pauses
            ),
        }
        for rule, holds in checks.items():
            if not holds:
                raise InputError(f"simulator: {rule}")

    def channel(self, sender: str, receiver: str) -> Channel:
        """Return the channel from one host to another.

        If ``channels`` has no entry for this direction, the channel has the settings ``latency``,
        ``loss``, ``duplication`` and ``bandwidth``.

        Parameters
        ----------
        sender, receiver
            Names of the hosts.
        """
        own = self.channels.get((sender, receiver))
        return own or Channel(self.latency, self.loss, self.duplication, self.bandwidth)

    @property
    def compute_time(self) -> ComputeTime:
        """The setting ``compute`` as a ``ComputeTime``; a number becomes a constant time."""
        return (
            self.compute
            if isinstance(self.compute, ComputeTime)
            else ComputeTime(Constant(self.compute))
        )

    @property
    def _named(self) -> list[str]:
        """The host names that occur in the settings; a name may be repeated."""
        names = [*self.slow]
        names += [restart.host for restart in self.restarts]
        names += [pause.host for pause in self.pauses]
        names += [host for pair in self.channels for host in pair]
        return names + [
            host
            for partition in self.partitions
            for host in (*partition.hosts, *(partition.others or ()))
        ]

    def step_time(self, problem: Problem) -> float:
        """Return the mean virtual time in which a frame arrives and the receiver updates a vertex.

        Parameters
        ----------
        problem
            The problem; the size of its largest stalk is used.

        Returns
        -------
        float
            The largest mean latency plus the mean time of an update of the largest stalk on the
            slowest host.
        """
        sheaf = problem.sheaf
        largest = problem.start.batch * max(sheaf.stalk_dim(vertex) for vertex in sheaf.vertices)
        update = self.compute_time.time.expected() + self.compute_time.per_element * largest
        latencies = [self.latency, *(channel.latency for channel in self.channels.values())]
        longest = max(latency.expected() for latency in latencies)
        return longest + update * max(self.slow.values(), default=1.0)
