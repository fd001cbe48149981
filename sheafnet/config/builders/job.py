"""The builder of a job: network or sheaf, data, rule and runtime that a configuration describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from numpy.typing import ArrayLike

from sheafnet import api
from sheafnet.config.builders.pins import build_pins
from sheafnet.config.builders.samples import Samples, build_samples, build_test
from sheafnet.config.builders.sheaf import build_sheaf
from sheafnet.config.builders.simulator import build_simulator
from sheafnet.config.builders.training import build_optimiser
from sheafnet.config.faults import Faults
from sheafnet.config.load import Loaded
from sheafnet.config.schema.job import (
    ClusterRuntime,
    Config,
    FileNetwork,
    LockstepRuntime,
    NetworkSection,
    RandomNetwork,
)
from sheafnet.core.network import ReluNetwork
from sheafnet.core.pins import Pin
from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import RULES, Heat, Joint, Prox, Sor
from sheafnet.errors import ConfigError, InputError
from sheafnet.runtime.cluster.cluster import Cluster
from sheafnet.runtime.interface import Runtime
from sheafnet.runtime.jobs.checkpoint import Checkpoint
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.run import Run
from sheafnet.runtime.jobs.training import Training
from sheafnet.runtime.lockstep import Lockstep
from sheafnet.runtime.simulator.light_cone import LightCone, Push
from sheafnet.runtime.stop import Stop

RULE_KINDS: dict[str, Callable[..., Rule]] = {
    **RULES,
    "joint": Joint,
}
"""Value of the key ``kind`` of a rule → the class of this rule."""

STALKS: dict[str, Callable[[], Rule]] = {"prox": lambda: Prox("keep"), "heat": Heat, "sor": Sor}
"""Value of the key ``stalks`` of a learning rule → function that returns the rule of the stalks."""

CLUSTER_SETTINGS = tuple(field.name for field in fields(Cluster))


@dataclass(frozen=True, eq=False)
class InferJob:
    """A sheaf with its pins, and the configuration of the run that relaxes it.

    Attributes
    ----------
    config
        The configuration that describes the job.
    sheaf
        The sheaf of ``network``, or the constant sheaf that ``config`` describes.
    pins
        The pins of the sheaf, with a value for every sample.
    network
        The network whose sheaf is ``sheaf``; None for a constant sheaf.
    samples
        The samples from which the pins were made; None for a constant sheaf.
    """

    config: Config
    sheaf: Sheaf
    pins: tuple[Pin, ...]
    network: ReluNetwork | None = None
    samples: Samples | None = None

    def prepare(self, observer: Observer, trace: Callable[[str], None] | None = None) -> Run:
        """Return a run that has not begun; see ``sheafnet.api.prepare``.

        Parameters
        ----------
        observer
            Observer whose methods are called at the start, with progress, and at the end.
        trace
            Function that is called with a line of text for every event, if the runtime is the
            simulator. With None (default) no lines are made.

        Raises
        ------
        InputError
            If the rule cannot be used on this sheaf with these pins, or if ``init`` is ``forward``
            and the pins do not determine a forward pass.
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
        """Simulate a push of one stalk and return when the change reaches each other vertex.

        The result is None if the configuration has no section ``light_cone``.

        Raises
        ------
        InputError
            If the runtime is not the simulator; if the sheaf does not have the pushed vertex or
            coordinate; if a hard pin holds this coordinate; or if the host of the vertex is down at
            the time of the push.
        """
        section = self.config.light_cone
        if section is None:
            return None
        return api.light_cone(self.prepare(Observer()), Push(**section.model_dump()))


@dataclass(frozen=True, eq=False)
class TrainJob:
    """A network with its samples, and the configuration of its training.

    Attributes
    ----------
    config
        The configuration that describes the job.
    network
        The network before training.
    samples
        The training samples.
    test
        The test samples, on which each evaluation measures the network as well; None if there are
        no test samples.
    """

    config: Config
    network: ReluNetwork
    samples: Samples
    test: Samples | None

    def prepare(
        self,
        observer: Observer,
        trace: Callable[[str], None] | None = None,
        resumed: Checkpoint | None = None,
    ) -> Training:
        """Return a training that has not begun; see ``sheafnet.api.prepare_training``.

        Parameters
        ----------
        observer
            Observer whose methods are called at the start, with progress and every evaluation, and
            at the end.
        trace
            Function that is called with a line of text for every event, if the runtime is the
            simulator. With None (default) no lines are made.
        resumed
            Checkpoint of the same training, from which the training continues. None (default)
            begins a new training.

        Raises
        ------
        InputError
            If the samples have both labels and targets, or neither; if the samples do not fit the
            network; or if settings of the training are out of range or contradict each other.
        """
        config, section = self.config, self.config.training
        assert section is not None
        test = self.test
        return api.prepare_training(
            self.network,
            self.samples.inputs,
            _aims(self.samples),
            rule=build_rule(config),
            optimiser=None if section.optimiser is None else build_optimiser(section.optimiser),
            rounds=section.rounds,
            epochs=section.epochs,
            max_time=section.max_time,
            batch_size=section.batch_size,
            batches_in_flight=section.batches_in_flight,
            every=section.every,
            patience=section.patience,
            label_smoothing=section.label_smoothing,
            test=None if test is None else (test.inputs, _aims(test)),
            runtime=build_runtime(config, trace),
            init=config.init,
            seed=config.seed,
            observer=observer,
            resumed=resumed,
        )


