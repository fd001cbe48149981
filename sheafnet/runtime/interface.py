"""The interface of a runtime, and the hooks that it calls while a problem runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sheafnet.core.stalkpins import Pins
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Record
from sheafnet.runtime.snapshot import Snapshot


class RunHooks:
    """Called by a runtime between rounds or waves; these leave every run as it is.

    Attributes
    ----------
    stopping
        Whether the run is to end.
    """

    stopping: bool = False

    def on_round(self, rounds: int, progress: Callable[[], Progress]) -> None:
        """Take the chance to see how far the run has come.

        Parameters
        ----------
        rounds
            How many there have been.
        progress
            Gives the progress. That is what costs: hooks that do not call it cost one call.
        """

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Take every map as it was after the same step, where maps learn in steps.

        Snapshots come in order, and none that was asked for is left out.
        """

    def new_pins(self) -> Pins | None:
        """Return the pins to obey from now on, and no others; None for no change.

        Whoever asks must see that the change is made.
        """
        return None

    def on_settled(self, record: Record) -> None:
        """Take the result of a run that stays, which has converged under the present pins."""

    def wait_for_change(self) -> None:
        """Return when a run that stays and has settled has something to do again."""


class Runtime(Protocol):
    """Runs a problem to its end."""

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem``, calling ``hooks`` between its rounds or waves."""
