"""The base of rules: settings, an applicability check, and a program for each vertex."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.program import Program
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError


class Rule(abc.ABC):
    """A local update rule. Instances hold settings only and are shared by all vertices."""

    remedy: str = "lower the step of the rule"
    """What to do when a run with this rule diverges."""

    growth_limit: float = 1e12
    """By how much the largest force may grow before the run counts as exploding."""

    is_exact: bool = False
    """Whether the rule ends with no force at all, not with a small one."""

    may_withhold: bool = True
    """Whether a change too small to matter may go unsaid; not where every word counts."""

    may_wait: bool = False
    """Whether a vertex may leave a small step until its host has been answered: where one step
    goes all the way, the next ones only serve to agree with neighbours on the same host."""

    def check(self, sheaf: Sheaf, pins: Pins) -> None:  # noqa: B027
        """Raise ``RuleError``, saying why, if the rule cannot be used on this problem."""

    def fitted(self, sheaf: Sheaf, pins: Pins) -> Rule:  # noqa: ARG002
        """Return the rule with whatever it leaves open chosen for this problem."""
        return self

    relaxes: bool = False
    """Whether every step of a vertex lowers the energy around it and needs nothing but the last
    projections of its neighbours, so that a rule that learns can move the stalks by it."""

    takes_turns: bool = False
    """Whether neighbours never step at once, and always say something: such a run does not fall
    silent, but is frozen when all is stationary."""

    def turns(self, sheaf: Sheaf) -> list[Sequence[str]] | None:  # noqa: ARG002
        """Return the vertices that step together in a lockstep round, in the order of their turns.

        None leaves that to the schedule.
        """
        return None

    @abc.abstractmethod
    def start(self, star: Star) -> Program:
        """Return the program of one vertex; ``star.pinned`` tells whether its stalk is held."""


def require_relaxation(what: str, stalks: Rule) -> None:
    """Raise ``RuleError`` unless ``stalks`` can move the stalks while maps learn."""
    if not stalks.relaxes:
        raise RuleError(
            f"{what}: {type(stalks).__name__} cannot move stalks while maps learn; use Prox or Heat"
        )
