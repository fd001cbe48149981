"""The program of a vertex that learns from batches, while their messages travel up and down a path.

Up means towards the output, down towards the input. At most F batches are in flight. A vertex
begins batch b (counted from 0) when it has learned from batch b − F. For batch b the vertex uses
the map after b − F + 1 updates, on the way up and on the way down, even if it has made more updates
since. The updates are made in the order of the batches. With a rate η and a gradient g, every
vertex makes the update W ← W − η g(W of F − 1 updates ago; batch b), independently of runtime and
placement. With F = 1 this is ordinary training. With F > 1, the gradients are those of the network
F − 1 updates ago. There is no barrier, no phase and no clock. Messages carry the number of their
batch. Therefore messages of two batches cannot be confused, whatever the delay.

The idea of keeping several versions of a map is due to Narayanan et al., "PipeDream: generalized
pipeline parallelism for DNN training" (2019). They call it weight stashing with vertical
synchronisation.
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
    """Return the program of a vertex with one pass for each batch in flight.

    Parameters
    ----------
    star
        Star of the vertex. The first pass uses this star, each other pass a copy of it.
    plan
        Plan of the training.
    make
        Function that returns a pass. Its arguments are the star of the pass, the pins of all
        samples at this vertex (None if the vertex has no pins), the learner of the vertex (it
        updates the map), and the number of the first batch of the pass.
    """
    learner = MapLearner(plan, ends(star)[1])
    stars = [star, *(star.twin() for _ in range(plan.batches_in_flight - 1))]
    passes = [make(own, star.pins, learner, batch) for batch, own in enumerate(stars)]
    return BatchProgram(learner, passes)


class BatchProgram(Program):
    """Program with the passes of one vertex, one for each batch in flight.

    A pass does the work of the vertex on one batch; see ``sheafnet.dynamics.training.batch_pass``.

    Parameters
    ----------
    learner
        Learner, which updates the map on the edge from the vertex towards the output.
    passes
        Passes of the first F batches, in the order of the batches.
    """

    greets = False

    def __init__(self, learner: MapLearner, passes: list[BatchPass]) -> None:
        self._learner = learner
        # The pass of the oldest batch comes first. The vertex learns from this batch next.
        self._passes = deque(passes)

    def ready(self, star: Star, inbox: Inbox) -> bool:  # noqa: ARG002
        # If an update of the map was not finite, the vertex counts as ready. Its next step moves
        # nothing, and the run reports the divergence.
        return self._learner.trouble is not None or self._due(inbox) is not None

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Return the step of the ready pass with the oldest batch.

        If no pass is ready, or if an update of the map was not finite, the step moves nothing.
        """
        batch_pass = self._due(inbox)
        if batch_pass is None or self._learner.trouble is not None:
            return Step(None, batch=BatchStep(star))
        inbox.release(self._passes[0].batch)
        step = batch_pass.step(inbox)
        if self._passes[0].batch > self._passes[-1].batch:
            self._passes.rotate(-1)
        return step

    def _due(self, inbox: Inbox) -> BatchPass | None:
        """Return, of the passes that are ready, the one with the oldest batch; None if none is."""
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
        """Return 0, or infinity if an update of the map was not finite.

        The forces are not used, because a run under this program ends after its last batch.
        """
        return math.inf if self._learner.trouble else 0.0

    @property
    def batches_left(self) -> int:
        return self._learner.plan.steps - self._learner.step

    def trouble(self) -> str | None:
        return self._learner.trouble
