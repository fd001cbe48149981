"""The inbox of a vertex: the newest message of each kind, edge, sender and tag."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from sheafnet.core.arrays import Array
from sheafnet.dynamics.messages import Key, Message

STALENESS_CLASSES: Final = 16
"""Number of classes of staleness.

Class 0 is a staleness of 0, class n a staleness from 2ⁿ⁻¹ to 2ⁿ − 1, and the last class every
larger one.
"""

Entry: TypeAlias = tuple[int, int, Array]
"""Incarnation of the sender, sequence number and array of a message.

One entry holds all three, because most of the time of a look-up is spent on hashing the key.
"""


class Inbox:
    """The newest message of each key that a vertex has received.

    ``inbox[key]`` is the array of the newest message of ``key``. The expression raises ``KeyError``
    if no such message has arrived. The keys of the neighbours' latest projections are in the
    attribute ``latest_keys`` of ``sn.Star``. The constructor takes no argument. A program only
    reads the inbox; the vertex adds messages.

    A kept message replaces the older message of the same key. The *staleness* of the new message is
    the number of steps that its sender took after sending the older message and before the step
    that sent the new one. It is 0 if no step of the sender was missed.

    Attributes
    ----------
    version
        Number of messages kept so far. A result computed from the inbox is up to date as long as
        this number has not changed.
    max_staleness
        Largest staleness of a kept message, in steps of the sender.
    staleness
        Number of kept messages in each class of staleness; see
        ``sheafnet.dynamics.inbox.STALENESS_CLASSES``. The first message of a key, and
        the first one after a restart of the sender's host, are in no class.
    staleness_sum
        Sum of the staleness of all kept messages.
    floor
        Least tag of the messages that are kept; messages with smaller tags are dropped. The tag of
        a message is the number of its batch.
    entries
        Key → incarnation of the sender, sequence number and array of the newest message.
    """

    def __init__(self) -> None:
        self.version = 0
        self.max_staleness = self.staleness_sum = self.floor = 0
        self.staleness = [0] * STALENESS_CLASSES
        self.entries: dict[Key, Entry] = {}

    def accept(self, message: Message, incarnation: int = 0) -> bool:
        """Keep ``message`` unless the inbox has a message of the same key that is at least as new.

        Parameters
        ----------
        message
            The message that arrived.
        incarnation
            Number of restarts of the sender's host. A message of a later incarnation is newer than
            every message of an earlier one, whatever their sequence numbers are.

        Returns
        -------
        bool
            Whether the message was kept. A message whose tag is below ``floor`` is not kept.
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
        """Drop the messages whose tag is below ``floor``, and refuse such messages from now on.

        Parameters
        ----------
        floor
            Least tag that is still needed; 0 or more.
        """
        if floor == self.floor:
            return
        self.floor = floor
        for key in [key for key in self.entries if key.tag < floor]:
            del self.entries[key]

    def __getitem__(self, key: Key) -> Array:
        return self.entries[key][2]

    def sequence(self, key: Key) -> int:
        """Return the sequence number of the newest message of ``key``; 0 if there is none.

        Parameters
        ----------
        key
            Kind, edge, sender and tag of the message.
        """
        entry = self.entries.get(key)
        return 0 if entry is None else entry[1]

    def has(self, keys: Iterable[Key]) -> bool:
        """Return whether the inbox has a message for each of ``keys``.

        Parameters
        ----------
        keys
            Keys to look up.
        """
        return all(key in self.entries for key in keys)
