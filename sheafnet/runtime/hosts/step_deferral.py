"""The steps that a host defers while it awaits an answer.

Vertices of one host could go on agreeing among themselves to the last digit, with messages from
outside that are about to be replaced. As where a block of unknowns is relaxed inexactly (Dembo,
Eisenstat & Steihaug, "Inexact Newton methods", 1982), it is enough to come as far as the error of
the latest messages.
"""

from __future__ import annotations

from typing import Final

FORCING_TERM: Final = 0.3
"""Share of the largest force since the last news or answer below which a step is deferred.

With the rule prox on 16-16-16-16-16-4, a host for each layer and delays of 5 and 20 steps, it takes
0.2 to 0.6 of the steps and the same virtual time; with delays up to one step it takes as many, and
up to an eighth more time.
"""


class StepDeferral:
    """Tells the steps that can wait by the forces of those taken since the last news or answer."""

    def __init__(self) -> None:
        self._largest = 0.0

    def reset(self) -> None:
        """Begin anew: there is news, or no answer is awaited."""
        self._largest = 0.0

    def record(self, force: float) -> None:
        """Note the force of a step that is taken."""
        self._largest = max(self._largest, force)

    def defers(self, force: float) -> bool:
        """Return whether a step for that force can wait; never if it is NaN."""
        return force < FORCING_TERM * self._largest
