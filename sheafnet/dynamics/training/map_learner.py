"""The learner of one map: it moves the map batch after batch, and keeps states to go on from."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import Affine
from sheafnet.dynamics.training.plan import TrainingPlan
from sheafnet.dynamics.training_state import EdgeState, EdgeStats, StepEdge


class MapLearner:
    """The steps of one vertex, and of the map on the edge above it if that learns.

    Parameters
    ----------
    plan
        How, and for how long.
    above
        The end of the edge above; None at the output.

    Attributes
    ----------
    edge
        Above; empty at the output.
    step
        How many batches have been learned from.
    versions
        The map after each of the last steps, as many as there are batches in flight: that of the
        oldest batch first, the newest map last. Empty where nothing learns.
    edge_states
        What was wanted of past steps.
    draining
        Whether no batch is to begin any more, and every step is kept, since one is the last.
    trouble
        What exploded, if something did.
    """

    def __init__(self, plan: TrainingPlan, above: Incidence | None) -> None:
        self.plan = plan
        self.step = 0
        self.versions: deque[Affine] = deque(maxlen=plan.batches_in_flight)
        self.edge_states: dict[StepEdge, EdgeState] = {}
        self.trouble: str | None = None
        self.draining = False
        self.edge = "" if above is None else above.edge
        self._optimiser_state = None
        if above is not None and isinstance(above.map, Affine):
            self.versions.extend([above.map] * plan.batches_in_flight)
            self._optimiser_state = plan.optimiser.start(plan.steps)
        # Edge vectors of the last step, from which statistics are made when somebody asks.
        self._seen: tuple[int, Array | None, Array, float] | None = None

    def learn(self, stalk: Array, residual: Array | None, tension: Array) -> dict[str, Affine]:
        """Learn from one batch more, seen from the tail of the edge above.

        Parameters
        ----------
        stalk
            Of the tail, shape (n_in, batch).
        residual, tension
            Of the edge, shape (edge dim, batch); no residual stands for one of zeros.

        Returns
        -------
        dict of str to Affine
            Edge → its newest map, if it learns.
        """
        step = self.step + 1
        length = 0.0
        after = None
        if self._optimiser_state is not None:
            after, length = self._optimiser_state.step(self.versions[-1], stalk, tension)
            if not math.isfinite(length):
                self.trouble = f"step {step} of the map {self.edge!r} is not finite"
                return {}
            self.versions.append(after)
        self._seen = (step, residual, tension, length)
        if self.draining or self.plan.evaluates_at(step):
            self._keep()
        return {} if after is None else {self.edge: after}

    def drain(self) -> None:
        """Let no batch begin any more; keep the last step as well."""
        if self.draining:
            return
        self.draining = True
        if self._seen is not None and self.trouble is None:
            self._keep()

    def _keep(self) -> None:
        """Keep all that it takes to go on from the last step."""
        stats = self.edge_stats[self.edge]
        *earlier, newest = self.versions or (None,)
        saved = None if self._optimiser_state is None else self._optimiser_state.save()
        self.edge_states[stats.step, self.edge] = EdgeState(newest, saved, stats, tuple(earlier))

    @property
    def edge_stats(self) -> Mapping[str, EdgeStats]:
        """Edge → what was last seen there."""
        if self._seen is None:
            return {}
        step, residual, tension, length = self._seen
        discord = 0.0 if residual is None else _mean_square(residual)
        return {self.edge: EdgeStats(step, discord, _mean_square(tension), length)}

    def recall(self, step: int, state: EdgeState | None) -> None:
        """Go on after so many steps, with what was kept of the edge above then."""
        self.step = step
        if self._optimiser_state is not None and state is not None and state.map is not None:
            assert state.saved is not None
            self.versions.extend([*state.earlier, state.map])
            self._optimiser_state = self.plan.optimiser.start(self.plan.steps, state.saved)

    def forget(self, step: int) -> None:
        """Drop what is kept up to that step."""
        for key in [key for key in self.edge_states if key[0] <= step]:
            del self.edge_states[key]


def _mean_square(vectors: Array) -> float:
    return float(np.vdot(vectors, vectors) / vectors.shape[1])
