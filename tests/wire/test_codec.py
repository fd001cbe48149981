"""Frames as bytes: round trips, refusals, limits."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from xxhash import xxh3_64_intdigest

from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.errors import ProtocolError
from sheafnet.wire.codec import COPIED, PACKED, PREFIX, VERSION, Codec, Limits, fingerprint
from sheafnet.wire.frame import FIELDS, Frame
from tests.support.strategies import seeds

encode, decode = Codec().encode, Codec().decode

counts = st.integers(0, 2**63 - 1)
names = st.text(max_size=20)
arrays = st.sampled_from([np.float64, np.float32]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
messages = st.builds(
    Message, st.builds(Key, st.sampled_from(Kind), names, names, counts), counts, arrays
)
frames = st.builds(
    Frame,
    *[names] * 3,
    *[counts] * 3,
    st.lists(counts, max_size=5).map(tuple),
    st.lists(messages, max_size=4).map(tuple),
)


def example(messages: int = 2, *others: Message) -> Frame:
    rng = np.random.default_rng(0)
    said = tuple(
        Message(Key(Kind.PROJECTION, "weight_1", "a0"), n, rng.standard_normal((3, 2)))
        for n in range(messages)
    )
    return Frame("run", "layer_0", "layer_1", 1, 7, 0, (3, 4), said + others)


def envelope(frame: Frame) -> tuple[object, ...]:
    return tuple(getattr(frame, name) for name in FIELDS if name != "messages")


@given(frames)
def test_a_frame_survives_the_wire_bit_by_bit(frame: Frame) -> None:
    back = decode(encode(frame))
    assert envelope(back) == envelope(frame)
    assert len(back.messages) == len(frame.messages)
    for ours, theirs in zip(back.messages, frame.messages, strict=True):
        assert (ours.key, ours.sequence) == (theirs.key, theirs.sequence)
        assert ours.array.dtype == theirs.array.dtype
        assert ours.array.shape == theirs.array.shape
        assert ours.array.tobytes() == theirs.array.tobytes()


def test_arrays_are_read_where_they_lie_and_cannot_be_changed() -> None:
    data = encode(example())
    for message in decode(data).messages:
        assert message.array.base is not None
        assert message.array.flags.aligned
        with pytest.raises(ValueError, match="read-only"):
            message.array[0, 0] = 1.0


@pytest.mark.parametrize("columns", [3, COPIED // 16, COPIED // 16 + 1, 1000])
def test_an_array_of_any_size_and_order_keeps_its_values(columns: int) -> None:
    array = np.asfortranarray(np.arange(2.0 * columns).reshape(2, columns))
    small = Message(Key(Kind.TENSION, "e", "v", 3), 1, np.ones((1, 3), np.float32))
    large = Message(Key(Kind.TENSION, "f", "v", 3), 1, array)
    data = encode(example(0, small, large, small))
    checksum = xxh3_64_intdigest(data[8:]) & 0xFFFFFFFF
    assert data[4:8] == struct.pack("<I", checksum)
    assert fingerprint(data) == checksum
    for message, sent in zip(decode(data).messages, (small, large, small), strict=True):
        np.testing.assert_array_equal(message.array, sent.array)
    damaged = data[:-1] + b"\x55"
    with pytest.raises(ProtocolError, match="the checksum does not fit the frame"):
        decode(damaged)


def sealed(header: object, payload: bytes = b"", version: int = VERSION) -> bytes:
    """Return a frame with a valid checksum around any header, as a hostile sender can make."""
    packed = header if isinstance(header, bytes) else msgpack.packb(header)
    body = struct.pack("<II", len(packed), len(payload)) + packed
    body += bytes(-len(packed) % 8) + payload
    return struct.pack("<2sBBI", b"sn", version, 0, xxh3_64_intdigest(body) & 0xFFFFFFFF) + body


def header(*described: object, acks: object = ()) -> list[object]:
    return ["run", "a", "b", 0, 1, 0, acks, list(described)]


GOOD = [0, "e", "v", 0, 1, 0, [1, 1]]
EIGHT = bytes(8)


def but(position: int, value: object) -> list[object]:
    return [*GOOD[:position], value, *GOOD[position + 1 :]]


def test_the_hostile_sender_of_these_tests_can_make_a_good_frame() -> None:
    assert decode(sealed(header(GOOD), EIGHT)).messages[0].array == 0.0


@pytest.mark.parametrize(
    ("data", "reason", "match"),
    [
        (b"", "size", "0 bytes are no frame"),
        (b"xx" + encode(example())[2:], "magic", "not a sheafnet frame"),
        (b"sn\x01\x01" + encode(example())[4:], "magic", "not a sheafnet frame"),
        (sealed(header(GOOD), EIGHT, version=9), "version", "frame version 9; this is version 1"),
        (encode(example())[:-1], "size", "do not fit the frame"),
        (encode(example()) + b"\x00", "size", "do not fit the frame"),
        (encode(example())[:-1] + b"\x55", "checksum", "does not fit the frame"),
        (sealed(b"\xc1"), "header", "cannot be read"),
        (sealed(b"\x91" * 5000), "header", "cannot be read"),
        (sealed({"a": 1}), "header", "cannot be read"),
        (sealed([b"bytes"]), "header", "cannot be read"),
        (sealed(["x" * 300]), "header", "cannot be read"),
        (sealed(b"\xa2\xff\xff"), "header", "cannot be read"),
        (sealed(3), "header", "does not have its eight fields"),
        (sealed([1] * 8), "header", "wrong type or is out of range"),
        (sealed([*header()[:3], -1, 1, 0, [], []]), "header", "wrong type or is out of range"),
        (sealed([*header()[:3], 2**63, 1, 0, [], []]), "header", "wrong type or is out of range"),
        (sealed([*header()[:3], True, 1, 0, [], []]), "header", "wrong type or is out of range"),
        (sealed(header(acks=5)), "header", "wrong type or is out of range"),
        (sealed(header(acks=[1.5])), "header", "wrong type or is out of range"),
        (sealed(header(3)), "header", "does not have its seven fields"),
        (sealed(header(but(0, 3)), EIGHT), "kind", "unknown kind of message 3"),
        (sealed(header(but(5, 2)), EIGHT), "dtype", "unknown type of array 2"),
        (sealed(header(but(6, [1] * 9)), EIGHT), "shape", "an array of 9 axes"),
        (sealed(header(but(6, [2, 1])), EIGHT), "size", "16 bytes where 8 are left"),
        (sealed(header(but(6, [2**62, 2**62])), EIGHT), "size", "bytes where 8 are left"),
        (sealed(header(but(6, [-1])), EIGHT), "header", "wrong type or is out of range"),
        (sealed(header(GOOD), EIGHT * 2), "size", "8 bytes after the last array"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(data: bytes, reason: str, match: str) -> None:
    with pytest.raises(ProtocolError, match=match) as caught:
        decode(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize("shape", [[2**62, 0, 2**62], [2**28, 0, 2]])
def test_empty_arrays_of_absurd_shapes_are_refused(shape: list[int]) -> None:
    with pytest.raises(ProtocolError, match="is over the limit"):
        decode(sealed(header(but(6, shape))))


def test_limits_hold_on_both_ends() -> None:
    small = Limits(frame=100)
    with pytest.raises(ProtocolError, match="over the limits 100"):
        Codec(small).encode(example())
    with pytest.raises(ProtocolError, match="over the limit 100"):
        Codec(small).decode(encode(example()))
    with pytest.raises(ProtocolError, match="header"):
        Codec(Limits(header=10)).encode(example())
    with pytest.raises(ProtocolError, match="cannot be read"):
        Codec(Limits(items=4)).decode(encode(example(5)))


def test_a_codec_goes_on_after_what_it_refused() -> None:
    """The packer of headers is reused after a refusal, with a buffer that has grown."""
    codec = Codec(Limits(header=4 * PACKED))
    with pytest.raises(ProtocolError, match="over the limits"):
        codec.encode(example(PACKED))
    large = codec.encode(example(PACKED // 8))
    assert PACKED < int.from_bytes(large[8:12], "little") < 4 * PACKED
    for messages, data in ((PACKED // 8, large), (2, codec.encode(example(2)))):
        assert data == Codec().encode(example(messages))
        assert len(codec.decode(data).messages) == messages


def test_an_array_of_another_type_is_not_sent() -> None:
    message = Message(Key(Kind.PROJECTION, "e", "v"), 1, np.ones(3, np.float16))
    with pytest.raises(ProtocolError, match="an array of float16 on 'e' cannot be sent"):
        encode(example(0, message))


def mutated(rng: np.random.Generator, data: bytes) -> bytes:
    """Return ``data`` with one to four random changes, every second time with a valid checksum."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        position = int(rng.integers(len(changed)))
        match rng.integers(3):
            case 0:
                changed[position] = rng.integers(256)
            case 1:
                del changed[position : position + int(rng.integers(1, 9))]
            case _:
                changed[position:position] = rng.bytes(int(rng.integers(1, 9)))
        if not changed:
            return b""
    if rng.random() < 0.5 and len(changed) >= PREFIX:
        changed[4:8] = struct.pack("<I", xxh3_64_intdigest(changed[8:]) & 0xFFFFFFFF)
    return bytes(changed)


