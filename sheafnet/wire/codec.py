"""The codec: it converts frames to bytes and bytes to frames.

An encoded frame is a prefix of sixteen bytes, a msgpack header and the arrays::

    offset  size
         0     2  magic, "sn"
         2     1  version
         3     1  reserved, 0
         4     4  checksum of all bytes from offset 8 on: the low 32 bits of their XXH3-64 hash
         8     4  size of the header in bytes, without its padding
        12     4  size of the arrays in bytes, with their padding
        16        header: [run, sender, receiver, incarnation, number, ack_incarnation, acks,
                  messages], each message [kind, edge, vertex, tag, sequence, type, shape];
                  padded with zeros to a multiple of eight
                  arrays in the order of the messages, little-endian, C order, each padded
                  to a multiple of eight

``sheafnet.wire.frame.Frame`` explains the fields of the header. In a message, kind and type are
indices into ``KINDS`` and ``DTYPES``, vertex is the sender, and shape has the lengths of the axes
of the array. The sequence orders the messages of a sender, as
``sheafnet.dynamics.messages.Message`` explains. All integers in the prefix are unsigned and
little-endian.

The arrays are not encoded by msgpack, for two reasons. The header is then small, and its size
limits the memory that msgpack can allocate. The second reason is speed: an array can share the
memory of the received bytes, without a copy.
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
"""Size in bytes of the prefix; the header begins at this offset."""
_START: Final = MAGIC + bytes((VERSION, 0))
_HASHED_FROM: Final = 8
_CHECKSUM: Final = struct.Struct("<I")
_SIZES: Final = struct.Struct("<II")
COUNT_BITS: Final = 63
"""Number of bits of a count. A count is an integer from 0 to 2⁶³ − 1.

The code shifts an integer to the right by this many bits and accepts it if the result is 0. This is
faster than two comparisons, and it refuses negative integers as well.
"""
PACKED: Final = 512
"""Initial size in bytes of the buffer of a packer, the msgpack object that encodes headers. It is
small because every host has a packer, and a run may have one host for each vertex."""
COPIED: Final = 4096
"""Largest size in bytes, inclusive, of an array or a frame that is copied before it is hashed. A
larger one is hashed in place. Up to this size a copy is faster than a ``memoryview``."""

_FIELDS: Final = 8
_FIELDS_OF_MESSAGE: Final = 7
_ILL_FORMED: Final = "a field of the header has the wrong type or is out of range"

KINDS: Final = (Kind.PROJECTION, Kind.TENSION, Kind.ELIMINATION)
DTYPES: Final[tuple[np.dtype[Any], ...]] = (np.dtype("<f8"), np.dtype("<f4"))
_KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
_DTYPE_CODES: Final = {dtype: code for code, dtype in enumerate(DTYPES)}


@dataclass(frozen=True)
class Limits:
    """The largest sizes that a frame may have.

    ``Codec.decode`` compares every size with these limits before it allocates memory of that size.

    Attributes
    ----------
    frame
        Largest size of a whole frame, in bytes; 2²⁸ by default.
    header
        Largest size of the msgpack header, in bytes; 2²⁰ by default.
    items
        Largest number of messages in a frame, and largest number of acknowledgements in a frame;
        2¹⁴ by default.
    name
        Largest length of a name of a run, host, edge or vertex, in bytes of UTF-8; 256 by default.
    rank
        Largest number of axes of an array; 8 by default.
    """

    frame: int = 2**28
    header: int = 2**20
    items: int = 2**14
    name: int = 2**8
    rank: int = 8


class Codec:
    """A converter of frames to bytes and of bytes to frames. Two threads must not share a codec.

    Parameters
    ----------
    limits
        Largest sizes that a frame may have. ``decode`` checks all of them; ``encode`` checks only
        the size of the frame and the size of the header.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits = limits
        # The packer is reused, since creating a packer takes as long as packing a header. The
        # buffer of the packer grows when a header needs it.
        self._pack: Callable[[object], bytes] = msgpack.Packer(buf_size=PACKED).pack

    def encode(self, frame: Frame) -> bytes:
        """Encode ``frame`` and return its bytes.

        Parameters
        ----------
        frame
            The frame to encode; its arrays may have any memory layout.

        Raises
        ------
        ProtocolError
            If the frame is larger than ``limits.frame``, if its header is larger than
            ``limits.header``, or if an array is neither little-endian float64 nor
            little-endian float32.
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
        # This copies each array once, directly into the frame.
        return b"".join((_START, _checksum(hashed.digest()), head, *parts))

    def decode(self, data: bytes) -> Frame:
        """Decode ``data`` and return the frame.

        The arrays of the frame are read-only and share the memory of ``data``. Nothing larger than
        the limits is allocated.

        Parameters
        ----------
        data
            Bytes with any content, for example a damaged frame.

        Raises
        ------
        ProtocolError
            If ``data`` is anything but one whole, undamaged frame of this version whose sizes are
            within the limits. No other exception is raised.
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
        # This check is written out here and again in ``_message``, since a helper is slower and the
        # check runs for every frame.
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
        """Check the prefix and the checksum; return the size of the header and two offsets.

        The two offsets are those at which the arrays begin and end.

        Raises
        ------
        ProtocolError
            If ``data`` has fewer bytes than a prefix or more than ``limits.frame``; if its first
            four bytes are not those of a frame of this version; if the size of the header is above
            ``limits.header``; if the sizes in the prefix do not add up to the length of ``data``;
            or if the checksum is wrong.
        """
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
        """Return one message, and the offset at which the array of the next message begins.

        ``description`` is the message in the header, and its array begins at offset ``at``.

        Raises
        ------
        ProtocolError
            If ``description`` does not have seven fields; if a field has the wrong type or is out
            of range; if the kind of the message or the type of the array is unknown; or if the
            array has too many axes, is larger than the limits or extends beyond offset ``end``.
        """
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
        # NumPy refuses even an empty array if its other axes are too long.
        if not size and prod(max(n, 1) for n in shape) > limits.frame:
            raise ProtocolError(f"an array of shape {shape} is over the limit", "shape")
        if size > end - at:
            raise ProtocolError(f"an array of {size} bytes where {end - at} are left", "size")
        array: Array = np.ndarray(shape, DTYPES[code], data, at)
        return Message(Key(KINDS[kind], edge, sender, tag), sequence, array), at + size + -size % 8


def fingerprint(data: bytes) -> int:
    """Return the checksum in the prefix of an encoded frame.

    Copies of a frame have the same checksum. Two different frames have the same checksum with a
    probability of about 2⁻³².

    Parameters
    ----------
    data
        The bytes of a frame, as ``Codec.encode`` returns them.
    """
    checksum: int = _CHECKSUM.unpack_from(data, len(_START))[0]
    return checksum


def _checksum(digest: bytes) -> bytes:
    """Return the low 32 bits of a big-endian XXH3-64 hash, as four bytes in little-endian order."""
    return digest[:3:-1]


def _are_counts(values: tuple[Any, ...]) -> bool:
    """Return whether every value is a count: an ``int`` from 0 to 2⁶³ − 1, and not a ``bool``."""
    for value in values:  # noqa: SIM110 - a loop is faster than a generator here
        if type(value) is not int or value >> COUNT_BITS:
            return False
    return True