def _aims(samples: Samples) -> ArrayLike:
    """Return the labels of ``samples`` if they have labels, else their targets.

    Raises
    ------
    InputError
        If the samples have both labels and targets, or neither.
    """
    known = [aims for aims in (samples.labels, samples.targets) if aims is not None]
    if len(known) != 1:
        raise InputError("data: name either labels or targets, which are what is to be learned")
    return known[0]


def build_job(loaded: Loaded) -> InferJob | TrainJob:
    """Return the job that a configuration describes.

    The function reads every file that the configuration names and checks the content.

    Parameters
    ----------
    loaded
        A valid configuration and the source of its values.

    Raises
    ------
    ConfigError
        If a file cannot be read, or if network, samples, pins, rule and runtime do not fit each
        other. The error lists every fault that was found, each under its key.
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
    if config.training is not None and network is not None and samples is not None:
        return _build_training(loaded, network, samples, faults)
    pins: tuple[Pin, ...] = ()
    if sheaf is not None and not faults.found:
        pins = build_pins(config, sheaf, samples, faults)
    if sheaf is None or faults.found:
        raise ConfigError(faults.found)
    return InferJob(config, sheaf, pins, network, samples)


def build_inference(loaded: Loaded, why: str = "expected the job infer") -> InferJob:
    """Return the job that a configuration describes; the job must be ``infer``.

    Parameters
    ----------
    loaded
        A valid configuration and the source of its values.
    why
        Message of the fault that is raised if the job is not ``infer``.

    Raises
    ------
    ConfigError
        If the job is not ``infer``, or if ``build_job`` finds faults.
    """
    job = build_job(loaded)
    if not isinstance(job, InferJob):
        raise ConfigError([loaded.fault("job", why)])
    return job


def _build_training(
    loaded: Loaded, network: ReluNetwork, samples: Samples, faults: Faults
) -> TrainJob:
    """Return the training job, after a check that its method ``prepare`` raises no error.

    Raises
    ------
    ConfigError
        If there are faults; the error lists all of them.
    """
    config = loaded.config
    assert config.data is not None
    assert config.training is not None
    test = build_test(config.data, config.training.test, faults)
    if test is not None:
        test.require_fit(network.widths, faults, "training.test")
    job = TrainJob(config, network, samples, test)
    if not faults.found:
        faults.attempt("training", lambda: job.prepare(Observer()))
    if faults.found:
        raise ConfigError(faults.found)
    return job


def build_network(section: NetworkSection, dtype: str) -> ReluNetwork:
    """Return the network that ``section`` describes.

    Parameters
    ----------
    section
        The description of the network.
    dtype
        Precision of the maps of the network: ``"float64"`` or ``"float32"``.

    Raises
    ------
    InputError
        If the file cannot be read; if it does not have the arrays of a network; or if the shapes of
        its arrays do not fit together.
    """
    match section:
        case FileNetwork(path=path):
            network = ReluNetwork.load(path)
        case RandomNetwork(widths=widths, seed=seed, output=output):
            network = ReluNetwork.random(widths, seed, output)
    return network.astype(dtype)


def build_rule(config: Config) -> Rule:
    """Return the rule that ``config`` describes, with its settings.

    Raises
    ------
    RuleError
        If a setting of the rule is out of range.
    """
    section = config.rule
    settings = {name: getattr(section, name) for name in type(section).model_fields}
    kind = RULE_KINDS[settings.pop("kind")]
    stalks = settings.pop("stalks", None)
    return kind(**settings) if stalks is None else kind(stalks=STALKS[stalks](), **settings)


def build_runtime(config: Config, trace: Callable[[str], None] | None = None) -> Runtime:
    """Return the runtime that ``config`` describes, with its settings.

    Parameters
    ----------
    config
        The configuration.
    trace
        Function that is called with a line of text for every event, if the runtime is the
        simulator. With None (default) no lines are made.

    Raises
    ------
    InputError
        If a setting of the runtime is out of range, or if a file of delays cannot be read.
    """
    runtime = config.runtime
    if isinstance(runtime, LockstepRuntime):
        return Lockstep(runtime.schedule)
    if isinstance(runtime, ClusterRuntime):
        return Cluster(**{name: getattr(runtime, name) for name in CLUSTER_SETTINGS})
    return build_simulator(runtime, trace)
