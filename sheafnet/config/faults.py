"""A collector of the faults (wrong keys or values) of a configuration, to report all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sheafnet.config.load import Loaded
from sheafnet.errors import Fault, InputError

T = TypeVar("T")


class Faults:
    """A collector of the faults that builders find in one configuration.

    Parameters
    ----------
    loaded
        The configuration. It determines the source of each fault: the file or ``--set``.

    Attributes
    ----------
    found
        The faults so far, in the order in which they were found.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.found: list[Fault] = []
        self._loaded = loaded
        self._sections: dict[str, str] = {}

    def of(self, section: str, other: str) -> Faults:
        """Return a collector that adds its faults to this collector, under other keys.

        In the keys of these faults the first part ``section`` is replaced by ``other``.

        Parameters
        ----------
        section
            First part of the keys to replace, such as ``"data"``.
        other
            Key that replaces ``section``, such as ``"training.test"``.
        """
        twin = Faults(self._loaded)
        twin.found = self.found
        twin._sections = {section: other}
        return twin

    def add(self, key: str, message: str) -> None:
        """Add a fault, with its key and source, to ``found``.

        Parameters
        ----------
        key
            Dotted path of the key whose value is wrong.
        message
            Text that says what is wrong with the value.
        """
        section, dot, inner = key.partition(".")
        self.found.append(
            self._loaded.fault(self._sections.get(section, section) + dot + inner, message)
        )

    def attempt(self, key: str, make: Callable[[], T]) -> T | None:
        """Return the result of ``make``; if ``make`` refuses a value, add a fault and return None.

        Parameters
        ----------
        key
            Dotted path of the key of the fault.
        make
            Function to call. An ``InputError``, ``MemoryError`` or ``ValueError`` that it raises
            becomes a fault. Any other exception passes through to the caller.
        """
        try:
            return make()
        except (InputError, MemoryError, ValueError) as error:
            self.add(key, str(error))
            return None
