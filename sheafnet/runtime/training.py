"""Training: a run whose vertices change their maps, looked at from time to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sheafnet.core.arrays import Array
from sheafnet.core.maps import Affine, RestrictionMap
from sheafnet.core.network import ReluNetwork
from sheafnet.core.targets import loss
from sheafnet.dynamics.record import Progress, Stats
from sheafnet.dynamics.watch import Watch


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs (n_0, samples) and targets (n_out, samples)."""

    x: Array
    y: Array


@dataclass(frozen=True)
class Evaluation:
    """How far training had come.

    Attributes
    ----------
    round
        Every map after so many rounds.
    train_loss, test_loss
        Of the forward pass; None where there is no test split.
    discord
        Of every edge, as its tail knows it.
    """

    round: int
    train_loss: float
    test_loss: float | None
    discord: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Fit:
    """What training came to.

    Attributes
    ----------
    network
        The network; the last one with finite maps if it diverged.
    history
        One record for each evaluation, the first before anything has moved.
    stats
        What it cost.
    diverged
        Where and when it diverged and what to lower; None if it did not.
    """

    network: ReluNetwork
    history: tuple[Evaluation, ...]
    stats: Stats
    diverged: str | None


class Evaluations(Watch):
    """Evaluates the network of a run every so many rounds, or as soon after as it is looked at.

    Parameters
    ----------
    network
        As it begins.
    every
        Rounds.
    train, test
        What to evaluate it on.

    Attributes
    ----------
    history
        What was found so far.
    """

    def __init__(self, network: ReluNetwork, every: int, train: Split, test: Split | None) -> None:
        self.history: list[Evaluation] = []
        self._network = network
        self._every = every
        self._train = train
        self._test = test
        self._due = 0

    def look(self, rounds: int, ask: Callable[[], Progress]) -> None:
        """Evaluate, if it is time."""
        if rounds >= self._due:
            self._due = rounds - rounds % self._every + self._every
            progress = ask()
            self.evaluate(rounds, progress.maps, progress.discord)

    def evaluate(
        self, rounds: int, maps: Mapping[str, RestrictionMap], discord: Mapping[str, float]
    ) -> None:
        """Add a record to the history."""
        network = learned(self._network, maps)
        test = None if self._test is None else loss(network, self._test.x, self._test.y)
        train = loss(network, self._train.x, self._train.y)
        self.history.append(Evaluation(rounds, train, test, dict(discord)))


def learned(network: ReluNetwork, maps: Mapping[str, RestrictionMap]) -> ReluNetwork:
    """Return ``network`` with the maps that its vertices have learned."""
    layers = [maps[f"weight_{layer}"] for layer in range(1, len(network.layers) + 1)]
    affine = [layer for layer in layers if isinstance(layer, Affine)]
    return ReluNetwork(
        [layer.matrix for layer in affine], [layer.bias for layer in affine], network.output
    )
