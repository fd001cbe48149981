"""The whole configuration, and its sections about networks, rules, runtimes and pins.

``sheafnet schema`` prints it as JSON schema.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sheafnet.config.schema.data import DataSection
from sheafnet.config.schema.rules import LEARNING, NudgedRule, ProxRule, RuleSection
from sheafnet.config.schema.section import ExistingFile, Hosts, Section, as_section, expecting
from sheafnet.config.schema.simulator import SimulatorRuntime
from sheafnet.config.schema.training import TrainingSection
from sheafnet.core.naming import INPUT
from sheafnet.core.outputs import OutputForce
from sheafnet.runtime.cluster.cluster import Cluster
from sheafnet.runtime.jobs.initial import Start
from sheafnet.runtime.lockstep import Schedule
from sheafnet.runtime.simulator.light_cone import Push
from sheafnet.runtime.stop import Stop


class FileNetwork(Section):
    """A network saved by ``ReluNetwork.save``, or any .npz with W1, b1, … and output."""

    kind: Literal["file"]
    path: ExistingFile


class RandomNetwork(Section):
    """A network with He weights and zero biases."""

    kind: Literal["random"]
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)]
    output: Literal["identity", "sigmoid", "softmax"] = "identity"
    seed: Annotated[int, Field(ge=0)] = 0


class GridGraph(Section):
    """A square grid of vertices v0_0, v0_1 and so on."""

    kind: Literal["grid"]
    side: PositiveInt


class RegularGraph(Section):
    """A random graph in which every vertex has so many neighbours."""

    kind: Literal["regular"]
    vertices: PositiveInt
    degree: PositiveInt
    seed: Annotated[int, Field(ge=0)] = 0


class ErdosRenyiGraph(Section):
    """A random graph in which each pair of vertices has an edge with the same probability."""

    kind: Literal["erdos-renyi"]
    vertices: PositiveInt
    probability: Annotated[float, Field(gt=0.0, le=1.0)]
    seed: Annotated[int, Field(ge=0)] = 0


class StarGraph(Section):
    """v0 with all the others as its neighbours."""

    kind: Literal["star"]
    vertices: PositiveInt


class EdgesGraph(Section):
    """A graph edge by edge."""

    kind: Literal["edges"]
    edges: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]


GraphSection: TypeAlias = Annotated[
    GridGraph | RegularGraph | ErdosRenyiGraph | StarGraph | EdgesGraph,
    Field(discriminator="kind"),
]


class ConstantSheaf(Section):
    """The same stalk everywhere and the identity for every map: neighbours are to agree."""

    kind: Literal["constant"]
    graph: GraphSection
    dim: PositiveInt = Field(default=1, description="of every stalk")


class LockstepRuntime(Section):
    """Rounds in step, in one process."""

    kind: Literal["lockstep"]
    schedule: Schedule = "all"


class ClusterRuntime(Section):
    """Hosts as Ray actors: processes of their own, on this machine or on many."""

    kind: Literal["cluster"]
    address: str = Field(
        default=Cluster.address, description="local, auto (RAY_ADDRESS, or here), or host:port"
    )
    placement: Hosts = "by-layer"
    window: PositiveInt = Cluster.window
    max_restarts: Annotated[int, Field(ge=0)] = Cluster.max_restarts
    report_interval: PositiveFloat = Cluster.report_interval
    startup: PositiveFloat = Cluster.startup
    silence: PositiveFloat = Cluster.silence
    cpus: NonNegativeFloat = Cluster.cpus


class MetricsSection(Section):
    """Prometheus metrics, served while the job goes on."""

    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None, description="to listen on; 0 takes any that is free, none serves nothing"
    )
    address: str = Field(
        default="127.0.0.1", description="to listen at; 0.0.0.0 lets other machines scrape"
    )
    linger: NonNegativeFloat = Field(
        default=0.0, description="seconds for which the last values stay up after the end"
    )
    most_series: PositiveInt = Field(
        default=2000, description="above about this many, edges and vertices are summed by layer"
    )


class PinSection(Section):
    """Holds a stalk, or coordinates of it, or pulls them."""

    vertex: str
    data: Literal["inputs", "labels", "mean"] | None = Field(
        default=None,
        description="the samples; their labels, one-hot; or the mean of the inputs",
    )
    over: str | None = Field(
        default=None,
        description="array of sample indices in the data file over which the mean is taken; by "
        "default the samples of the run",
    )
    value: Annotated[float | list[float], expecting("a number or a list of them")] | None = Field(
        default=None, description="one number for all, or one a coordinate"
    )
    file: ExistingFile | None = Field(
        default=None, description="an .npz file with the value of the whole stalk"
    )
    array: str | None = Field(
        default=None, description="name of the array in it; by default that of the vertex"
    )
    coords: (
        Annotated[
            list[int] | Annotated[str, Field(pattern=r"^\d*:\d*$")],
            expecting("a list of whole numbers or first:end"),
        ]
        | None
    ) = Field(default=None, description="coordinates: a list, or first:end; by default all")
    strength: PositiveFloat | None = Field(
        default=None, description="γ of a soft pin, ½γ‖x − value‖²; by default the pin is hard"
    )

    @model_validator(mode="after")
    def _one_source(self) -> PinSection:
        sources = [key for key in ("data", "value", "file") if getattr(self, key) is not None]
        if len(sources) != 1:
            raise ValueError("a pin takes its value from one of data, value and file")
        if self.over is not None and self.data != "mean":
            raise ValueError("over goes with data: mean")
        if self.array is not None and self.file is None:
            raise ValueError("array goes with file")
        return self


class StopSection(Section):
    """When to stop."""

    stationarity: PositiveFloat | None = Field(
        default=None,
        description="largest force allowed; by default 1e-9 in float64, 1e-4 in float32",
    )
    max_rounds: PositiveInt = Stop.max_rounds
    max_time: PositiveFloat | None = None


class LightConeSection(Section):
    """Push a stalk in a twin of the run, and see when every vertex first changes."""

    vertex: str
    coordinate: Annotated[int, Field(ge=0)] = Push.coordinate
    at: NonNegativeFloat = Field(description="virtual time")
    by: float = Push.by


NetworkSection: TypeAlias = Annotated[FileNetwork | RandomNetwork, Field(discriminator="kind")]
RuntimeSection: TypeAlias = Annotated[
    LockstepRuntime | SimulatorRuntime | ClusterRuntime,
    Field(discriminator="kind"),
    BeforeValidator(as_section),
]


class Config(Section):
    """A job: which network, on which data, by which rule, where, and until when."""

    job: Literal["infer", "train"] = "infer"
    sheaf: ConstantSheaf | None = Field(
        default=None, description="instead of a network and its data"
    )
    network: NetworkSection | None = Field(default=None, validate_default=True)
    data: DataSection | None = Field(default=None, validate_default=True)
    pins: tuple[PinSection, ...] = Field(
        default=(),
        description="by default the data at the input of a network, nothing of another sheaf",
    )
    output_force: OutputForce = Field(
        default="auto",
        description="of an output activation: by default that of the cross-entropy where the "
        "output is pinned hard, of the squared residual elsewhere",
    )
    rule: RuleSection = Field(
        default=ProxRule(kind="prox"), description="by default prox to infer, nudged to train"
    )
    training: TrainingSection | None = Field(
        default=None, description="for the job train", validate_default=True
    )
    runtime: RuntimeSection = LockstepRuntime(kind="lockstep")
    stop: StopSection = StopSection()
    light_cone: LightConeSection | None = Field(
        default=None, description="for the simulator: how fast a change spreads"
    )
    metrics: MetricsSection = MetricsSection()
    init: Start = Field(
        default="random", description="by default random to infer, forward to train"
    )
    seed: Annotated[int, Field(ge=0)] = 0
    dtype: Literal["float64", "float32"] = "float64"

    @field_validator("network", "data")
    @classmethod
    def _one_source(cls, section: Section | None, info: ValidationInfo) -> Section | None:
        """Have either a network with data or a sheaf without."""
        other = info.data.get("sheaf")
        if section is None and other is None:
            raise PydanticCustomError("missing", "this key is required")
        if section is not None and other is not None:
            raise ValueError("goes with a network; the sheaf is there already")
        return section

    @field_validator("pins")
    @classmethod
    def _some_pins(
        cls, pins: tuple[PinSection, ...], info: ValidationInfo
    ) -> tuple[PinSection, ...]:
        """Have something of a network pinned, if anything is said of pins."""
        if not pins and info.data.get("sheaf") is None and info.data.get("job") == "infer":
            raise PydanticCustomError("too_short", "a network needs at least one pin")
        return pins

    @field_validator("rule")
    @classmethod
    def _fits_the_job(cls, rule: RuleSection, info: ValidationInfo) -> RuleSection:
        """Have a rule that learns to train, and none to infer."""
        trains, learns = info.data.get("job") == "train", isinstance(rule, LEARNING)
        if trains and not learns:
            raise ValueError(f"{rule.kind} does not learn; to train, take nudged, relax or joint")
        if learns and not trains:
            raise ValueError(f"{rule.kind} changes the maps, which is the job train")
        return rule

    @field_validator("training")
    @classmethod
    def _goes_with_the_job(
        cls, training: TrainingSection | None, info: ValidationInfo
    ) -> TrainingSection | None:
        trains = info.data.get("job") == "train"
        if trains and training is None:
            raise PydanticCustomError("missing", "this key is required")
        if training is not None and not trains:
            raise ValueError("goes with the job train")
        return training

    @model_validator(mode="after")
    def _only_data(self) -> Config:
        """Have nothing in training that is of a run only; take its usual rule."""
        if self.job == "train":
            for key in ("sheaf", "pins", "light_cone", "stop", "output_force"):
                if getattr(self, key) != Config.model_fields[key].default:
                    raise ValueError(f"{key} goes with the job infer; training pins the data")
            if "rule" not in self.model_fields_set:
                object.__setattr__(self, "rule", NudgedRule(kind="nudged"))
            if "init" not in self.model_fields_set:
                object.__setattr__(self, "init", "forward")
        return self

    @model_validator(mode="after")
    def _pinned(self) -> Config:
        """Pin the input of a network if nothing is said of pins."""
        if self.job == "infer" and self.sheaf is None and "pins" not in self.model_fields_set:
            object.__setattr__(self, "pins", (PinSection(vertex=INPUT, data="inputs"),))
        return self
