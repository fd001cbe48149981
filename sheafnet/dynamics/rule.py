"""What every rule is: settings, an applicability check, and a program for each vertex."""

from __future__ import annotations

import abc

from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.program import Program
from sheafnet.dynamics.star import Star


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

    def check(self, sheaf: Sheaf, pins: Pins) -> None:  # noqa: B027
        """Raise ``RuleError``, saying why, if the rule cannot be used on this problem."""

    def fitted(self, sheaf: Sheaf, pins: Pins) -> Rule:  # noqa: ARG002
        """Return the rule with whatever it leaves open chosen for this problem."""
        return self

    learns: bool = False
    """Whether vertices change their maps."""

    takes_turns: bool = False
    """Whether neighbours never step at once, and always say something: such a run does not fall
    silent, but is frozen when all is stationary."""

    @abc.abstractmethod
    def start(self, star: Star) -> Program:
        """Return the program of one vertex; ``star.pinned`` tells whether its stalk is held."""
