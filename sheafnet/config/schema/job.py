"""The whole configuration, and its sections about networks, sheaves, runtimes, pins and metrics.

``sheafnet schema`` prints ``sheafnet.config.schema.job.Config`` as a JSON schema.
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
    """A network saved by ``sn.ReluNetwork.save``, or an ``.npz`` file with W1, b1, … and output."""

    kind: Literal["file"]
    path: ExistingFile
    """The ``.npz`` file, relative to the configuration file."""


class RandomNetwork(Section):
    """A network with He weights (normal, variance 2/n_in) and zero biases."""

    kind: Literal["random"]
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)]
    """Widths n_0 … n_{k+1} of the layers, input and output included; at least two."""
    output: Literal["identity", "sigmoid", "softmax"] = "identity"
    """Activation of the output; with ``identity`` the output is the last preactivation."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the weights; 0 or more."""


class GridGraph(Section):
    """A square grid of side × side vertices, v0_0, v0_1 and so on."""

    kind: Literal["grid"]
    side: PositiveInt
    """Number of vertices along a side; at least 1."""


class RegularGraph(Section):
    """A random graph in which every vertex has the same number of neighbours."""

    kind: Literal["regular"]
    vertices: PositiveInt
    """Number of vertices, v0, v1 and so on; more than ``degree``."""
    degree: PositiveInt
    """Number of neighbours of each vertex; ``vertices`` times ``degree`` must be even."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the graph; 0 or more."""


class ErdosRenyiGraph(Section):
    """A random graph in which each pair of vertices has an edge with the same probability."""

    kind: Literal["erdos-renyi"]
    vertices: PositiveInt
    """Number of vertices, v0, v1 and so on; at least 1."""
    probability: Annotated[float, Field(gt=0.0, le=1.0)]
    """Probability of each edge, in (0, 1]."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the graph; 0 or more."""


class StarGraph(Section):
    """The vertex v0, with an edge to each other vertex."""

    kind: Literal["star"]
    vertices: PositiveInt
    """Number of vertices, v0 included; at least 1."""


class EdgesGraph(Section):
    """A graph given by a list of its edges."""

    kind: Literal["edges"]
    edges: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]
    """Pairs of vertex names, tail and head; at least one."""


GraphSection: TypeAlias = Annotated[
    GridGraph | RegularGraph | ErdosRenyiGraph | StarGraph | EdgesGraph,
    Field(discriminator="kind"),
]


class ConstantSheaf(Section):
    """A sheaf with the same stalk at every vertex and the identity as every restriction map."""

    kind: Literal["constant"]
    graph: GraphSection
    """The graph of the sheaf."""
    dim: PositiveInt = Field(default=1, description="Dimension of every stalk; at least 1.")


class LockstepRuntime(Section):
    """Synchronous rounds in one process."""

    kind: Literal["lockstep"]
    schedule: Schedule = "all"
    """``all``: every vertex steps in each round. ``alternating``: the colours of the graph take
    turns within a round."""


class ClusterRuntime(Section):
    """Hosts as Ray actors, each a process of its own, on this machine or on several."""

    kind: Literal["cluster"]
    address: str = Field(
        default=Cluster.address,
        description="Ray cluster to use: ``local`` (default) starts Ray on this machine, ``auto`` "
        "joins the Ray that runs here or that RAY_ADDRESS names, and host:port joins "
        "that one.",
    )
    placement: Hosts = "by-layer"
    """Vertices of each host: ``by-layer``, ``by-vertex``, or each host with a list of vertices."""
    window: PositiveInt = Cluster.window
    """Unacknowledged frames that a host may have in flight to each peer; at least 1."""
    max_restarts: Annotated[int, Field(ge=0)] = Cluster.max_restarts
    """Number of times that each host may be lost and return before the run fails; 0 or more."""
    report_interval: PositiveFloat = Cluster.report_interval
    """Seconds from one wave of the coordinator to the next; positive."""
    startup: PositiveFloat = Cluster.startup
    """Seconds within which a host must start, at first and after each loss; positive."""
    silence: PositiveFloat = Cluster.silence
    """Seconds without an answer after which a host or the cluster counts as lost; positive."""
    cpus: NonNegativeFloat = Cluster.cpus
    """Cores that Ray reserves for each host; 0 lets hosts share them freely."""


