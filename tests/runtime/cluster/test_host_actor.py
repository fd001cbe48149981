"""The thread of a host actor, tested without Ray."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.runtime.cluster import environment
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.send_policy import SendPolicy

environment.stay_offline()
from sheafnet.runtime.cluster import host_actor  # noqa: E402

PATIENT = SendPolicy(first_timeout=3600.0, min_timeout=3600.0)


class Neighbour:
    """A stand-in for an actor handle that keeps the frames sent to it."""

    def __init__(self) -> None:
        self.received: SimpleQueue[bytes] = SimpleQueue()
        self.push = self

    def options(self, **_: Any) -> Neighbour:
        return self

    def remote(self, *parts: bytes) -> None:
        self.received.put(b"".join(parts))


def test_a_frame_ends_the_pause_of_a_host_and_a_request_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_actor, "PACE", 3600.0)
    net = sn.ReluNetwork.random([2, 3, 1], seed=0)
    problem = sn.prepare(net.to_sheaf(), [sn.Pin("a0", np.ones((2, 1)))], rule="heat").problem
    hosts = Deployment(problem, "run", "by-layer", PATIENT).hosts()
    mail: host_actor.Mail = SimpleQueue()
    neighbours = {"layer_0": Neighbour(), "layer_2": Neighbour()}
    state = host_actor.ThreadState()
    living = threading.Thread(
        target=host_actor.run_host, args=(hosts["layer_1"], neighbours, mail, state)
    )
    living.start()

    def updates() -> int:
        answer: Future[int] = Future()

        def tell(host: Host) -> None:
            answer.set_result(host.updates)

        mail.put(tell)
        return answer.result(60)

    try:
        for neighbour in neighbours.values():
            neighbour.received.get(timeout=60)  # the host has started
        for name in neighbours:
            ((_, frame),) = hosts[name].step(0.0)
            mail.put(frame)
        for neighbour in neighbours.values():
            neighbour.received.get(timeout=60)  # it has received both frames, and stepped
        stepped = updates()
        assert stepped > 0
        assert [updates() for _ in range(5)] == [stepped] * 5
    finally:
        mail.put(None)
        living.join()
    assert state.failure is None


@pytest.mark.parametrize("size", [0, 1, 98_304, 98_305, 3 * 98_304, 1_048_700, 1_500_000])
def test_a_frame_of_middle_size_is_sent_in_parts_that_ray_takes_with_the_call(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    parts = host_actor.in_parts(data)
    assert b"".join(parts) == data
    assert len(parts) == max(-(-size // 98_304), 1)
    assert max(map(len, parts)) < 100 * 1024


def test_a_frame_that_is_too_large_for_parts_is_sent_whole() -> None:
    data = bytes(1_500_001)
    assert list(host_actor.in_parts(data)) == [data]
