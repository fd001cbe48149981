"""The outbox: the newest message wins, stays until acknowledged, and is resent on a timer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.runtime.hosts.outbox import LONGEST_BACKOFF, Outbox
from sheafnet.runtime.hosts.send_policy import SendPolicy


def message(edge: str = "e", sequence: int = 1) -> Message:
    return Message(Key(Kind.PROJECTION, edge, "v"), sequence, np.zeros((1, 1)))


def outbox(timeout: float = 10.0, window: int = 4) -> Outbox:
    return Outbox(SendPolicy(timeout, window))


def test_what_is_put_is_sent_once_and_settled_when_acknowledged() -> None:
    box = outbox()
    assert box.all_acknowledged
    assert not box.may_send
    box.put(message())
    assert box.may_send
    assert not box.all_acknowledged
    number, sent = box.take(now=0.0)
    assert (number, [m.sequence for m in sent]) == (1, [1])
    assert not box.may_send
    assert not box.all_acknowledged
    box.acknowledge([1], now=3.0)
    assert box.all_acknowledged
    box.acknowledge([1], now=4.0)  # a repeated acknowledgement
    assert box.all_acknowledged


def test_the_newest_of_a_key_replaces_the_older_and_other_keys_stay() -> None:
    box = outbox()
    for sent in (message("e", 1), message("f", 1), message("e", 2)):
        box.put(sent)
    assert {(m.key.edge, m.sequence) for m in box.take(0.0)[1]} == {("e", 2), ("f", 1)}


def test_an_acknowledgement_of_an_older_value_does_not_settle_the_newer() -> None:
    box = outbox()
    box.put(message(sequence=1))
    first, _ = box.take(0.0)
    box.put(message(sequence=2))
    box.acknowledge([first], 1.0)
    assert box.may_send
    second, sent = box.take(1.0)
    assert [m.sequence for m in sent] == [2]
    box.acknowledge([second], 2.0)
    assert box.all_acknowledged


def test_what_is_not_acknowledged_is_sent_again_at_its_time_and_backed_off() -> None:
    box = outbox(timeout=10.0)
    box.put(message())
    now, waits = 0.0, []
    for _ in range(9):
        box.take(now)
        assert box.due is not None
        box.expire(box.due - 1e-9)
        assert not box.may_send
        waits.append(box.due - now)
        now = box.due
        box.expire(now)
        assert box.may_send
        assert box.due is None
    assert waits == [min(10.0 * 2**n, 10.0 * LONGEST_BACKOFF) for n in range(9)]
    number, _ = box.take(now)
    box.acknowledge([number], now + 1.0)
    assert box.all_acknowledged


def test_while_the_peer_is_alive_a_loss_is_an_accident_and_no_timeout_grows() -> None:
    box = outbox(timeout=10.0)
    box.put(message())
    now, waits = 0.0, []
    for hears in (False, False, True, True, True, False, False):
        box.take(now)
        if hears:
            box.peer_alive()
        assert box.due is not None
        waits.append(box.due - now)
        now = box.due
        box.expire(now)
    assert waits == [10.0, 20.0, 10.0, 10.0, 10.0, 10.0, 20.0]


def test_a_late_acknowledgement_settles_what_it_names_and_teaches_the_timer() -> None:
    box = outbox(timeout=10.0)
    for edge in "ef":
        box.put(message(edge))
    late, _ = box.take(0.0)
    box.expire(10.0)
    box.put(message("f", sequence=2))
    box.acknowledge([late], 100.0)
    number, sent = box.take(100.0)
    assert [(m.key.edge, m.sequence) for m in sent] == [("f", 2)]
    assert box.due is not None
    assert box.due - 100.0 >= 100.0
    box.acknowledge([number], 101.0)
    assert box.all_acknowledged


def test_what_is_sent_again_is_not_in_the_queue_once_the_first_frame_turns_out_received() -> None:
    box = outbox(timeout=10.0)
    box.put(message())
    late, _ = box.take(0.0)
    box.expire(10.0)
    again, _ = box.take(10.0)
    box.acknowledge([late], 11.0)
    assert not box.all_acknowledged  # the second frame is still in flight
    assert box.due is not None
    box.expire(box.due)
    assert not box.may_send
    assert box.all_acknowledged
    box.acknowledge([again], 100.0)
    assert box.all_acknowledged


def test_a_round_trip_of_a_hundred_timeouts_is_learnt_while_there_is_always_news() -> None:
    box, frames, answers = outbox(timeout=8.0, window=4), 0, deque[tuple[float, int]]()
    for now in range(20_000):
        while answers and answers[0][0] <= now:
            box.acknowledge([answers.popleft()[1]], float(now))
        box.peer_alive()
        if now < 15_000:
            box.put(message(sequence=now + 1))
        box.expire(float(now))
        if box.may_send:
            frames += 1
            answers.append((now + 800.0, box.take(float(now))[0]))
    # Four frames per round trip make 75. Before the first answer, four per timeout make 400.
    assert frames <= 2 * (75 + 400)
    assert box.all_acknowledged


def test_of_all_that_a_peer_acknowledges_after_a_pause_the_newest_is_measured() -> None:
    box = outbox(timeout=10.0, window=4)
    numbers = []
    for now in range(0, 1000, 10):
        box.put(message(sequence=now + 1))
        box.peer_alive()
        box.expire(float(now))
        if box.may_send:
            numbers.append(box.take(float(now))[0])
    box.acknowledge(numbers, 1000.0)
    box.put(message(sequence=1001))
    box.take(1000.0)
    assert box.due is not None
    assert box.due - 1000.0 <= 50.0


@given(st.floats(0.0, 1e6), st.floats(1e-3, 1e3))
def test_at_the_very_time_that_is_due_something_expires(now: float, timeout: float) -> None:
    box = outbox(timeout)
    box.put(message())
    box.take(now)
    assert box.due is not None
    box.expire(box.due)
    assert box.may_send


def test_the_timeout_follows_the_round_trips_that_are_measured() -> None:
    box = outbox(timeout=1000.0)
    for now in range(0, 400, 4):
        box.put(message(sequence=now + 1))
        number, _ = box.take(float(now))
        box.acknowledge([number], now + 2.0)
    box.put(message(sequence=10**6))
    box.take(500.0)
    assert box.due == pytest.approx(502.0, abs=0.1)


def test_the_window_limits_what_is_in_flight() -> None:
    box = outbox(window=2)
    for sequence in (1, 2):
        box.put(message(sequence=sequence))
        box.take(0.0)
    box.put(message(sequence=3))
    assert not box.may_send
    box.acknowledge([2], 1.0)
    assert box.may_send


def test_renewal_says_everything_again_what_was_settled_included() -> None:
    box = outbox()
    box.put(message("e"))
    box.acknowledge([box.take(0.0)[0]], 1.0)
    box.put(message("f"))
    late, _ = box.take(1.0)
    box.peer_restarted()
    assert box.due is None
    box.acknowledge([late], 2.0)  # of an earlier incarnation of the peer
    assert {m.key.edge for m in box.take(2.0)[1]} == {"e", "f"}


class Story:
    """An outbox, the events that can happen to it, and the last value that the peer has."""

    def __init__(self) -> None:
        self.box, self.now, self.sequence, self.known = outbox(window=2), 0.0, 0, 0
        self.flying: dict[int, int] = {}

    def put(self) -> None:
        self.sequence += 1
        self.box.put(message(sequence=self.sequence))

    def take(self) -> None:
        if self.box.may_send:
            number, sent = self.box.take(self.now)
            self.flying[number] = sent[0].sequence

    def acknowledge(self, number: int) -> None:
        if number in self.flying:
            self.known = max(self.known, self.flying.pop(number))
            self.box.acknowledge([number], self.now)

    def first(self) -> None:
        self.acknowledge(min(self.flying, default=0))

    def last(self) -> None:
        self.acknowledge(max(self.flying, default=0))

    def lose(self) -> None:
        self.flying.pop(max(self.flying, default=0), None)

    def expire(self) -> None:
        if self.box.due is not None:
            self.now = max(self.now, self.box.due)
            self.box.expire(self.now)

    def peer_alive(self) -> None:
        self.box.peer_alive()

    def peer_restarted(self) -> None:
        self.box.peer_restarted()
        self.flying.clear()
        self.known = 0


HAPPENINGS = (
    Story.put, Story.take, Story.first, Story.last, Story.lose, Story.expire, Story.peer_alive,
    Story.peer_restarted,
)  # fmt: skip


@given(st.lists(st.sampled_from(HAPPENINGS), max_size=60))
def test_whatever_happens_only_what_is_known_settles_and_the_last_value_is_in_the_end(
    happened: list[Callable[[Story], None]],
) -> None:
    story = Story()
    box = story.box
    for event in happened:
        story.now += 1.0
        event(story)
        assert not box.all_acknowledged or story.known == story.sequence
        assert not box.may_send or box.frames_in_flight < 2
    for _ in range(100):
        story.take()
        story.last()
        story.expire()
    assert box.all_acknowledged
    assert story.known == story.sequence
