"""Which steps are worth taking while an answer is awaited.

Vertices that live together could go on agreeing among themselves to the last digit, with word from
outside that is about to be replaced. As where a block of unknowns is relaxed inexactly (Dembo,
Eisenstat & Steihaug 1982), it is enough to come as far as the error of what was heard.
"""

from __future__ import annotations

from typing import Final

SHARE: Final = 0.3
"""Of the largest force since the last news or answer.

With the rule prox on 16-16-16-16-16-4, a host for each layer and delays of 5 and 20 steps, it takes
0.2 to 0.6 of the steps and the same virtual time; with delays up to one step it takes as many, and
up to an eighth more time.
"""


class Restraint:
    """Tells small steps from large ones, by what the last news or answer gave cause for."""

    def __init__(self) -> None:
        self._largest = 0.0

    def renew(self) -> None:
        """Begin anew: there is news, or no answer is awaited."""
        self._largest = 0.0

    def took(self, force: float) -> None:
        """Note the force of a step that is taken."""
        self._largest = max(self._largest, force)

    def holds(self, force: float) -> bool:
        """Return whether a step for that force can wait; never if it is NaN."""
        return force < SHARE * self._largest
