"""The learner of one map, which updates it after each batch and keeps states for snapshots."""

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
    """Learner of the map on the edge above a vertex, and counter of the vertex's steps.

    An edge without an affine map (gate, output) has statistics but no map that learns.

    Parameters
    ----------
    plan
        Plan of the training.
    above
        The vertex's incidence with the edge above; None at the output.

    Attributes
    ----------
    plan
        Plan of the training.
    edge
        Name of the edge above; empty at the output.
    step
        Number of batches that the vertex has learned from.
    versions
        The map after each of the last F steps, where F batches are in flight: the map of the
        oldest batch first, the newest map last. Empty where no map learns.
    edge_states
        (step, edge) → state of the edge after that step, for each step that a snapshot needs.
    draining
        Whether new batches no longer begin. The state is then kept after every step, since any
        of them may be the last.
    trouble
        Description of a step that was not finite; None if all were.
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
        # Arguments of the last step; the statistics are computed from them on request only.
        self._seen: tuple[int, Array | None, Array, float] | None = None

    def learn(self, stalk: Array, residual: Array | None, tension: Array) -> dict[str, Affine]:
        """Update the map from one more batch, and keep the state if a snapshot needs it.

        Parameters
        ----------
        stalk
            Stalk of the vertex, the tail of the edge, shape (n_in, batch).
        residual
            Residual of the edge, shape (edge dim, batch); None stands for zeros.
        tension
            Tension of the edge, shape (edge dim, batch).

        Returns
        -------
        dict of str to Affine
            Edge → its newest map; empty where no map learns or the step was not finite.
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
        """Set ``draining``, so that no new batch begins, and keep the state after the last step."""
        if self.draining:
            return
        self.draining = True
        if self._seen is not None and self.trouble is None:
            self._keep()

    def _keep(self) -> None:
        """Add the state after the last step to ``edge_states``."""
        stats = self.edge_stats[self.edge]
        *earlier, newest = self.versions or (None,)
        saved = None if self._optimiser_state is None else self._optimiser_state.save()
        self.edge_states[stats.step, self.edge] = EdgeState(newest, saved, stats, tuple(earlier))

    @property
    def edge_stats(self) -> Mapping[str, EdgeStats]:
        """Edge → its statistics in the last step; empty before the first."""
        if self._seen is None:
            return {}
        step, residual, tension, length = self._seen
        discord = 0.0 if residual is None else _mean_square(residual)
        return {self.edge: EdgeStats(step, discord, _mean_square(tension), length)}

    def recall(self, step: int, state: EdgeState | None) -> None:
        """Set the learner back to the state after an earlier step.

        Parameters
        ----------
        step
            Number of steps taken by then.
        state
            State of the edge above after that step; None, or one without a map, where no map
            learns.
        """
        self.step = step
        if self._optimiser_state is not None and state is not None and state.map is not None:
            assert state.saved is not None
            self.versions.extend([*state.earlier, state.map])
            self._optimiser_state = self.plan.optimiser.start(self.plan.steps, state.saved)

    def forget(self, step: int) -> None:
        """Delete the kept states of all steps up to ``step``, which is included."""
        for key in [key for key in self.edge_states if key[0] <= step]:
            del self.edge_states[key]


def _mean_square(vectors: Array) -> float:
    return float(np.vdot(vectors, vectors) / vectors.shape[1])
