"""The whole configuration, and the sections about networks, sheaves, runtimes, pins and metrics.

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
    """A network from a file with arrays W1, b1, … and output, as ``sn.ReluNetwork.save`` writes."""

    kind: Literal["file"]
    path: ExistingFile
    """The ``.npz`` file, relative to the configuration file."""


class RandomNetwork(Section):
    """A network with zero biases and normal weights of variance 2/n_in for n_in inputs (He)."""

    kind: Literal["random"]
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)]
    """Widths n_0 … n_{k+1} of the layers, input and output included; at least two."""
    output: Literal["identity", "sigmoid", "softmax"] = "identity"
    """Activation of the output; with ``identity`` the output is the last preactivation."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the weights; 0 or more."""


class GridGraph(Section):
    """A square grid of side × side vertices with the names v0_0, v0_1 and so on."""

    kind: Literal["grid"]
    side: PositiveInt
    """Number of vertices along a side; at least 1."""


class RegularGraph(Section):
    """A random graph in which every vertex has the same number of neighbours."""

    kind: Literal["regular"]
    vertices: PositiveInt
    """Number of vertices, more than ``degree``. Their names are v0, v1 and so on."""
    degree: PositiveInt
    """Number of neighbours of each vertex, at least 1. ``vertices`` times ``degree`` must be
    even."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the graph; 0 or more."""


class ErdosRenyiGraph(Section):
    """A random graph in which each pair of vertices has an edge with the same probability."""

    kind: Literal["erdos-renyi"]
    vertices: PositiveInt
    """Number of vertices, at least 1. Their names are v0, v1 and so on."""
    probability: Annotated[float, Field(gt=0.0, le=1.0)]
    """Probability of each edge, in (0, 1]."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the graph; 0 or more."""


class StarGraph(Section):
    """A graph with an edge from the vertex v0 to each other vertex."""

    kind: Literal["star"]
    vertices: PositiveInt
    """Number of vertices, v0 included; at least 1."""


class EdgesGraph(Section):
    """A graph given by a list of its edges."""

    kind: Literal["edges"]
    edges: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]
    """Pairs of names of vertices, first the tail and then the head; at least one pair."""


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
    """A runtime that runs a job in one process, round by round and without hosts."""

    kind: Literal["lockstep"]
    schedule: Schedule = "all"
    """Order of the steps in a round. ``all`` (default): all vertices step at the same time.
    ``alternating``: the vertices are coloured so that neighbours have different colours, and one
    colour steps after the other."""


class ClusterRuntime(Section):
    """A runtime whose hosts are Ray actors, each in its own process, on one or several machines."""

    kind: Literal["cluster"]
    address: str = Field(
        default=Cluster.address,
        description="Ray cluster to use. ``local`` (default) starts Ray on this machine. ``auto`` "
        "joins the Ray that the environment variable RAY_ADDRESS names, or that runs on this "
        "machine. host:port joins the Ray whose head has this address.",
    )
    placement: Hosts = "by-layer"
    """Placement of the vertices on hosts: ``by-layer`` (default), ``by-vertex``, or a mapping of
    each host to a list of its vertices."""
    window: PositiveInt = Cluster.window
    """Largest number of frames that a host may have in flight (sent and not acknowledged) to each
    other host; at least 1."""
    max_restarts: Annotated[int, Field(ge=0)] = Cluster.max_restarts
    """Number of times that each host may be lost and restarted, 0 or more. The run fails if a host
    is lost once more."""
    report_interval: PositiveFloat = Cluster.report_interval
    """Seconds from one wave to the next, positive. In a wave the coordinator asks every host for a
    report."""
    startup: PositiveFloat = Cluster.startup
    """Seconds within which a host must start, and restart after a loss, else the run fails;
    positive."""
    silence: PositiveFloat = Cluster.silence
    """Seconds for which a host or the coordinator may leave a request unanswered, else the run
    fails; positive."""
    cpus: NonNegativeFloat = Cluster.cpus
    """Number of cores that Ray reserves for each host. With 0 Ray reserves none, and all hosts
    share the cores."""


