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
    """A rule under which each map is updated from the tension of its own edge.

    The tension t of an edge is the limit of r/γ as γ → 0, where r is the residual that a soft pin
    of strength γ at the output causes on the edge at equilibrium: r = γ t + O(γ²). For each sample
    with target y, the last vertex computes t = ∂loss/∂z, where z is the output before the output
    activation φ. For the mean square over n_out outputs this is 2 (z − y)/n_out; for the
    cross-entropy it is φ(z) − y. At an inner vertex, let t be the tension of the edge nearer to the
    output, and DF the derivative of the vertex's map on this edge. The vertex sends DFᵀ t as the
    tension of its edge nearer to the input. On the edge with φ the factor DFᵀ is left out, because
    t is already the derivative with respect to z. If the map is a ↦ W a + b, its owner updates it
    with the gradient t āᵀ/B, where ā = [a; 1] and B is the batch size.

    This is the gradient that backpropagation computes, up to rounding. The difference is that the
    vertices compute it by sending edge vectors to neighbours, without separate phases, barriers or
    a global order of steps. Each gradient takes one round. All stalks keep the values of the
    forward pass, so that the discord is 0.

    Parameters
    ----------
    plan
        Plan of the training, ``sheafnet.dynamics.training.plan.TrainingPlan``. ``sn.train`` sets
        it; leave it at None (default).
    """

    def start(self, star: Star) -> Program:
        return batch_program(star, self.require_plan(), NudgedPass)


class NudgedPass(BatchPass):
    """The pass of a batch, with projections sent towards the output and tensions back."""

    down_kind = Kind.TENSION

    def go_up(self, inbox: Inbox) -> Step:
        raise NotImplementedError("one sweep is all")

    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:  # noqa: ARG002
        """Update the map from the tension of its edge, and send a tension towards the input.

        The last vertex has no map that is updated. It computes its tension from the targets.
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
