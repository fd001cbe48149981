"""The base class of rules.

A rule has settings, a check of the problem, and a program for each vertex.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.program import Program
from sheafnet.dynamics.star import Star
from sheafnet.errors import RuleError


class Rule(abc.ABC):
    """A local update rule: the base class of all rules.

    An instance holds settings only; all vertices share it, and hosts in other processes receive a
    copy. Subclasses must implement ``start``. The base class has no constructor arguments. How to
    write a rule is in the guide ``sheafnet.dynamics.rules``. The force on a vertex, below, is the
    part of −∇E that can move it.

    Attributes
    ----------
    remedy
        Advice for a user whose run diverged, as a part of a sentence, which the message of the
        outcome includes.
    growth_limit
        Factor by which the largest force may grow. A run has diverged when a force exceeds
        ``growth_limit`` (1 + the force at the start), or 1e150.
    is_exact
        Whether the rule ends with a force of exactly 0. If so, a vertex counts as stationary only
        then, and the tolerance of the run applies to the final check alone. Default False.
    may_withhold
        Whether a vertex may leave a projection unsent that has changed by no more than a threshold,
        at first a twentieth of the tolerance. If False, and always in lockstep, the
        ``send_threshold`` of every star is 0. Set it to False if every step must be sent, as under
        rules that count messages. Default True.
    may_wait
        Whether a vertex may postpone a small step while its host waits for an acknowledgement.
        This saves steps where one step reaches the minimum, since further steps would only
        adapt to neighbours on the same host. Default False.
    relaxes
        Whether every step lowers the energy around the vertex and needs only the last projections
        of its neighbours. Only such a rule can move the stalks under ``sn.Relax`` or ``sn.Joint``.
        Default False.
    takes_turns
        Whether neighbours never step at the same time, and every step sends messages. Such a run
        does not fall silent by itself; it is frozen when all vertices are stationary. Default
        False.
    """

    remedy: str = "lower the step of the rule"
    growth_limit: float = 1e12
    is_exact: bool = False
    may_withhold: bool = True
    may_wait: bool = False

    def check(self, sheaf: Sheaf, pins: Pins) -> None:  # noqa: B027
        """Check that the rule can be used on this problem. The base class accepts every problem.

        Parameters
        ----------
        sheaf
            The sheaf.
        pins
            Vertex → its pins, a ``sheafnet.core.stalkpins.StalkPins``, for the vertices that have
            any.

        Raises
        ------
        RuleError
            If the rule cannot solve this sheaf with these pins; the message says why.
        """

    def fitted(self, sheaf: Sheaf, pins: Pins) -> Rule:  # noqa: ARG002
        """Return the rule with every setting that was left open chosen for this problem.

        The base class returns the rule itself.

        Parameters
        ----------
        sheaf
            The sheaf.
        pins
            Vertex → its pins, a ``sheafnet.core.stalkpins.StalkPins``, for the vertices that have
            any.
        """
        return self

    relaxes: bool = False
    takes_turns: bool = False

    def turns(self, sheaf: Sheaf) -> list[Sequence[str]] | None:  # noqa: ARG002
        """Return the groups of vertices that step together in a lockstep round, in their order.

        The messages of a group are delivered before the next group steps. None (the base class)
        leaves the order to the schedule of ``sn.Lockstep``. Other runtimes do not call this.

        Parameters
        ----------
        sheaf
            The sheaf.
        """
        return None

    @abc.abstractmethod
    def start(self, star: Star) -> Program:
        """Return the program of one vertex.

        It is called for every vertex, held ones too, at the start of a run, when the pins of the
        vertex change, and when its host restarts.

        Parameters
        ----------
        star
            Star of the vertex at its start; ``star.pinned`` is true if the whole stalk is held, and
            then the program must not move it.

        Raises
        ------
        RuleError
            If the rule needs a bound on the curvature and a map at the vertex has none, or if a
            rule that learns has no plan because it was not started by ``sn.train``.
        """


def require_relaxation(what: str, stalks: Rule) -> None:
    """Check that a rule can move the stalks while maps learn.

    Parameters
    ----------
    what
        Name of the learning rule, with which the error message begins.
    stalks
        The rule that is to move the stalks.

    Raises
    ------
    RuleError
        If the attribute ``relaxes`` of ``stalks`` is False.
    """
    if not stalks.relaxes:
        raise RuleError(
            f"{what}: {type(stalks).__name__} cannot move stalks while maps learn; use Prox or Heat"
        )
