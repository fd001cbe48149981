"""The interface of a runtime, and the hooks that it calls while a problem runs."""

from collections.abc import Callable
from typing import Protocol

from sheafnet.core.stalkpins import Pins
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Record
from sheafnet.runtime.snapshot import Snapshot


class RunHooks:
    """Hooks that a runtime calls between rounds or waves; those of this base class do nothing.

    Attributes
    ----------
    stopping
        Whether the runtime shall end the run. The runtime reads it after ``on_round`` and after
        ``wait_for_change``.
    """

    stopping: bool = False

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:
        """Receive the number of rounds, with a function that returns the progress.

        Parameters
        ----------
        rounds
            Number of rounds so far.
        progress
            Function that returns the progress. It may be slow, so call it only when the progress
            is needed.
        """

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Receive a snapshot: every map after the same step. Called for rules that learn in steps.

        Snapshots come in the order of their steps. There is one for each step at which the training
        plan asks for an evaluation, and one for the last step of a run that is stopped early.

        Parameters
        ----------
        snapshot
            The snapshot.
        """

    def new_pins(self) -> Pins | None:
        """Return new pins, which replace all present pins; None for no change.

        A call that returns pins may return None the next time, so the caller must put them into
        force.
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
        """Block until a settled stay run has new pins or shall stop.

        A runtime whose hosts go on meanwhile need not call this.
        """


class Runtime(Protocol):
    """The place where a problem is run; see ``sheafnet.runtime`` on how to add one."""

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record.

        Parameters
        ----------
        problem
            What to run.
        hooks
            Hooks that are called between rounds or waves.

        Raises
        ------
        RuleError
            If the rule cannot begin at a vertex.
        SheafnetError
            If the runtime cannot run the problem. Each runtime documents its own errors. A run
            that does not converge is no error: its record has another ``sn.Outcome``.
        """