def refuses_or_accepts(make: Callable[[], bytes], times: int) -> int:
    """Return how many of ``times`` frames raise ``ProtocolError``; other exceptions propagate."""
    refused = 0
    for _ in range(times):
        try:
            decode(make())
        except ProtocolError:
            refused += 1
    return refused


def test_ten_thousand_mutated_and_a_thousand_random_frames() -> None:
    rng = np.random.default_rng(1)
    originals = [encode(example(n)) for n in range(4)]
    tracemalloc.start()
    try:
        refused = refuses_or_accepts(lambda: mutated(rng, originals[rng.integers(4)]), 10_000)
        assert 5_000 < refused < 10_000
        assert refuses_or_accepts(lambda: rng.bytes(int(rng.integers(200))), 1_000) == 1_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20  # frames of a few hundred bytes cause no allocation near the limits


@given(seeds)
def test_no_frame_makes_its_receiver_allocate_more_than_the_limit(seed: int) -> None:
    """The headers claim the largest possible sizes, and each has a valid checksum."""
    codec = Codec(Limits(frame=2**16, header=2**12, items=2**8))
    rng = np.random.default_rng(seed)
    claims = [
        b"\xdd\xff\xff\xff\xff",  # an array of 2³² items
        b"\xdb\xff\xff\xff\xff",  # a string of 4 GiB
        b"\xc6\xff\xff\xff\xff",  # bytes of 4 GiB
        b"\xdf\xff\xff\xff\xff",  # a map of 2³² pairs
        b"\x90" * 4000,
        b"\xdc\x00\xff" + b"\x90" * 255,
        msgpack.packb(header(but(6, [2**31, 2**31]))),
        msgpack.packb(header(*[GOOD] * 100)),
    ]
    data = sealed(claims[rng.integers(len(claims))] + rng.bytes(int(rng.integers(8))))
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            codec.decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < codec.limits.frame * 4
