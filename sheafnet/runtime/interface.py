"""The interface of a runtime, and the hooks that a runtime calls while it runs a problem."""

from collections.abc import Callable
from typing import Protocol

from sheafnet.core.stalkpins import Pins
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Record
from sheafnet.runtime.snapshot import Snapshot


class RunHooks:
    """Methods that a runtime calls during a run. Those of this base class do nothing.

    The runtime calls them between rounds or waves. (In a wave the coordinator of a run on hosts
    asks every host once for a report and receives all reports.)

    Attributes
    ----------
    stopping
        Whether the runtime shall end the run. The runtime reads this attribute after ``on_round``
        and after ``wait_for_change``.
    """

    stopping: bool = False

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:
        """Receive the number of rounds and a function that returns the progress of the run.

        Parameters
        ----------
        rounds
            Number of rounds so far.
        progress
            Function that returns the progress of the run. The function may be slow, so call it only
            when the progress is needed.
        """

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Receive a snapshot: the states of all edges after the same step of training.

        This hook is called only under rules that learn from batches. Snapshots come in the order of
        their steps. There is one for each step at which the training plan asks for an evaluation,
        and one for the last step of a run that is stopped early.

        Parameters
        ----------
        snapshot
            The snapshot.
        """

    def new_pins(self) -> Pins | None:
        """Return the pins that shall replace all present pins; None if the present pins stay.

        The same pins are returned only once, so the caller must apply them to the vertices.
        """
        return None

    def on_settled(self, record: Record) -> None:
        """Receive the result of a stay run that has converged under the present pins.

        The runtime may call this more than once for the same pins.

        Parameters
        ----------
        record
            The record of the run so far.
        """

    def wait_for_change(self) -> None:
        """Block until the pins of a stay run shall be replaced, or until the run shall end.

        A runtime calls this when the run has converged. A runtime need not call it if its hosts
        continue to run after the convergence.
        """


class Runtime(Protocol):
    """An object that runs problems, such as an ``sn.Lockstep``.

    The guide ``sheafnet.runtime`` describes how to add a runtime.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Hooks that are called between rounds or waves.

        Raises
        ------
        RuleError
            If the rule has no program for a vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        SheafnetError
            If the runtime cannot run the problem. Each runtime documents its own errors. A run
            that does not converge raises no error; the ``sn.Outcome`` in its record shows it.
        """
