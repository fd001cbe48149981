"""The errors that sheafnet raises, as one tree.

::

    SheafnetError                   base of all errors below
    ├── InputError                  an argument, setting or file is wrong; also a ValueError
    │   ├── ShapeError              an array has the wrong rank or size
    │   ├── NonFiniteError          an array holds NaN or infinity
    │   ├── EmptyBatchError         an array has no samples
    │   ├── UnknownNameError        there is no vertex, edge, host or rule of that name
    │   ├── PinError                a pin is wrong, or two hard pins differ
    │   ├── SheafError              the vertices, edges and maps do not form a sheaf
    │   ├── RuleError               the rule has a wrong setting or does not fit the problem
    │   ├── FileError               a file is missing, damaged or of another version
    │   └── ConfigError             a configuration has faults; lists them all
    ├── RunEndedError               a run that has ended cannot take other pins
    ├── ClusterError                Ray, an actor or the cluster cannot be reached, or is lost
    ├── WriteError                  a file cannot be written
    ├── SolveError                  a direct solve has no unique solution, or did not settle
    ├── DeliveryError               a message does not fit the vertex that it reached
    └── ProtocolError               bytes are no frame that this host accepts

A run that does not converge raises no error: its result names the ``sn.Outcome``. An error about an
argument is raised where the argument is checked, most often before a run begins.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class SheafnetError(Exception):
    """Base class of every error that sheafnet raises by its contract."""


class InputError(SheafnetError, ValueError):
    """An argument, setting or file is wrong; the message names it and the remedy."""


class ShapeError(InputError):
    """An array has the wrong rank or size."""


class NonFiniteError(InputError):
    """An array holds NaN or infinity."""


class EmptyBatchError(InputError):
    """An array has no samples."""


class UnknownNameError(InputError):
    """There is no vertex, edge, host, rule, task or setting of the given name."""


class PinError(InputError):
    """A pin has wrong coordinates or strength, or two hard pins hold a coordinate at two values."""


class SheafError(InputError):
    """The vertices, edges and restriction maps do not form a sheaf."""


class RuleError(InputError):
    """The rule has a wrong setting, or cannot be used on this problem."""


class FileError(InputError):
    """A file is missing, damaged, incomplete or of another version."""


@dataclass(frozen=True)
class Fault:
    """One wrong value in a configuration.

    Attributes
    ----------
    source
        The place where the value was written: the path of a file, or the option ``--set`` or
        ``--vary``.
    key
        Dotted path of the key; empty for the document as a whole.
    message
        Text that describes the fault, with the nearest valid name if there is one.
    """

    source: str
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.source}: {self.key}" if self.key else self.source
        return f"{where}: {self.message}"


class ConfigError(InputError):
    """A configuration has faults; the message lists them, one a line.

    Parameters
    ----------
    faults
        All faults that were found.

    Attributes
    ----------
    faults
        The same, as a tuple of ``Fault``.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RunEndedError(SheafnetError):
    """A run that has ended was given other pins."""


class ClusterError(SheafnetError):
    """Ray, an actor or the cluster cannot be reached or is lost for good; the message names it."""


class WriteError(SheafnetError):
    """A file cannot be written."""


class SolveError(SheafnetError):
    """A direct solve has no unique solution, or its activation pattern did not settle."""


class DeliveryError(SheafnetError):
    """A message reached a vertex without such an edge or neighbour, or has the wrong shape."""


class ProtocolError(SheafnetError):
    """Bytes are no frame that this host accepts.

    Parameters
    ----------
    message
        Text that describes the fault.
    reason
        One word under which refused frames are counted.

    Attributes
    ----------
    reason
        That word: ``size``, ``magic``, ``version``, ``checksum``, ``header``,
        ``kind``, ``dtype``, ``shape``, ``run``, ``incarnation`` or ``stranger``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the end of an error message: the valid name nearest to ``name``, or all of them.

    Parameters
    ----------
    name
        The name that is not valid.
    valid
        The valid names.

    Returns
    -------
    str
        Text that begins with ``"; "``; empty if there are no valid names.

    Examples
    --------
    >>> nearest("z3", ["z1", "weight_1"])
    "; did you mean 'z1'?"
    >>> nearest("colour", ["z1", "z2"])
    '; valid: z1, z2'
    """
    names = list(valid)
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if match:
        return f"; did you mean {match[0]!r}?"
    return f"; valid: {', '.join(names)}" if names else ""
