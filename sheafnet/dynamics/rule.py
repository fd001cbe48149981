"""What every rule is: settings, an applicability check, and a program for each vertex."""

from __future__ import annotations

import abc
from collections.abc import Collection

from sheafnet.core.sheaf import Sheaf
from sheafnet.dynamics.program import Program
from sheafnet.dynamics.star import Star


class Rule(abc.ABC):
    """A local update rule. Instances hold settings only and are shared by all vertices."""

    remedy: str = "lower the step of the rule"
    """What to do when a run with this rule diverges."""

    def check(self, sheaf: Sheaf, pinned: Collection[str]) -> None:  # noqa: B027
        """Raise ``RuleError``, saying why, if the rule cannot be used on this problem."""

    @abc.abstractmethod
    def start(self, star: Star) -> Program:
        """Return the program of one free vertex."""
