"""The sections of a configuration about a simulated network of hosts and its faults."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from sheafnet.config.schema.section import ExistingFile, Hosts, Section, expecting
from sheafnet.runtime.simulator.compute import ComputeTime
from sheafnet.runtime.simulator.latency import LARGEST_SIGMA
from sheafnet.runtime.simulator.settings import Restart
from sheafnet.runtime.simulator.simulator import Simulator


class ConstantLatency(Section):
    """Latency that is the same for every frame (the bytes that one host sends to another)."""

    kind: Literal["constant"]
    time: NonNegativeFloat
    """Delay in virtual time; 0 or more."""


class UniformLatency(Section):
    """Latency that is uniformly distributed from ``low`` to ``high``."""

    kind: Literal["uniform"]
    low: NonNegativeFloat
    """Shortest delay in virtual time; 0 or more."""
    high: NonNegativeFloat
    """Longest delay in virtual time; at least ``low``."""


class ExponentialLatency(Section):
    """Latency that is exponentially distributed."""

    kind: Literal["exponential"]
    mean: NonNegativeFloat
    """Mean delay in virtual time; 0 or more."""


class LognormalLatency(Section):
    """Latency whose logarithm is normally distributed."""

    kind: Literal["lognormal"]
    mean: NonNegativeFloat
    """Mean delay in virtual time; 0 or more."""
    sigma: Annotated[float, Field(ge=0.0, le=LARGEST_SIGMA)]
    """Standard deviation of the logarithm of the delay, from 0 to 10."""


class EmpiricalLatency(Section):
    """Latency that is drawn with equal probability from a list of measured delays."""

    kind: Literal["empirical"]
    path: ExistingFile = Field(
        description="A text file with one delay on each line, in virtual time, 0 or more. # "
        "begins a comment."
    )


AnyLatency: TypeAlias = (
    ConstantLatency | UniformLatency | ExponentialLatency | LognormalLatency | EmpiricalLatency
)
LatencySection: TypeAlias = Annotated[AnyLatency, Field(discriminator="kind")]


class RestartSection(Section):
    """A crash of a host: the host loses its whole state, and restarts after a while."""

    host: str
    """Name of the host."""
    at: NonNegativeFloat
    """Virtual time of the crash; 0 or more."""
    down: NonNegativeFloat = Restart.down
    """Virtual time from the crash to the restart; 0 or more. Frames that arrive meanwhile are
    lost."""


class PauseSection(Section):
    """A time in which a host makes no steps and acknowledges no frames; it still sends reports."""

    host: str
    """Name of the host."""
    at: NonNegativeFloat
    """Virtual time at which the pause begins; 0 or more."""
    lasts: NonNegativeFloat
    """Length of the pause in virtual time; 0 or more."""


class ComputeSection(Section):
    """The virtual time that one update (step) of a vertex takes."""

    time: LatencySection = Field(
        default=ConstantLatency(kind="constant", time=1.0),
        description="Distribution from which the time of each update is drawn; its mean must be "
        "positive.",
    )
    per_element: NonNegativeFloat = Field(
        default=ComputeTime.per_element,
        description="Virtual time that is added for each number in the stalk (dimension times "
        "number of samples); 0 or more.",
    )


Probability: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
Loss: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]


class ChannelSection(Section):
    """Settings of the frames from one host to another; missing ones are taken from ``runtime``."""

    sender: str
    """Name of the host that sends."""
    receiver: str
    """Name of the host that receives."""
    latency: LatencySection | None = None
    """Distribution of the delay of a frame; by default ``runtime.latency``."""
    loss: Loss | None = None
    """Probability that a frame is lost, in [0, 1); by default ``runtime.loss``."""
    duplication: Probability | None = None
    """Probability that a frame that is not lost arrives twice, in [0, 1]; by default
    ``runtime.duplication``."""
    bandwidth: PositiveFloat | None = None
    """Number of bytes that can pass from the sender to the receiver in a unit of virtual time,
    positive; by default ``runtime.bandwidth``."""


class PartitionSection(Section):
    """A time in which every frame between two groups of hosts is lost."""

    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the hosts on one side; at least one."""
    others: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Names of the hosts on the other side. By default all hosts that are not in "
        "``hosts``.",
    )
    start: NonNegativeFloat
    """Virtual time at which the partition begins; 0 or more."""
    end: PositiveFloat
    """Virtual time at which the partition ends; later than ``start``."""
    every: PositiveFloat | None = Field(
        default=None,
        description="Virtual time from one start of the partition to the next; more than end − "
        "start. The partition is then repeated for ever. By default it occurs once.",
    )


class SimulatorRuntime(Section):
    """A runtime of simulated hosts in virtual time; a run can be repeated bit for bit."""

    kind: Literal["simulator"]
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of all delays, losses and duplications; 0 or more."""
    latency: LatencySection = ConstantLatency(kind="constant", time=1.0)
    """Distribution of the delay of a frame; by default always 1."""
    loss: Loss = Simulator.loss
    """Probability that a frame is lost, in [0, 1)."""
    duplication: Probability = Simulator.duplication
    """Probability that a frame that is not lost arrives twice, in [0, 1]."""
    bandwidth: PositiveFloat | None = Field(
        default=None,
        description="Number of bytes that can pass from one host to another in a unit of virtual "
        "time, positive; frames that exceed it wait in a queue. By default there is no limit.",
    )
    channels: tuple[ChannelSection, ...] = ()
    """Settings of the frames from one host to another, where they differ from the settings here. By
    default they differ nowhere."""
    partitions: tuple[PartitionSection, ...] = ()
    """Times in which two groups of hosts cannot reach each other. The coordinator, which asks all
    hosts for reports, reaches every host at all times."""
    compute: Annotated[
        PositiveFloat | ComputeSection, expecting("a positive number or a section")
    ] = 1.0
    """Virtual time of an update (step) of a vertex: a positive number, or a section with a
    distribution. By default 1."""
    slow: dict[str, PositiveFloat] = Field(
        default_factory=dict,
        description="Host → positive factor that multiplies the time of every update on this host. "
        "By default no host has a factor.",
    )
    restarts: tuple[RestartSection, ...] = ()
    """Crashes of hosts, each followed by a restart. By default no host crashes."""
    pauses: tuple[PauseSection, ...] = ()
    """Times in which a host makes no steps. By default no host pauses."""
    placement: Hosts = "by-layer"
    """Placement of the vertices on hosts: ``by-layer`` (default), ``by-vertex``, or a mapping of
    each host to a list of its vertices."""
    window: PositiveInt = Simulator.window
    """Largest number of frames that a host may have in flight (sent and not acknowledged) to each
    other host; at least 1."""
    report_interval: PositiveFloat = Simulator.report_interval
    """Virtual time from one wave to the next, positive. In a wave the coordinator asks every host
    for a report."""
    report_latency: LatencySection | None = None
    """Distribution of the delay of a request or report between the coordinator and a host; by
    default ``latency``."""
    shuffle_ties: bool = Field(
        default=Simulator.shuffle_ties,
        description="Whether events at the same virtual time happen in random order, which the "
        "seed determines. By default their order is fixed.",
    )