class MetricsSection(Section):
    """Prometheus metrics, served over HTTP while the job runs."""

    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="TCP port of the metrics; 0 means any free port. By default no metrics are "
        "served.",
    )
    address: str = Field(
        default="127.0.0.1",
        description="Network address at which the metrics are served. The default 127.0.0.1 can "
        "be reached from this machine only, 0.0.0.0 from other machines as well.",
    )
    linger: NonNegativeFloat = Field(
        default=0.0,
        description="Seconds for which the last values stay available after the end of the run; 0 "
        "or more.",
    )
    most_series: PositiveInt = Field(
        default=2000,
        description="Approximate largest number of series (a metric with its labels), at least 1. "
        "If there would be more, the edges and vertices of a layer share one label. Their discord, "
        "tension and counts are then summed, and their stationarity is the maximum.",
    )


class PinSection(Section):
    """A pin of some coordinates: a hard pin holds them at a value, a soft pin pulls them to it."""

    vertex: str
    """Name of the vertex."""
    data: Literal["inputs", "labels", "mean"] | None = Field(
        default=None,
        description="Source of the value: the ``inputs`` of the samples, the ``labels`` of the "
        "samples as one-hot vectors, or the ``mean`` of the inputs over the samples. A pin needs "
        "exactly one of data, value and file.",
    )
    over: str | None = Field(
        default=None,
        description="Name of an array of sample indices in the data file. The mean is taken over "
        "these samples. Only with ``data: mean``. By default the mean is taken over the samples "
        "of the run.",
    )
    value: Annotated[float | list[float], expecting("a number or a list of them")] | None = Field(
        default=None,
        description="The value itself: one number for all pinned coordinates, or a list with one "
        "number for each.",
    )
    file: ExistingFile | None = Field(
        default=None,
        description="An ``.npz`` file with the value for the whole stalk; the path is relative to "
        "the configuration file.",
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
        description="Indices of the pinned coordinates, counted from 0: a list, or first:end, "
        "which does not include end. By default all coordinates are pinned.",
    )
    strength: PositiveFloat | None = Field(
        default=None,
        description="Strength γ of a soft pin, positive. The pin adds ½γ‖x − value‖² to the "
        "energy, where x is the vector of the pinned coordinates. By default the pin is hard: it "
        "holds x at the value.",
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
    """The tolerance and the limits at which a run stops."""

    stationarity: PositiveFloat | None = Field(
        default=None,
        description="Tolerance: a run has converged when no coordinate of the force exceeds it, "
        "in units of the stalks; positive. The force is the part of −∇E that can move a vertex. "
        "By default 1e-9 in float64 and 1e-4 in float32.",
    )
    max_rounds: PositiveInt = Stop.max_rounds
    """Largest number of rounds, at least 1. In lockstep a round is one pass over all vertices. On
    hosts a round is twice as many accepted messages as there are edges."""
    max_time: PositiveFloat | None = None
    """Largest time, positive: virtual time on the simulator, rounds in lockstep, seconds on a
    cluster. By default there is no limit."""


class LightConeSection(Section):
    """A push (a change of one stalk from outside), to measure when other vertices change."""

    vertex: str
    """Name of the pushed vertex."""
    coordinate: Annotated[int, Field(ge=0)] = Push.coordinate
    """Index of the coordinate of the stalk that is pushed, counted from 0. It is pushed in every
    sample."""
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
    """A job: its network or sheaf, its data, its rule, its runtime, and its conditions to stop."""

    job: Literal["infer", "train"] = "infer"
    """``infer`` (default) changes stalks until every vertex is stationary. ``train`` changes the
    maps of a network."""
    sheaf: ConstantSheaf | None = Field(
        default=None,
        description="A sheaf on a graph, only for the job ``infer``. By default the job has the "
        "sheaf of ``network``, and ``network`` and ``data`` must be given.",
    )
    network: NetworkSection | None = Field(default=None, validate_default=True)
    """The network. It is required unless ``sheaf`` is given, and not allowed with ``sheaf``."""
    data: DataSection | None = Field(default=None, validate_default=True)
    """The samples. They are required with ``network`` and not allowed with ``sheaf``."""
    pins: tuple[PinSection, ...] = Field(
        default=(),
        description="Pins of stalks, only for the job ``infer``. By default the input a0 of a "
        "network is held at the inputs of the samples, and in a constant sheaf nothing is pinned.",
    )
    output_force: OutputForce = Field(
        default="auto",
        description="Energy of the edge with the output activation. It determines the force on "
        "the stalk at the tail of this edge. ``cross-entropy`` is a loss, ``jacobian`` half the "
        "squared residual. ``auto`` (default) takes ``cross-entropy`` if the whole output is "
        "pinned hard, and ``jacobian`` otherwise.",
    )
    rule: RuleSection = Field(
        default=ProxRule(kind="prox"),
        description="Algorithm that each vertex follows. By default ``prox`` for the job "
        "``infer`` and ``nudged`` for the job ``train``.",
    )
    training: TrainingSection | None = Field(
        default=None,
        description="Optimiser and length of the training. Required for the job ``train``, not "
        "allowed for ``infer``.",
        validate_default=True,
    )
    runtime: RuntimeSection = LockstepRuntime(kind="lockstep")
    """Runtime that runs the job; by default ``lockstep``."""
    stop: StopSection = StopSection()
    """Tolerance and limits at which a run stops, only for the job ``infer``."""
    light_cone: LightConeSection | None = Field(
        default=None,
        description="Measurement of how fast a push (a change of one stalk) spreads, only for the "
        "job ``infer`` on the simulator. By default no push is simulated.",
    )
    metrics: MetricsSection = MetricsSection()
    """Prometheus metrics; by default no metrics are served."""
    init: Start = Field(
        default="random",
        description="Stalks at the start: ``random`` (standard normal), ``zeros``, or ``forward`` "
        "(the forward pass). By default ``random`` for the job ``infer`` and ``forward`` for "
        "``train``.",
    )
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of a random start and of the order of samples in training; 0 or more."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision of all stalks and maps; for a constant sheaf it must be ``float64``."""

    @field_validator("network", "data")
    @classmethod
    def _one_source(cls, section: Section | None, info: ValidationInfo) -> Section | None:
        """Check that exactly one of ``sheaf`` and this key (``network`` or ``data``) is given.

        Raises
        ------
        PydanticCustomError
            If the key and ``sheaf`` are both missing.
        ValueError
            If the key and ``sheaf`` are both given.
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
        """Check that the list of pins for a network is not empty, if it is given.

        Raises
        ------
        PydanticCustomError
            If the list is given for a network in the job ``infer``, and is empty.
        """
        if not pins and info.data.get("sheaf") is None and info.data.get("job") == "infer":
            raise PydanticCustomError("too_short", "a network needs at least one pin")
        return pins

    @field_validator("rule")
    @classmethod
    def _fits_the_job(cls, rule: RuleSection, info: ValidationInfo) -> RuleSection:
        """Check that the rule changes maps if and only if the job is ``train``.

        Raises
        ------
        ValueError
            If the rule changes maps and the job is ``infer``, or if the rule does not change maps
            and the job is ``train``.
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
        """Check that a training has no key that is only for ``infer``.

        Also set the defaults of ``rule`` and ``init`` for a training.

        Raises
        ------
        ValueError
            If the job is ``train`` and the value of such a key is not the default.
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
        """Pin the input of a network to the inputs of the samples if ``pins`` is not given."""
        if self.job == "infer" and self.sheaf is None and "pins" not in self.model_fields_set:
            object.__setattr__(self, "pins", (PinSection(vertex=INPUT, data="inputs"),))
        return self
