"""A frame: what one host says to another at one time."""

from __future__ import annotations

from sheafnet.dynamics.messages import Message


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
    heard
        Incarnation of the receiver whose frames ``acks`` acknowledges.
    acks
        Numbers of frames that have arrived since the sender last wrote.
    messages
        What the sender's vertices say to the receiver's.
    """

    # Not a tuple with names: where it is compiled, this is made and read several times as fast.
    __slots__ = (
        "acks",
        "heard",
        "incarnation",
        "messages",
        "number",
        "receiver",
        "run",
        "sender",
    )

    def __init__(
        self,
        run: str,
        sender: str,
        receiver: str,
        incarnation: int,
        number: int,
        heard: int,
        acks: tuple[int, ...],
        messages: tuple[Message, ...],
    ) -> None:
        self.run = run
        self.sender = sender
        self.receiver = receiver
        self.incarnation = incarnation
        self.number = number
        self.heard = heard
        self.acks = acks
        self.messages = messages
