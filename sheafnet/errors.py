"""Everything sheafnet raises, as one tree.

::

    SheafnetError                   catch this to catch them all
    ├── InputError                  something given was wrong; also a ValueError
    │   ├── ShapeError              an array has the wrong rank or size
    │   ├── NonFiniteError          an array holds NaN or infinity
    │   ├── EmptyBatchError         an array has no samples
    │   ├── UnknownNameError        no vertex, edge or key of that name
    │   ├── PinError                two hard pins disagree
    │   ├── SheafError              the vertices, edges and maps do not form a sheaf
    │   ├── RuleError               the rule cannot be used on this problem
    │   ├── FileError               a file is missing, damaged or of another version
    │   └── ConfigError             a configuration has faults, all of them listed
    ├── RunEndedError               something was asked of a run that is over
    ├── ClusterError                Ray, an actor or the cluster is not there, or was lost
    ├── WriteError                  a file cannot be written
    ├── SolveError                  a direct solve has no unique or no settled answer
    ├── DeliveryError               a message reached a vertex that it is not for
    └── ProtocolError               bytes are no frame that this host may take in

A run that does not converge is no error: it ends in an ``Outcome``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class SheafnetError(Exception):
    """Base of every error that sheafnet raises on purpose."""


class InputError(SheafnetError, ValueError):
    """Something that was given is wrong; the message names it and what to do."""


class ShapeError(InputError):
    """An array has the wrong rank or size."""


class NonFiniteError(InputError):
    """An array holds NaN or infinity."""


class EmptyBatchError(InputError):
    """An array has no samples."""


class UnknownNameError(InputError):
    """No vertex, edge or key of that name."""


class PinError(InputError):
    """Two hard pins on the same stalk disagree."""


class SheafError(InputError):
    """The vertices, edges and restriction maps do not form a sheaf."""


class RuleError(InputError):
    """The rule cannot be used on this problem."""


class FileError(InputError):
    """A file is missing, damaged, incomplete or of another version."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a configuration.

    Attributes
    ----------
    source
        Where the value was written: a file, or ``--set``.
    key
        Dotted path of the key, empty for the document as a whole.
    message
        What is wrong and, where there is one, the nearest valid name.
    """

    source: str
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.source}: {self.key}" if self.key else self.source
        return f"{where}: {self.message}"


class ConfigError(InputError):
    """A configuration has faults.

    Attributes
    ----------
    faults
        All of them.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RunEndedError(SheafnetError):
    """Something was asked of a run that is over."""


class ClusterError(SheafnetError):
    """Ray, an actor or the cluster is not there, or was lost for good; the message says which."""


class WriteError(SheafnetError):
    """A file cannot be written."""


class SolveError(SheafnetError):
    """A direct solve has no unique answer, or did not settle."""


class DeliveryError(SheafnetError):
    """A message reached a vertex that does not know its edge or sender, or has another shape."""


class ProtocolError(SheafnetError):
    """Bytes are no frame that this host may take in.

    Attributes
    ----------
    reason
        One word for counting: ``size``, ``magic``, ``version``, ``checksum``, ``header``,
        ``kind``, ``dtype``, ``shape``, ``run``, ``incarnation`` or ``stranger``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint that names what ``name`` was probably meant to be.

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
