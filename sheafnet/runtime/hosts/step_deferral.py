"""The deferral of small steps while a host awaits an answer.

The vertices of a host could relax among themselves to the last digit, although the messages from
other hosts that they use are about to be replaced. It suffices to reduce the forces to a share of
what these messages may be wrong by, as in the inexact solution of a block of unknowns (Dembo,
Eisenstat & Steihaug, "Inexact Newton methods", 1982). "Force" means the part of −∇E that can move a
vertex.
"""

from __future__ import annotations

from typing import Final

FORCING_TERM: Final = 0.3
"""Share of the largest force since the last reset. A step for a smaller force is deferred.

Measured with the rule prox on a 16-16-16-16-16-4 network, with a host for each layer. If delays are
5 or 20 steps long, deferral reduces the number of steps to 0.2 to 0.6 of it, in the same virtual
time. If delays are at most one step long, the number of steps stays the same, and the virtual time
grows by up to an eighth.
"""


class StepDeferral:
    """The largest force at a step since the last reset, with which the next forces are compared."""

    def __init__(self) -> None:
        self._largest = 0.0

    def reset(self) -> None:
        """Set the largest force to 0, when a newer message arrived or no answer is awaited."""
        self._largest = 0.0

    def record(self, force: float) -> None:
        """Record the force at a step.

        Parameters
        ----------
        force
            Largest force at the vertex before its step.
        """
        self._largest = max(self._largest, force)

    def defers(self, force: float) -> bool:
        """Return whether a step can be deferred.

        Parameters
        ----------
        force
            Largest force at the vertex; the result is false for NaN.
        """
        return force < FORCING_TERM * self._largest
