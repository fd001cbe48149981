"""The errors that sheafnet raises, as one tree.

::

    SheafnetError                   base of all errors below
    ├── InputError                  an argument, setting or file is wrong; also a ValueError
    │   ├── ShapeError              an array has the wrong rank or size
    │   ├── NonFiniteError          an array holds NaN or infinity
    │   ├── EmptyBatchError         an array has no samples
    │   ├── UnknownNameError        there is no vertex, edge, host or rule of that name
    │   ├── PinError                a pin is wrong, or contradicts another pin
    │   ├── SheafError              the vertices, edges and maps do not form a sheaf
    │   ├── RuleError               the rule has a wrong setting or does not fit the problem
    │   ├── FileError               a file is missing, damaged or of another version
    │   └── ConfigError             a configuration has wrong values; the error lists all of them
    ├── RunEndedError               pins were set on a run that has ended
    ├── ClusterError                Ray, an actor or the cluster cannot be reached, or is lost
    ├── WriteError                  a file cannot be written
    ├── SolveError                  a direct solve has no unique solution, or did not converge
    ├── DeliveryError               a message does not fit the vertex that received it
    └── ProtocolError               a host received bytes that are not a valid frame for it

A run that does not converge raises no error: the attribute ``outcome`` of its result says how the
run ended, as an ``sn.Outcome``. Most errors about an argument are raised before the run begins.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class SheafnetError(Exception):
    """Base class of all errors in this module."""


class InputError(SheafnetError, ValueError):
    """An argument, setting or file is wrong; the message says which one and how to correct it."""


class ShapeError(InputError):
    """An array has the wrong rank or size."""


class NonFiniteError(InputError):
    """An array holds NaN or infinity."""


class EmptyBatchError(InputError):
    """An array has no samples."""


class UnknownNameError(InputError):
    """There is no vertex, edge, host, rule, task or setting of the given name."""


class PinError(InputError):
    """A pin has wrong coordinates or strength, or hard pins hold a coordinate at two values."""


class SheafError(InputError):
    """The vertices, edges and restriction maps do not form a sheaf."""


class RuleError(InputError):
    """The rule has a wrong setting, or cannot be used on this problem."""


class FileError(InputError):
    """A file is missing, damaged, incomplete or of another version."""


@dataclass(frozen=True)
class Fault:
    """One fault of a configuration: a key or a value that is wrong.

    Attributes
    ----------
    source
        Where the user wrote the value: the path of a file, or the option ``--set`` or ``--vary``.
    key
        Dotted path of the key; empty if the fault concerns the whole document.
    message
        Text that says what is wrong. For a wrong name, the text ends with the most similar valid
        name, if there is one.
    """

    source: str
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.source}: {self.key}" if self.key else self.source
        return f"{where}: {self.message}"


class ConfigError(InputError):
    """A configuration has faults; the message lists all of them, one on each line.

    Parameters
    ----------
    faults
        All faults that were found.

    Attributes
    ----------
    faults
        All faults that were found, as a tuple.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RunEndedError(SheafnetError):
    """New pins were set on a run that has ended."""


class ClusterError(SheafnetError):
    """Ray, an actor or the cluster cannot be reached, or is lost and cannot be restarted."""


class WriteError(SheafnetError):
    """A file cannot be written."""


class SolveError(SheafnetError):
    """A linear system has no unique solution, or repeated direct solves did not converge."""


class DeliveryError(SheafnetError):
    """A vertex received a message that has the wrong shape or belongs to none of its edges."""


class ProtocolError(SheafnetError):
    """A host received bytes that are not a valid frame for it.

    Parameters
    ----------
    message
        Text that says what is wrong with the bytes.
    reason
        Reason of the refusal, as one word. A host counts the frames that it refuses for each such
        word.

    Attributes
    ----------
    reason
        Name of the part of the frame that is wrong: ``size``, ``magic``, ``version``,
        ``checksum``, ``header``, ``kind``, ``dtype``, ``shape``, ``run`` or ``incarnation``. It is
        ``stranger`` if the frame is for another host, or is from a host that is not a peer.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return text that suggests valid names, for the end of an error message about a wrong name.

    The text suggests the valid name that is most similar to ``name``. If no valid name is similar,
    the text lists all valid names.

    Parameters
    ----------
    name
        The name that is not valid.
    valid
        The valid names.

    Returns
    -------
    str
        Text that begins with ``"; "``. It is empty if there are no valid names.

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
