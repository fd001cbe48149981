"""Hosts without a runtime: bytes in, bytes out, and the bytes that they refuse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.errors import InputError, UnknownNameError
from sheafnet.runtime.hosts.control import StatusRequest
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.placement import hosts_of
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.hosts.step_deferral import FORCING_TERM
from sheafnet.wire.codec import Codec
from sheafnet.wire.frame import Frame

encode, decode = Codec().encode, Codec().decode

NETWORK = sn.ReluNetwork.random([2, 3, 1], seed=0)
PINS = [sn.Pin("a0", np.ones((2, 1)))]


def deployment(rule: str = "heat") -> Deployment:
    problem = sn.prepare(NETWORK.to_sheaf(), PINS, rule=rule).problem
    return Deployment(problem, "run", "by-layer", SendPolicy(first_timeout=10.0))


def exchange(hosts: dict[str, Host], now: float) -> int:
    """Step every runnable host once and deliver its frames; return the number of frames."""
    frames = [(to, data) for host in hosts.values() if host.runnable for to, data in host.step(now)]
    for to, data in frames:
        hosts[to].receive(data, now)
    return len(frames)


def settle(hosts: dict[str, Host], start: float = 0.0) -> float:
    """Exchange frames until no host is runnable; return the time of the last exchange."""
    now = start
    while any(host.runnable for host in hosts.values()):
        now += 1.0
        exchange(hosts, now)
        assert now < start + 1e5
    return now


def test_placement_by_layer_and_by_vertex() -> None:
    sheaf = sn.ReluNetwork.random([2, 3, 4, 2], seed=0, output="softmax").to_sheaf()
    assert hosts_of(sheaf, "by-layer") == {
        "layer_0": ("a0",),
        "layer_1": ("z1", "a1"),
        "layer_2": ("z2", "a2"),
        "layer_3": ("z3", "a3"),
    }
    assert list(hosts_of(sheaf, "by-vertex")) == list(sheaf.vertices)
    assert hosts_of(sn.Sheaf({"left": 1, "right": 2}, []), "by-layer") == {
        "left": ("left",),
        "right": ("right",),
    }
    with pytest.raises(InputError, match="no placement 'by-layr'; did you mean 'by-layer'"):
        hosts_of(sheaf, "by-layr")  # type: ignore[arg-type]


def test_placement_as_it_is_given() -> None:
    sheaf = sn.ReluNetwork.random([2, 3, 2], seed=0).to_sheaf()
    given = {"ends": ["z2", "a0"], "middle": ["a1", "z1"]}
    assert hosts_of(sheaf, given) == {"ends": ("a0", "z2"), "middle": ("z1", "a1")}
    for bad, error, text in (
        ({"one": ["a0", "z1", "z2"]}, InputError, "'a1' is on no host"),
        (given | {"more": ["a1"]}, InputError, "'a1' is on 'middle' and on 'more'"),
        (given | {"more": ["z3"]}, UnknownNameError, "no vertex 'z3'"),
    ):
        with pytest.raises(error, match=text):
            hosts_of(sheaf, bad)


def test_hosts_converge_over_bytes_and_then_fall_silent() -> None:
    hosts = deployment().hosts()
    now = settle(hosts)
    forward = NETWORK.forward_cochain(np.ones((2, 1)))
    for host in hosts.values():
        report = host.report(StatusRequest(1, with_stalks=True))
        assert report.idle
        assert report.stalks is not None
        for vertex, stalk in report.stalks.items():
            np.testing.assert_allclose(stalk, forward[vertex], atol=1e-7)
        assert host.due is None
        assert host.step(now + 1e6) == []
        assert not host.transport.refused


def test_nobody_steps_before_every_projection_was_received() -> None:
    hosts = deployment().hosts()
    hosts["layer_1"].step(0.0)
    for _ in range(5):
        hosts["layer_1"].step(1.0)
    assert hosts["layer_1"].updates == 0
    assert hosts["layer_1"].report(StatusRequest(1)).stationarity["z1"] == np.inf


def first_frame(sender: str = "layer_0") -> Frame:
    (_, data), *_ = deployment().hosts()[sender].step(0.0)
    return decode(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run": "another"}, "run"),
        ({"receiver": "layer_2"}, "stranger"),
        ({"sender": "layer_2"}, "stranger"),  # a neighbour, but not the host of a0
        ({"sender": "nobody"}, "stranger"),
        ({"sender": "layer_1"}, "stranger"),
    ],
)
def test_frames_that_are_not_for_here_are_refused_and_counted(
    change: dict[str, str], reason: str
) -> None:
    host, frame = deployment().hosts()["layer_1"], first_frame()
    for field, value in change.items():
        setattr(frame, field, value)
    host.receive(encode(frame), 0.0)
    assert host.transport.refused == {reason: 1}
    assert host.accepted == 0


@pytest.mark.parametrize(
    "message",
    [
        Message(Key(Kind.PROJECTION, "weight_9", "a0"), 1, np.ones((3, 1))),
        Message(Key(Kind.PROJECTION, "weight_1", "a7"), 1, np.ones((3, 1))),
        Message(Key(Kind.PROJECTION, "weight_1", "a0"), 1, np.ones((2, 1))),
    ],
)
def test_messages_that_do_not_fit_are_refused_one_by_one(message: Message) -> None:
    host, frame = deployment().hosts()["layer_1"], first_frame()
    frame.messages = (message, *frame.messages)
    host.receive(encode(frame), 0.0)
    assert host.transport.refused == {"stranger": 1}
    assert host.accepted == 1


def test_bytes_that_are_no_frame_are_refused_and_counted() -> None:
    host = deployment().hosts()["layer_1"]
    good = encode(first_frame())
    for data in (b"", b"\x00" * 40, good[:-1], good[:-1] + b"\xff"):
        host.receive(data, 0.0)
    assert host.transport.refused == {"size": 2, "magic": 1, "checksum": 1}


def test_a_repeated_or_late_frame_changes_nothing_but_is_acknowledged() -> None:
    hosts = deployment().hosts()
    frames = [hosts["layer_0"].step(0.0)[0][1]]
    host = hosts["layer_1"]
    for _ in range(3):
        host.receive(frames[0], 0.0)
    assert host.accepted == 1
    acknowledged = [decode(data).acks for to, data in host.step(1.0) if to == "layer_0"]
    assert acknowledged == [(1, 1, 1)]


def test_a_lost_frame_is_sent_again_until_it_is_acknowledged() -> None:
    hosts = deployment().hosts()
    sender = hosts["layer_0"]
    sender.step(0.0)  # lost
    assert sender.due == 10.0
    assert sender.step(9.0) == []
    ((to, again),) = sender.step(10.0)
    assert (to, decode(again).number) == ("layer_1", 2)
    hosts["layer_1"].receive(again, 11.0)
    for receiver, data in hosts["layer_1"].step(11.0):
        if receiver == "layer_0":
            sender.receive(data, 12.0)
    sender.step(12.0)
    assert sender.due is None
    assert sender.report(StatusRequest(1)).idle


def test_a_restarted_host_is_accepted_and_sent_again_what_it_missed() -> None:
    plan = deployment()
    hosts = plan.hosts()
    now = settle(hosts)
    hosts["layer_1"] = plan.host_spec("layer_1", incarnation=1).build()
    settle(hosts, now)
    forward = NETWORK.forward_cochain(np.ones((2, 1)))
    for host in hosts.values():
        assert not host.transport.refused
        for vertex, stalk in host.group.stalks().items():
            np.testing.assert_allclose(stalk, forward[vertex], atol=1e-7)


def test_a_frame_of_an_earlier_incarnation_is_refused() -> None:
    plan = deployment()
    hosts = plan.hosts()
    (_, old), *_ = hosts["layer_0"].step(0.0)
    hosts["layer_1"].receive(plan.host_spec("layer_0", incarnation=1).build().step(0.0)[0][1], 0.0)
    hosts["layer_1"].receive(old, 0.0)
    assert hosts["layer_1"].transport.refused == {"incarnation": 1}


def test_an_acknowledgement_of_an_earlier_incarnation_settles_nothing() -> None:
    plan = deployment()
    host = plan.host_spec("layer_0", incarnation=1).build()
    host.step(0.0)
    for incarnation in (0, 1):
        assert not host.idle
        host.receive(encode(Frame("run", "layer_1", "layer_0", 0, 0, incarnation, (1,), ())), 1.0)
    assert host.idle


def test_small_steps_wait_while_an_answer_is_under_way() -> None:
    hosts = deployment("prox").hosts()
    exchange(hosts, 1.0)
    host = hosts["layer_1"]
    send_threshold = host.group.vertices["z1"].star.send_threshold
    forces = []
    for answered in range(200):
        for peer in host.transport.peers:  # an answer with acknowledgements only
            acks = tuple(range(1, answered + 1))
            host.receive(encode(Frame("run", peer, "layer_1", 0, 0, 0, acks, ())), 2.0)
        while host.runnable:
            host.step(2.0)
        forces.append(max(host.group.stationarity().values()))
        if host.report(StatusRequest(0)).idle:
            break
    # The host defers small steps; two answers, one from each side, reduce the force this much.
    assert forces[0] > 1e6 * send_threshold
    assert all(later <= FORCING_TERM * earlier for earlier, later in pairwise(forces[1::2]))
    assert forces[-1] <= send_threshold


def test_waking_says_what_was_withheld() -> None:
    hosts = deployment().hosts()
    now = settle(hosts)
    before = {name: host.sent for name, host in hosts.items()}
    for host in hosts.values():
        host.set_threshold(0.0)
    exchange(hosts, now)
    assert any(host.sent > before[name] for name, host in hosts.items())


def test_a_report_is_a_query_and_orders_are_obeyed_apart_from_it() -> None:
    rule = sn.Nudged()
    net = sn.ReluNetwork.random([2, 3, 2], seed=0, output="softmax")
    x, labels = np.random.default_rng(0).standard_normal((2, 6)), np.arange(6) % 2
    job = sn.prepare_training(
        net, x, labels, rule=rule, optimiser=sn.Sgd(0.1), rounds=9, batch_size=2, every=1
    )
    hosts = Deployment(job.problem, "run", "by-layer", SendPolicy()).hosts()
    for now in range(12):
        exchange(hosts, float(now))
    host = hosts["layer_1"]
    known, drain = StatusRequest(1, known=10**6), StatusRequest(2, drain=True)
    kept = host.report(known).edge_states.keys()
    assert kept
    assert host.report(known).edge_states.keys() == kept
    host.obey(known)
    assert not host.report(known).edge_states
    before = host.report(drain).batches_left
    for now in range(12, 30):
        exchange(hosts, float(now))
    assert host.report(drain).batches_left < before  # a report alone does not stop the host
    for each in hosts.values():
        each.obey(drain)
    for now in range(30, 80):
        exchange(hosts, float(now))
    left = {each.report(drain).batches_left for each in hosts.values()}
    assert len(left) == 1
    assert 0 < left.pop() < before
