"""A frame: what one host says to another at one time."""

from __future__ import annotations

from typing import NamedTuple

from sheafnet.dynamics.messages import Message


class Frame(NamedTuple):
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

    run: str
    sender: str
    receiver: str
    incarnation: int
    number: int
    heard: int
    acks: tuple[int, ...]
    messages: tuple[Message, ...]
