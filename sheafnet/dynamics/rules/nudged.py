"""Tensions that move from heads to tails: the limit of a vanishing pull at the output."""

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
    """Learn from the tension of each edge, the residual that a vanishing pull would leave there.

    With a pin of strength γ at the output, the residuals of the equilibrium are γ t + O(γ²). The
    tensions t are linear in the pull and follow from each other along the path: at the output
    ∂loss/∂z of each sample, 2 (z − y)/n_out for the mean square and φ(z) − y for a cross-entropy,
    and from a head to its tail DFᵀ t. The map on an edge learns from t āᵀ/B, which it has.

    That is the gradient that backpropagation computes, to rounding. What is new is how: by
    neighbours that exchange edge vectors, without a phase, a barrier or a global order, one round
    a gradient. Stalks sit on the forward pass, so that discord is 0 throughout.
    """

    def start(self, star: Star) -> Program:
        return batch_program(star, self.require_plan(), NudgedPass)


class NudgedPass(BatchPass):
    """The stalk on the way up, a tension on the way down."""

    down_kind = Kind.TENSION

    def go_up(self, inbox: Inbox) -> Step:
        raise NotImplementedError("one sweep is all")

    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:  # noqa: ARG002
        """Hand the tension on, pulled back; at the output, make it."""
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
