"""The deferral of small steps while a host waits for the acknowledgement of a frame.

Newer messages from other hosts will probably arrive together with the acknowledgement. Until then
the vertices of the host use messages that are out of date, and it would be useless to reduce their
forces to the tolerance. It suffices to reduce the forces to a share of the error in these messages,
as in the inexact solution of a block of unknowns (Dembo, Eisenstat & Steihaug, "Inexact Newton
methods", 1982). "Force" means the part of −∇E that can move a vertex.
"""

from __future__ import annotations

from typing import Final

FORCING_TERM: Final = 0.3
"""Share of the largest earlier force. A step whose force is below this share can be deferred.

The largest earlier force is the largest force at a step since the last reset. The effect of this
value was measured with the rule prox on a 16-16-16-16-16-4 network with one host for each layer. If
frames are delayed by 5 or 20 times the duration of a step, deferral multiplies the number of steps
by 0.2 to 0.6. The virtual time of the run does not change. If frames are delayed by at most the
duration of a step, the number of steps does not change. The virtual time then grows by at most an
eighth.
"""


class StepDeferral:
    """A test whether a step can be deferred: its force is compared with the largest earlier force.

    The largest earlier force is the largest force at a step since the last reset.
    """

    def __init__(self) -> None:
        self._largest = 0.0

    def reset(self) -> None:
        """Set the largest earlier force to 0: no step is deferred before the next ``record``.

        Called when a newer message has arrived, or when the host waits for no acknowledgement.
        """
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
            Largest force at the vertex before its step. If it is NaN, the step is not deferred.
        """
        return force < FORCING_TERM * self._largest
