"""Collecting what is wrong in a configuration, so that all of it is reported at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sheafnet.config.load import Loaded
from sheafnet.errors import Fault, InputError

T = TypeVar("T")


class Faults:
    """What was found wrong so far.

    Parameters
    ----------
    loaded
        Whose faults.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.found: list[Fault] = []
        self._loaded = loaded
        self._sections: dict[str, str] = {}

    def of(self, section: str, other: str) -> Faults:
        """Return what notes faults of one section here as those of another."""
        twin = Faults(self._loaded)
        twin.found = self.found
        twin._sections = {section: other}
        return twin

    def add(self, key: str, message: str) -> None:
        """Note one fault."""
        section, dot, inner = key.partition(".")
        self.found.append(
            self._loaded.fault(self._sections.get(section, section) + dot + inner, message)
        )

    def attempt(self, key: str, make: Callable[[], T]) -> T | None:
        """Return what ``make`` gives; if it cannot, note why and return None."""
        try:
            return make()
        except (InputError, MemoryError, ValueError) as error:
            self.add(key, str(error))
            return None
