"""Nudged, a learning rule that sends tensions from heads to tails."""

from __future__ import annotations

from dataclasses import dataclass

from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Kind
from sheafnet.dynamics.program import BatchStep, EdgeMessage, Program, Step
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.training.batch_pass import BatchPass, ends
from sheafnet.dynamics.training.batch_program import batch_program
from sheafnet.dynamics.training.learning_rule import BatchRule


@dataclass(frozen=True)
class Nudged(BatchRule):
    """A rule by which each map learns from the tension of its own edge.

    The tension t is the limit of r/γ as γ → 0, where r is the residual that a soft pin of strength
    γ at the output leaves on the edge at equilibrium: r = γ t + O(γ²). Tensions follow from each
    other along the path. At the output t is ∂loss/∂z of each sample: 2 (z − y)/n_out for the mean
    square, φ(z) − y for the cross-entropy. A tail computes the next tension as DFᵀ t, with the
    derivative DF of its map. With ā = [a; 1] and the batch size B, the map [W b] learns from
    t āᵀ/B.

    This is the gradient that backpropagation computes, up to rounding. The difference is that it is
    computed by neighbours that exchange edge vectors, without a phase, a barrier or a global order,
    in one round for each gradient. All stalks stay on the forward pass, so that the discord is 0.

    Parameters
    ----------
    plan
        Plan of the training, ``sheafnet.dynamics.training.plan.TrainingPlan``. ``sn.train`` sets
        it; leave it at None (default).
    """

    def start(self, star: Star) -> Program:
        return batch_program(star, self.require_plan(), NudgedPass)


class NudgedPass(BatchPass):
    """The pass of a batch that sends projections up the path and tensions down."""

    down_kind = Kind.TENSION

    def go_up(self, inbox: Inbox) -> Step:
        raise NotImplementedError("one sweep is all")

    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:  # noqa: ARG002
        """Learn from the tension from above, and send the tension of the edge below.

        At the output the tension is computed from the targets.
        """
        star = self.star
        below, above = ends(star)
        if above is not None:
            assert self._from_above is not None
            tension = inbox[self._from_above]
            maps = self.learner.learn(star.stalk, None, tension)
            if below is None:
                return Step(None, maps=maps, batch=BatchStep(star))
            pulled = above.map.pullback(star.stalk, tension)
        else:
            assert below is not None
            assert self._from_below is not None
            assert star.pins is not None
            maps = {}
            if star.pins.whole:
                pulled = inbox[self._from_below] - star.stalk
            else:
                pulled = star.pins.pull(star.stalk)
        message = EdgeMessage(Kind.TENSION, below.edge, self.batch, pulled)
        return Step(None, (message,), maps=maps, batch=BatchStep(star))
