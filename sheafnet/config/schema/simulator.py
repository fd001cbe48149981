"""The sections of a configuration about a simulated network and its faults."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from sheafnet.config.schema.section import ExistingFile, Hosts, Section, expecting
from sheafnet.runtime.simulator.compute import ComputeTime
from sheafnet.runtime.simulator.latency import LARGEST_SIGMA
from sheafnet.runtime.simulator.settings import Restart
from sheafnet.runtime.simulator.simulator import Simulator


class ConstantLatency(Section):
    """Every frame takes the same time."""

    kind: Literal["constant"]
    time: NonNegativeFloat


class UniformLatency(Section):
    """Any delay from low to high is as likely as another."""

    kind: Literal["uniform"]
    low: NonNegativeFloat
    high: NonNegativeFloat


class ExponentialLatency(Section):
    """Delays without memory."""

    kind: Literal["exponential"]
    mean: NonNegativeFloat


class LognormalLatency(Section):
    """Delays whose logarithm is normal."""

    kind: Literal["lognormal"]
    mean: NonNegativeFloat
    sigma: Annotated[float, Field(ge=0.0, le=LARGEST_SIGMA)]


class EmpiricalLatency(Section):
    """Delays that were measured somewhere, each as likely as another."""

    kind: Literal["empirical"]
    path: ExistingFile = Field(description="a text file with one delay a line")


AnyLatency: TypeAlias = (
    ConstantLatency | UniformLatency | ExponentialLatency | LognormalLatency | EmpiricalLatency
)
LatencySection: TypeAlias = Annotated[AnyLatency, Field(discriminator="kind")]


class RestartSection(Section):
    """A host loses everything at a time and comes back later."""

    host: str
    at: NonNegativeFloat
    down: NonNegativeFloat = Restart.down


class PauseSection(Section):
    """A host does nothing for a while."""

    host: str
    at: NonNegativeFloat
    lasts: NonNegativeFloat


class ComputeSection(Section):
    """How long an update of a vertex takes."""

    time: LatencySection = Field(
        default=ConstantLatency(kind="constant", time=1.0), description="drawn for each update"
    )
    per_element: NonNegativeFloat = Field(
        default=ComputeTime.per_element, description="added for each number in the stalk"
    )


Probability: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
Loss: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]


class ChannelSection(Section):
    """One direction between two hosts; what is left out is as everywhere."""

    sender: str
    receiver: str
    latency: LatencySection | None = None
    loss: Loss | None = None
    duplication: Probability | None = None
    bandwidth: PositiveFloat | None = None


class PartitionSection(Section):
    """A time in which whatever is sent between some hosts and others is lost."""

    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    others: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="by default everybody else"
    )
    start: NonNegativeFloat
    end: PositiveFloat
    every: PositiveFloat | None = Field(
        default=None, description="after how long it comes again, for ever"
    )


class SimulatorRuntime(Section):
    """Hosts that exchange bytes under virtual time, in one process, bit-reproducible."""

    kind: Literal["simulator"]
    seed: Annotated[int, Field(ge=0)] = 0
    latency: LatencySection = ConstantLatency(kind="constant", time=1.0)
    loss: Loss = Simulator.loss
    duplication: Probability = Simulator.duplication
    bandwidth: PositiveFloat | None = Field(
        default=None, description="bytes in a unit of time; frames queue; none is no limit"
    )
    channels: tuple[ChannelSection, ...] = ()
    partitions: tuple[PartitionSection, ...] = ()
    compute: Annotated[
        PositiveFloat | ComputeSection, expecting("a positive number or a section")
    ] = 1.0
    slow: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="host → by what factor its updates take longer"
    )
    restarts: tuple[RestartSection, ...] = ()
    pauses: tuple[PauseSection, ...] = ()
    placement: Hosts = "by-layer"
    window: PositiveInt = Simulator.window
    report_interval: PositiveFloat = Simulator.report_interval
    report_latency: LatencySection | None = None
    shuffle_ties: bool = Field(
        default=Simulator.shuffle_ties, description="draw the order of events at the same time"
    )
