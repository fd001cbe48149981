"""A collector of the faults of a configuration, so that all of them are reported at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sheafnet.config.load import Loaded
from sheafnet.errors import Fault, InputError

T = TypeVar("T")


class Faults:
    """The faults that builders have found so far in one configuration; ``found`` lists them.

    Parameters
    ----------
    loaded
        The configuration, which gives each fault its source.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.found: list[Fault] = []
        self._loaded = loaded
        self._sections: dict[str, str] = {}

    def of(self, section: str, other: str) -> Faults:
        """Return a collector that adds faults of one section to this one as those of another.

        Parameters
        ----------
        section
            First part of the keys to replace, such as ``"data"``.
        other
            Key to put in its place, such as ``"training.test"``.
        """
        twin = Faults(self._loaded)
        twin.found = self.found
        twin._sections = {section: other}
        return twin

    def add(self, key: str, message: str) -> None:
        """Add a fault.

        Parameters
        ----------
        key
            Dotted path of the key whose value is wrong.
        message
            Text that says what is wrong with it.
        """
        section, dot, inner = key.partition(".")
        self.found.append(
            self._loaded.fault(self._sections.get(section, section) + dot + inner, message)
        )

    def attempt(self, key: str, make: Callable[[], T]) -> T | None:
        """Return ``make()``, or add a fault and return None if it raises.

        Parameters
        ----------
        key
            Dotted path of the key that a fault is noted under.
        make
            Function to call. ``InputError``, ``MemoryError`` and ``ValueError`` become a fault;
            all other exceptions propagate.
        """
        try:
            return make()
        except (InputError, MemoryError, ValueError) as error:
            self.add(key, str(error))
            return None
