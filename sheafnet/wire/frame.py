"""A frame: what one host says to another at one time."""

from __future__ import annotations

from typing import Final

from sheafnet.dynamics.messages import Message

FIELDS: Final = (
    "run", "sender", "receiver", "incarnation", "number", "ack_incarnation", "acks", "messages",
)  # fmt: skip


class Frame:
    """Messages between two hosts, with what makes their delivery certain.

    Attributes
    ----------
    run
        Which run it belongs to.
    sender, receiver
        Host names.
    incarnation
        How often the sender has been restarted.
    number
        Counts the frames from this sender, in this incarnation, to this receiver; 0 for a
        frame that carries acknowledgements only and is not acknowledged itself.
    ack_incarnation
        Incarnation of the receiver whose frames ``acks`` acknowledges.
    acks
        Numbers of frames that have arrived since the sender last wrote.
    messages
        What the sender's vertices say to the receiver's.
    """

    __slots__ = FIELDS

    def __init__(
        self,
        run: str,
        sender: str,
        receiver: str,
        incarnation: int,
        number: int,
        ack_incarnation: int,
        acks: tuple[int, ...],
        messages: tuple[Message, ...],
    ) -> None:
        self.run = run
        self.sender = sender
        self.receiver = receiver
        self.incarnation = incarnation
        self.number = number
        self.ack_incarnation = ack_incarnation
        self.acks = acks
        self.messages = messages

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in FIELDS)
        return f"Frame({fields})"
