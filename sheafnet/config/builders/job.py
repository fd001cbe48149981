"""The builder of a job: its problem, observer and runtime, from a valid configuration."""

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
STALKS: dict[str, Callable[[], Rule]] = {"prox": lambda: Prox("keep"), "heat": Heat, "sor": Sor}
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


@dataclass(frozen=True, eq=False)
class TrainJob:
    """A network, what it learns from, and how.

    Attributes
    ----------
    config
        Says all that.
    network
        As it begins.
    samples, test
        What it learns from, and what it is tested on.
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
        """Return the training, not begun yet; see ``api.prepare_training``.

        The first arguments are those of ``InferJob.prepare``; the last is what it goes on from.
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
    """Return what the network is to say."""
    known = [aims for aims in (samples.labels, samples.targets) if aims is not None]
    if len(known) != 1:
        raise InputError("data: name either labels or targets, which are what is to be learned")
    return known[0]


def build_job(loaded: Loaded) -> InferJob | TrainJob:
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
    if config.training is not None and network is not None and samples is not None:
        return _build_training(loaded, network, samples, faults)
    pins: tuple[Pin, ...] = ()
    if sheaf is not None and not faults.found:
        pins = build_pins(config, sheaf, samples, faults)
    if sheaf is None or faults.found:
        raise ConfigError(faults.found)
    return InferJob(config, sheaf, pins, network, samples)


def build_inference(loaded: Loaded, why: str = "expected the job infer") -> InferJob:
    """Return the job to infer; ``ConfigError``, saying ``why``, if it is another."""
    job = build_job(loaded)
    if not isinstance(job, InferJob):
        raise ConfigError([loaded.fault("job", why)])
    return job


def _build_training(
    loaded: Loaded, network: ReluNetwork, samples: Samples, faults: Faults
) -> TrainJob:
    """Return the job, once it has been seen that it can be prepared."""
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
    """Return the network that ``section`` describes, in a precision."""
    match section:
        case FileNetwork(path=path):
            network = ReluNetwork.load(path)
        case RandomNetwork(widths=widths, seed=seed, output=output):
            network = ReluNetwork.random(widths, seed, output)
    return network.astype(dtype)


def build_rule(config: Config) -> Rule:
    """Return the rule of ``config`` with its settings."""
    section = config.rule
    settings = {name: getattr(section, name) for name in type(section).model_fields}
    kind = RULE_KINDS[settings.pop("kind")]
    stalks = settings.pop("stalks", None)
    return kind(**settings) if stalks is None else kind(stalks=STALKS[stalks](), **settings)


def build_runtime(config: Config, trace: Callable[[str], None] | None = None) -> Runtime:
    """Return the runtime of ``config`` with its settings."""
    runtime = config.runtime
    if isinstance(runtime, LockstepRuntime):
        return Lockstep(runtime.schedule)
    if isinstance(runtime, ClusterRuntime):
        return Cluster(**{name: getattr(runtime, name) for name in CLUSTER_SETTINGS})
    return build_simulator(runtime, trace)
