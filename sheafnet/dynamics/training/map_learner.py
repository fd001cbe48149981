"""The learner of one map: it updates the map after each batch and keeps states for snapshots."""

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
    """Learner of the map on the edge above a vertex, and counter of its training steps.

    The edge above a vertex is its edge towards the output. For a gate and for the edge ``output``
    it computes statistics only, because their maps are not updated.

    Parameters
    ----------
    plan
        Plan of the training.
    above
        The vertex's incidence with the edge above; None at the last vertex of the path.

    Attributes
    ----------
    plan
        Plan of the training.
    edge
        Name of the edge above; empty at the last vertex of the path.
    step
        Number of batches that the vertex has learned from.
    versions
        The map after each of the last F training steps, where F is the largest number of batches in
        flight. The first is the map that the oldest batch in flight uses; the last is the newest
        map. Empty if no map of the vertex is updated.
    edge_states
        (training step, edge) → state of the edge after that step, for each step that a snapshot
        needs.
    draining
        Whether no further batch begins, because the training is to stop. The edge state is then
        kept after every training step, since any step may be the last.
    trouble
        Phrase that says which update was not finite; None if all updates were finite.
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
        # Data of the last step, from which ``edge_stats`` computes the statistics only on request.
        self._seen: tuple[int, Array | None, Array, float] | None = None

    def learn(self, stalk: Array, residual: Array | None, tension: Array) -> dict[str, Affine]:
        """Update the map from one more batch, and keep the edge state if a snapshot needs it.

        Parameters
        ----------
        stalk
            Stalk of the vertex, the tail of the edge, shape (n_in, batch).
        residual
            Residual of the edge, shape (edge dim, batch); None means that the residual is 0.
        tension
            Tension of the edge, shape (edge dim, batch).

        Returns
        -------
        dict of str to Affine
            Edge → its newest map; empty if no map of the vertex is updated, or if the update was
            not finite.
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
        """Set ``draining``, so that no further batch begins, and keep the present edge state.

        The present edge state is that after the last training step so far. It is not kept before
        the first step, or if an update was not finite. A second call has no effect.
        """
        if self.draining:
            return
        self.draining = True
        if self._seen is not None and self.trouble is None:
            self._keep()

    def _keep(self) -> None:
        """Add the edge state after the last training step to ``edge_states``."""
        stats = self.edge_stats[self.edge]
        *earlier, newest = self.versions or (None,)
        saved = None if self._optimiser_state is None else self._optimiser_state.save()
        self.edge_states[stats.step, self.edge] = EdgeState(newest, saved, stats, tuple(earlier))

    @property
    def edge_stats(self) -> Mapping[str, EdgeStats]:
        """Edge → its statistics in the last training step; empty before the first."""
        if self._seen is None:
            return {}
        step, residual, tension, length = self._seen
        discord = 0.0 if residual is None else _mean_square(residual)
        return {self.edge: EdgeStats(step, discord, _mean_square(tension), length)}

    def recall(self, step: int, state: EdgeState | None) -> None:
        """Set the learner to its state after training step ``step``, to resume a training.

        Parameters
        ----------
        step
            Number of training steps taken.
        state
            State of the edge above after this step. If no map of the vertex is updated, it is None
            or a state without a map.
        """
        self.step = step
        if self._optimiser_state is not None and state is not None and state.map is not None:
            assert state.saved is not None
            self.versions.extend([*state.earlier, state.map])
            self._optimiser_state = self.plan.optimiser.start(self.plan.steps, state.saved)

    def forget(self, step: int) -> None:
        """Delete the kept edge states of ``step`` and of all earlier steps."""
        for key in [key for key in self.edge_states if key[0] <= step]:
            del self.edge_states[key]


def _mean_square(vectors: Array) -> float:
    """Return the mean over the batch of ‖v‖², for vectors v of shape (dim, batch)."""
    return float(np.vdot(vectors, vectors) / vectors.shape[1])
