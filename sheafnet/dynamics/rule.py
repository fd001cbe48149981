"""The base class of rules.

A rule has settings, checks whether it can solve a problem, and makes a program for each vertex.
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
        Advice for a user whose run has diverged: a phrase that the message of the run contains.
    growth_limit
        Factor by which the largest force may grow. Let f be the largest force at the start. A run
        has diverged when a force exceeds ``growth_limit`` · (1 + f), or exceeds 1e150.
    is_exact
        Whether the forces become exactly 0 under the rule. If True, a vertex counts as stationary
        only when the force on it is exactly 0. The tolerance of the run is then used only in the
        final check of the result. Default False.
    may_withhold
        Whether a vertex may leave a projection unsent that has changed by at most the send
        threshold. This threshold is at first a twentieth of the tolerance. If ``may_withhold`` is
        False, and always in lockstep, the ``send_threshold`` of every star is 0. Set
        ``may_withhold`` to False if neighbours need a message after every step, for example to
        take turns. Default True.
    may_wait
        Whether a vertex may postpone a small step while its host waits for an acknowledgement.
        Meanwhile the step would only react to neighbours on the same host. Set this to True if one
        step of the rule minimises the energy around the vertex: one later step then replaces all
        postponed steps. Default False.
    relaxes
        Whether every step lowers the energy around the vertex and needs only the last projections
        of its neighbours. Only a rule with True can move the stalks under ``sn.Relax`` or
        ``sn.Joint``. Default False.
    takes_turns
        Whether vertices take turns: two neighbours never step at the same time, and every step
        sends messages, also when nothing changes. Therefore the hosts do not become idle by
        themselves. When all vertices are stationary, the coordinator stops their steps to end the
        run. Default False.
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
        """Return a rule in which every setting that is None has a value chosen for this problem.

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
        """Return the groups of vertices that step together in a lockstep round, in order of time.

        The messages of a group are delivered before the next group steps. If the result is None,
        as in the base class, the schedule of ``sn.Lockstep`` determines the order. Other runtimes
        do not call this method.

        Parameters
        ----------
        sheaf
            The sheaf.
        """
        return None

    @abc.abstractmethod
    def start(self, star: Star) -> Program:
        """Return the program of one vertex.

        The method is called for every vertex, also for a vertex whose whole stalk is held: at the
        start of a run, when the pins of the vertex change, and when its host restarts.

        Parameters
        ----------
        star
            Star of the vertex at its start. If ``star.pinned`` is true, the whole stalk is held,
            and the program must not move it.

        Raises
        ------
        RuleError
            If the rule needs a finite bound on the curvature of every map at the vertex and a map
            has none, or if the rule updates maps and has no plan. Only ``sn.train`` sets the plan.
        """


def require_relaxation(what: str, stalks: Rule) -> None:
    """Check that the rule ``stalks`` can move the stalks while maps are updated.

    Parameters
    ----------
    what
        Name of the learning rule; the error message begins with it.
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
