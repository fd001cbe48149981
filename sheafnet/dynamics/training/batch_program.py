"""The program of a vertex that learns from batches as they pass, up and down a path.

Up to F batches are in flight. Number b begins when the vertex has learned from number b − F, and
it meets, up and down, the map that came of that: every vertex uses the map after b − F + 1 steps,
however many it has taken meanwhile. The steps themselves are taken in order. So the network moves
by W ← W − η g(W of F − 1 steps ago; batch b), at every vertex alike, and where and how it runs
changes nothing: with F = 1 it is trained as in one place, with more of them by the gradients of a
network that is F − 1 steps old. There is no barrier, no phase and no clock, and however long
messages take, none of a batch can be taken for that of another.

The idea of several versions of a map is that of Narayanan et al., "PipeDream: generalized pipeline
parallelism for DNN training" (2019), who call it weight stashing with vertical synchronisation.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sheafnet.core.stalkpins import StalkPins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.program import BatchStep, Program, Step
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.training.batch_pass import BatchPass, ends
from sheafnet.dynamics.training.map_learner import MapLearner
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.dynamics.training_state import EdgeState, EdgeStats, StepEdge

Maker: TypeAlias = Callable[[Star, StalkPins | None, MapLearner, int], BatchPass]


def batch_program(star: Star, plan: TrainingPlan, make: Maker) -> BatchProgram:
    """Return the program of a vertex; ``make`` gives what passes its star, or one like it."""
    learner = MapLearner(plan, ends(star)[1])
    stars = [star, *(star.twin() for _ in range(plan.batches_in_flight - 1))]
    passes = [make(own, star.pins, learner, batch) for batch, own in enumerate(stars)]
    return BatchProgram(learner, passes)


class BatchProgram(Program):
    """The passes at one vertex, one for each batch in flight.

    Parameters
    ----------
    learner
        What the vertex learns.
    passes
        Of the first batches, in order.
    """

    greets = False

    def __init__(self, learner: MapLearner, passes: list[BatchPass]) -> None:
        self._learner = learner
        # The oldest batch first: it is the next to be learned from.
        self._passes = deque(passes)

    def ready(self, star: Star, inbox: Inbox) -> bool:  # noqa: ARG002
        # Trouble is a reason to step, so that whoever steps the vertex sees it.
        return self._learner.trouble is not None or self._due(inbox) is not None

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Let the oldest batch go on that can."""
        batch_pass = self._due(inbox)
        if batch_pass is None or self._learner.trouble is not None:
            return Step(None, batch=BatchStep(star))
        inbox.release(self._passes[0].batch)
        step = batch_pass.step(inbox)
        if self._passes[0].batch > self._passes[-1].batch:
            self._passes.rotate(-1)
        return step

    def _due(self, inbox: Inbox) -> BatchPass | None:
        for batch_pass in self._passes:
            if batch_pass.ready(inbox):
                return batch_pass
        return None

    @property
    def edge_states(self) -> Mapping[StepEdge, EdgeState]:
        return self._learner.edge_states

    @property
    def edge_stats(self) -> Mapping[str, EdgeStats]:
        return self._learner.edge_stats

    def recall(self, step: int, state: EdgeState | None) -> None:
        learner = self._learner
        learner.recall(step, state)
        for later, batch_pass in enumerate(self._passes):
            batch_pass.expect(step + later)
            if learner.versions:
                batch_pass.star.learn({learner.edge: learner.versions[later]})

    def drain(self) -> None:
        self._learner.drain()

    def forget(self, step: int) -> None:
        self._learner.forget(step)

    def stationarity(self, star: Star, inbox: Inbox) -> float:  # noqa: ARG002
        """Return 0: batches put the stalks where they are; infinite if a step was not finite."""
        return math.inf if self._learner.trouble else 0.0

    @property
    def batches_left(self) -> int:
        return self._learner.plan.steps - self._learner.step

    def trouble(self) -> str | None:
        return self._learner.trouble
