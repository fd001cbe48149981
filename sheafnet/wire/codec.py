"""Frames to bytes and back.

A frame is sixteen bytes of prefix, a msgpack header and the arrays::

    offset  size
         0     2  magic, "sn"
         2     1  version
         3     1  reserved, 0
         4     4  checksum of everything after it: the low 32 bits of its XXH3-64
         8     4  size of the header
        12     4  size of the arrays
        16        header: [run, sender, receiver, incarnation, number, ack_incarnation, acks,
                  messages], each message [kind, edge, vertex, tag, sequence, type, shape];
                  padded with zeros to a multiple of eight
                  arrays in the order of the messages, little-endian, C order, each padded
                  to a multiple of eight

The arrays stay outside of msgpack, so that what msgpack is allowed to allocate is bounded by
the small header, and an array is read where it lies, without a copy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import msgpack
import numpy as np
from xxhash import xxh3_64, xxh3_64_digest

from sheafnet.core.arrays import Array
from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.errors import ProtocolError
from sheafnet.wire.frame import Frame

MAGIC: Final = b"sn"
VERSION: Final = 1
PREFIX: Final = 16
"""Bytes before the header."""
_START: Final = MAGIC + bytes((VERSION, 0))
_HASHED_FROM: Final = 8
_CHECKSUM: Final = struct.Struct("<I")
_SIZES: Final = struct.Struct("<II")
COUNT_BITS: Final = 63
"""A count is 0 or more and below two to this power: nothing is left of it when it is shifted by so
many bits, which is told sooner than what it is less than."""
PACKED: Final = 512
"""Bytes that a packer has room for at first: each host has one, and each vertex may have a host."""
COPIED: Final = 4096
"""Bytes up to which it takes less to copy than to go without a copy."""

_FIELDS: Final = 8
_FIELDS_OF_MESSAGE: Final = 7
_ILL_FORMED: Final = "a field of the header has the wrong type or is out of range"

KINDS: Final = (Kind.PROJECTION, Kind.TENSION, Kind.ELIMINATION)
DTYPES: Final[tuple[np.dtype[Any], ...]] = (np.dtype("<f8"), np.dtype("<f4"))
_KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
_DTYPE_CODES: Final = {dtype: code for code, dtype in enumerate(DTYPES)}


@dataclass(frozen=True)
class Limits:
    """What a frame may ask of its receiver, checked before anything is allocated.

    Attributes
    ----------
    frame, header
        Largest sizes in bytes.
    items
        Most messages or acknowledgements in a frame.
    name
        Longest name in bytes.
    rank
        Most axes of an array.
    """

    frame: int = 2**28
    header: int = 2**20
    items: int = 2**14
    name: int = 2**8
    rank: int = 8


class Codec:
    """Frames to bytes and back, within limits; not to be shared between threads.

    Parameters
    ----------
    limits
        Of what is written and of what is read.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits = limits
        # Kept: to make one takes as long as to pack a header. It grows with what it packs.
        self._pack: Callable[[object], bytes] = msgpack.Packer(buf_size=PACKED).pack

    def encode(self, frame: Frame) -> bytes:
        """Return the bytes of ``frame``.

        Raises
        ------
        ProtocolError
            If it would be refused: too large, or an array that is neither float64 nor float32.
        """
        limits = self.limits
        described: list[tuple[object, ...]] = []
        parts: list[bytes | memoryview] = []
        payload = 0
        for message in frame.messages:
            key, array = message.key, message.array
            code = _DTYPE_CODES.get(array.dtype)
            if code is None:
                raise ProtocolError(
                    f"an array of {array.dtype} on {key.edge!r} cannot be sent", "dtype"
                )
            described.append(
                (
                    _KIND_CODES[key.kind],
                    key.edge,
                    key.sender,
                    key.tag,
                    message.sequence,
                    code,
                    array.shape,
                )
            )
            length = array.nbytes
            large = length > COPIED
            parts.append(np.ascontiguousarray(array).data if large else array.tobytes())
            if length % 8:
                parts.append(bytes(-length % 8))
            payload += length + -length % 8
        header: bytes = self._pack(
            (
                frame.run,
                frame.sender,
                frame.receiver,
                frame.incarnation,
                frame.number,
                frame.ack_incarnation,
                frame.acks,
                described,
            )
        )
        size = PREFIX + len(header) + -len(header) % 8 + payload
        if len(header) > limits.header or size > limits.frame:
            raise ProtocolError(
                f"a frame of {size} bytes, header {len(header)}, is over the limits {limits.frame} "
                f"and {limits.header}; send fewer or smaller arrays in one",
                "size",
            )
        head = _SIZES.pack(len(header), payload) + header + bytes(-len(header) % 8)
        if payload <= COPIED:
            body = b"".join((head, *parts))
            return _START + _checksum(xxh3_64_digest(body)) + body
        hashed = xxh3_64(head)
        for part in parts:
            hashed.update(part)
        # One copy of the arrays, straight into the frame.
        return b"".join((_START, _checksum(hashed.digest()), head, *parts))

    def decode(self, data: bytes) -> Frame:
        """Return the frame that ``data`` holds; its arrays are read-only views of ``data``.

        Raises
        ------
        ProtocolError
            If ``data`` is anything else than one whole, undamaged frame of this version within
            the limits. No other exception, and nothing larger than the limits is allocated.
        """
        limits = self.limits
        header_size, payload_at, end = self._check_prefix(data)
        try:
            fields = msgpack.unpackb(
                data[PREFIX : PREFIX + header_size],
                use_list=False,
                max_str_len=limits.name,
                max_array_len=limits.items,
                max_bin_len=0,
                max_map_len=0,
                max_ext_len=0,
            )
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ProtocolError(f"the header cannot be read: {error}", "header") from None
        if type(fields) is not tuple or len(fields) != _FIELDS:
            raise ProtocolError("the header does not have its eight fields", "header")
        run, sender, receiver, incarnation, number, ack_incarnation, acks, described = fields
        # Spelled out, here and for messages: this is in the path of every frame.
        if not (
            type(run) is type(sender) is type(receiver) is str
            and type(acks) is type(described) is tuple
            and type(incarnation) is type(number) is type(ack_incarnation) is int
            and not (incarnation | number | ack_incarnation) >> COUNT_BITS
            and _are_counts(acks)
        ):
            raise ProtocolError(_ILL_FORMED, "header")
        messages = []
        at = payload_at
        for description in described:
            message, at = self._message(description, data, at, end)
            messages.append(message)
        if at != end:
            raise ProtocolError(f"{end - at} bytes after the last array", "size")
        return Frame(
            run, sender, receiver, incarnation, number, ack_incarnation, acks, tuple(messages)
        )

    def _check_prefix(self, data: bytes) -> tuple[int, int, int]:
        """Return the size of the header, where the arrays begin, and where they end."""
        limits = self.limits
        if len(data) < PREFIX:
            raise ProtocolError(f"{len(data)} bytes are no frame", "size")
        if len(data) > limits.frame:
            raise ProtocolError(f"{len(data)} bytes are over the limit {limits.frame}", "size")
        if data[: len(_START)] != _START:
            if data[:2] != MAGIC or data[3]:
                raise ProtocolError("not a sheafnet frame", "magic")
            raise ProtocolError(f"frame version {data[2]}; this is version {VERSION}", "version")
        header_size: int
        payload_size: int
        header_size, payload_size = _SIZES.unpack_from(data, _HASHED_FROM)
        payload_at = PREFIX + header_size + -header_size % 8
        if header_size > limits.header or payload_at + payload_size != len(data):
            raise ProtocolError("the sizes in the prefix do not fit the frame", "size")
        body = data[_HASHED_FROM:] if len(data) <= COPIED else memoryview(data)[_HASHED_FROM:]
        if _checksum(xxh3_64_digest(body)) != data[len(_START) : _HASHED_FROM]:
            raise ProtocolError("the checksum does not fit the frame", "checksum")
        return header_size, payload_at, payload_at + payload_size

    def _message(self, description: Any, data: bytes, at: int, end: int) -> tuple[Message, int]:
        """Return one message whose array lies at ``at``, and where the next array lies."""
        limits = self.limits
        if type(description) is not tuple or len(description) != _FIELDS_OF_MESSAGE:
            raise ProtocolError("a message does not have its seven fields", "header")
        kind, edge, sender, tag, sequence, code, shape = description
        if not (
            type(edge) is type(sender) is str
            and type(shape) is tuple
            and type(kind) is type(tag) is type(sequence) is type(code) is int
            and kind >= 0
            and code >= 0
            and not (tag | sequence) >> COUNT_BITS
            and _are_counts(shape)
        ):
            raise ProtocolError(_ILL_FORMED, "header")
        if kind >= len(KINDS):
            raise ProtocolError(f"unknown kind of message {kind}", "kind")
        if code >= len(DTYPES):
            raise ProtocolError(f"unknown type of array {code}", "dtype")
        if len(shape) > limits.rank:
            raise ProtocolError(f"an array of {len(shape)} axes; at most {limits.rank}", "shape")
        size = prod(shape) * DTYPES[code].itemsize
        # An axis of none must not excuse the size of the others: NumPy refuses such shapes.
        if not size and prod(max(n, 1) for n in shape) > limits.frame:
            raise ProtocolError(f"an array of shape {shape} is over the limit", "shape")
        if size > end - at:
            raise ProtocolError(f"an array of {size} bytes where {end - at} are left", "size")
        array: Array = np.ndarray(shape, DTYPES[code], data, at)
        return Message(Key(KINDS[kind], edge, sender, tag), sequence, array), at + size + -size % 8


def fingerprint(data: bytes) -> int:
    """Return the checksum that a frame carries: equal in copies of it, and hardly in any other."""
    checksum: int = _CHECKSUM.unpack_from(data, len(_START))[0]
    return checksum


def _checksum(digest: bytes) -> bytes:
    """Return the low 32 bits of an XXH3-64, which is big-endian, as they are in the prefix."""
    return digest[:3:-1]


def _are_counts(values: tuple[Any, ...]) -> bool:
    for value in values:  # noqa: SIM110 - a loop takes less than making a generator does
        if type(value) is not int or value >> COUNT_BITS:
            return False
    return True
