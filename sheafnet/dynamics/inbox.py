"""The inbox of a vertex: the newest message of each key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from sheafnet.core.arrays import Array
from sheafnet.dynamics.messages import Key, Message

STALENESS_CLASSES: Final = 16
"""Class 0 counts a staleness of 0, class n one from 2ⁿ⁻¹ to 2ⁿ − 1, the last all the rest."""

Entry: TypeAlias = tuple[int, int, Array]
"""Incarnation of the sender, sequence and array of a message: one entry for all three, since a key
takes longer to hash than anything else here."""


class Inbox:
    """Keeps the newest message of each key.

    Attributes
    ----------
    version
        Grows with every message kept, so that what was computed from the inbox can be
        told fresh from stale.
    max_staleness
        Most steps that a sender took between two messages kept from it, beyond the one that
        the newer tells of: how far a neighbour had moved on while its old message was in use.
    staleness
        How many messages were kept of each class of staleness.
    staleness_sum
        Their staleness, summed.
    floor
        Messages of a tag below this are of no more use, and are not kept.
    entries
        Key → the newest message of it.
    """

    def __init__(self) -> None:
        self.version = 0
        self.max_staleness = self.staleness_sum = self.floor = 0
        self.staleness = [0] * STALENESS_CLASSES
        self.entries: dict[Key, Entry] = {}

    def accept(self, message: Message, incarnation: int = 0) -> bool:
        """Keep ``message`` unless one of its key that is as new is here already.

        Parameters
        ----------
        message
            What arrived.
        incarnation
            How often the sender has been restarted; a later incarnation outranks any sequence.

        Returns
        -------
        bool
            Whether it was kept.
        """
        key, sequence = message.key, message.sequence
        if key.tag < self.floor:
            return False
        before = self.entries.get(key)
        if before is not None:
            known_incarnation, known_sequence, _ = before
            if incarnation < known_incarnation:
                return False
            if incarnation == known_incarnation and sequence <= known_sequence:
                return False
            if incarnation == known_incarnation:
                missed = sequence - known_sequence - 1
                if missed:
                    self.staleness[min(missed.bit_length(), STALENESS_CLASSES - 1)] += 1
                    self.staleness_sum += missed
                    self.max_staleness = max(missed, self.max_staleness)
                else:
                    self.staleness[0] += 1
        self.entries[key] = incarnation, sequence, message.array
        self.version += 1
        return True

    def release(self, floor: int) -> None:
        """Drop what is of a tag below ``floor``, now and from now on."""
        if floor == self.floor:
            return
        self.floor = floor
        for key in [key for key in self.entries if key.tag < floor]:
            del self.entries[key]

    def __getitem__(self, key: Key) -> Array:
        return self.entries[key][2]

    def sequence(self, key: Key) -> int:
        """Return the sequence of what is kept under ``key``; 0 if there is nothing."""
        entry = self.entries.get(key)
        return 0 if entry is None else entry[1]

    def has(self, keys: Iterable[Key]) -> bool:
        """Return whether there is a message for every one of ``keys``."""
        return all(key in self.entries for key in keys)
