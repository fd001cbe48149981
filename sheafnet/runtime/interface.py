"""The interface of a runtime, and the hooks that it calls while a problem runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sheafnet.core.stalkpins import Pins
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.record import Progress, Record
from sheafnet.runtime.snapshot import Cut


class Watch:
    """Asked by a runtime between rounds or waves; this one lets every run go its way.

    Attributes
    ----------
    stopping
        Whether the run is to end.
    """

    stopping: bool = False

    def look(self, rounds: int, ask: Callable[[], Progress]) -> None:
        """Take the chance to see how far the run has come.

        Parameters
        ----------
        rounds
            How many there have been.
        ask
            Gives the progress. Asking is what costs: a watch that does not ask costs a call.
        """

    def cut(self, cut: Cut) -> None:
        """Take every map as it was after the same step, where they learn in steps.

        Cuts come in order, and none that was asked for is left out.
        """

    def pins(self) -> Pins | None:
        """Return the pins to obey from now on, and no others; None for no change.

        Whoever asks must see that the change is made.
        """
        return None

    def settled(self, record: Record) -> None:
        """Take what a run that stays has found under the pins of now."""

    def rest(self) -> None:
        """Return when a run that stays and has settled has something to do again."""


class Runtime(Protocol):
    """Runs a problem to its end."""

    def run(self, problem: Problem, watch: Watch) -> Record:
        """Run ``problem``, asking ``watch`` from time to time what is wanted."""
