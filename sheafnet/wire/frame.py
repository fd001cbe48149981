"""A frame: the messages and acknowledgements that one host sends to another host at one time."""

from __future__ import annotations

from typing import Final

from sheafnet.dynamics.messages import Message

FIELDS: Final = (
    "run", "sender", "receiver", "incarnation", "number", "ack_incarnation", "acks", "messages",
)  # fmt: skip


class Frame:
    """Messages from one host to another, and acknowledgements of frames that the receiver sent.

    Attributes
    ----------
    run
        Name of the run that the frame belongs to.
    sender, receiver
        Name of the host that sends the frame, and name of the host that receives it.
    incarnation
        Number of times that the sender has been restarted.
    number
        Number of this frame, counted from 1 among the frames with messages that this incarnation of
        the sender has sent to the receiver. It is 0 for a frame that carries acknowledgements only;
        the receiver does not acknowledge such a frame.
    ack_incarnation
        Incarnation in which the receiver sent the frames that ``acks`` acknowledges.
    acks
        Numbers of the frames that this frame acknowledges. The receiver sent these frames, and they
        arrived after the sender had sent its previous frame to the receiver.
    messages
        Messages from vertices of the sender to vertices of the receiver.
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