class MetricsSection(Section):
    """Prometheus metrics, served over HTTP while the job runs."""

    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="TCP port of the metrics; 0 takes any free port. By default no metrics are "
        "served.",
    )
    address: str = Field(
        default="127.0.0.1",
        description="Network address of the metrics. Only this machine reaches the default; "
        "0.0.0.0 lets other machines scrape.",
    )
    linger: NonNegativeFloat = Field(
        default=0.0,
        description="Seconds for which the last values stay available after the end of the run; 0 "
        "or more.",
    )
    most_series: PositiveInt = Field(
        default=2000,
        description="Number of series, roughly, above which edges and vertices are summed by "
        "layer; at least 1.",
    )


class PinSection(Section):
    """A pin: it holds a stalk, or coordinates of one, or pulls them with a strength."""

    vertex: str
    """Name of the vertex."""
    data: Literal["inputs", "labels", "mean"] | None = Field(
        default=None,
        description="Source of the value: the ``inputs`` of the samples, their ``labels`` as "
        "one-hot vectors, or the ``mean`` of the inputs. A pin needs one of data, "
        "value and file.",
    )
    over: str | None = Field(
        default=None,
        description="Name of an array of sample indices in the data file, for ``data: mean``. By "
        "default the mean is over the samples of the run.",
    )
    value: Annotated[float | list[float], expecting("a number or a list of them")] | None = Field(
        default=None,
        description="Value: one number for all coordinates, or a list with one number for each.",
    )
    file: ExistingFile | None = Field(
        default=None,
        description="An ``.npz`` file with the value of the whole stalk, relative to the "
        "configuration file.",
    )
    array: str | None = Field(
        default=None,
        description="Name of the array in ``file``; by default the name of the vertex.",
    )
    coords: (
        Annotated[
            list[int] | Annotated[str, Field(pattern=r"^\d*:\d*$")],
            expecting("a list of whole numbers or first:end"),
        ]
        | None
    ) = Field(
        default=None,
        description="Coordinates that are pinned, from 0: a list, or first:end without the end. "
        "By default all.",
    )
    strength: PositiveFloat | None = Field(
        default=None,
        description="Strength γ of a soft pin, which adds ½γ‖x − value‖² to the energy; positive. "
        "By default the pin is hard: it holds the stalk at the value.",
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
    """The conditions on which a run stops."""

    stationarity: PositiveFloat | None = Field(
        default=None,
        description="Largest coordinate of ∇E at a free vertex at which a run counts as "
        "converged, in units of the stalks; positive. By default 1e-9 in float64 and "
        "1e-4 in float32.",
    )
    max_rounds: PositiveInt = Stop.max_rounds
    """Largest number of rounds, at least 1. A round is one step of every vertex in lockstep, and
    elsewhere as many messages as twice the number of edges."""
    max_time: PositiveFloat | None = None
    """Largest time, positive: virtual time, one unit a round in lockstep, or seconds on a cluster.
    By default there is no limit."""


class LightConeSection(Section):
    """A push of one stalk in a twin of the run, which shows when each vertex first changes."""

    vertex: str
    """Name of the pushed vertex."""
    coordinate: Annotated[int, Field(ge=0)] = Push.coordinate
    """Coordinate of its stalk that is pushed, from 0, in every sample."""
    at: NonNegativeFloat = Field(description="Virtual time of the push; 0 or more.")
    by: float = Push.by
    """Number that is added to the coordinate; not 0."""


NetworkSection: TypeAlias = Annotated[FileNetwork | RandomNetwork, Field(discriminator="kind")]
RuntimeSection: TypeAlias = Annotated[
    LockstepRuntime | SimulatorRuntime | ClusterRuntime,
    Field(discriminator="kind"),
    BeforeValidator(as_section),
]


class Config(Section):
    """A job: its network or sheaf, its data, its rule, its runtime, and when it stops."""

    job: Literal["infer", "train"] = "infer"
    """``infer`` relaxes stalks; ``train`` changes the maps of a network."""
    sheaf: ConstantSheaf | None = Field(
        default=None,
        description="A sheaf on a graph, for ``infer``. By default the sheaf is that of "
        "``network``, and ``data`` must be given.",
    )
    network: NetworkSection | None = Field(default=None, validate_default=True)
    """The network. It is required unless ``sheaf`` is given, and goes with ``data``."""
    data: DataSection | None = Field(default=None, validate_default=True)
    """The samples. They are required with ``network`` and not allowed with ``sheaf``."""
    pins: tuple[PinSection, ...] = Field(
        default=(),
        description="Stalks that are held or pulled, for ``infer``. By default the inputs of the "
        "samples hold a0 of a network, and nothing of another sheaf is pinned.",
    )
    output_force: OutputForce = Field(
        default="auto",
        description="Force of an output activation on the stalk before it: ``cross-entropy``, "
        "``jacobian`` (of the squared residual), or ``auto``, which takes the first "
        "where the output is pinned hard and the second elsewhere.",
    )
    rule: RuleSection = Field(
        default=ProxRule(kind="prox"),
        description="What each vertex does in a step. By default ``prox`` to infer and ``nudged`` "
        "to train.",
    )
    training: TrainingSection | None = Field(
        default=None,
        description="Optimiser and length of the training; required for the job ``train``, and "
        "only allowed there.",
        validate_default=True,
    )
    runtime: RuntimeSection = LockstepRuntime(kind="lockstep")
    """Where the job runs; by default in lockstep."""
    stop: StopSection = StopSection()
    """The conditions on which a run stops, for the job ``infer``."""
    light_cone: LightConeSection | None = Field(
        default=None,
        description="Measurement of how fast a change spreads, for ``infer`` on the simulator. By "
        "default there is none.",
    )
    metrics: MetricsSection = MetricsSection()
    """Prometheus metrics; by default none are served."""
    init: Start = Field(
        default="random",
        description="Stalks at the start: ``random`` (standard normal), ``zeros``, or ``forward`` "
        "(the forward pass). By default ``random`` to infer and ``forward`` to train.",
    )
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of a random start and of the order of samples in training; 0 or more."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision of all stalks and maps; a constant sheaf takes ``float64`` only."""

    @field_validator("network", "data")
    @classmethod
    def _one_source(cls, section: Section | None, info: ValidationInfo) -> Section | None:
        """Check that there is either a network with data, or a sheaf without data.

        Raises
        ------
        PydanticCustomError
            If the key is missing and there is no sheaf.
        ValueError
            If the key is given beside a sheaf.
        """
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
        """Check that a list of pins that is given for a network is not empty.

        Raises
        ------
        PydanticCustomError
            If it is empty.
        """
        if not pins and info.data.get("sheaf") is None and info.data.get("job") == "infer":
            raise PydanticCustomError("too_short", "a network needs at least one pin")
        return pins

    @field_validator("rule")
    @classmethod
    def _fits_the_job(cls, rule: RuleSection, info: ValidationInfo) -> RuleSection:
        """Check that the rule learns if the job trains, and relaxes if it infers.

        Raises
        ------
        ValueError
            If the rule is for the other job.
        """
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
        """Check that training has no key of ``infer`` alone; fill in its default rule and start.

        Raises
        ------
        ValueError
            If the job trains and such a key differs from its default.
        """
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
        """Pin the input of a network to the data if the key ``pins`` is not given."""
        if self.job == "infer" and self.sheaf is None and "pins" not in self.model_fields_set:
            object.__setattr__(self, "pins", (PinSection(vertex=INPUT, data="inputs"),))
        return self
