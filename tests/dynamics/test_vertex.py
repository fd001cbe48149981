"""A single vertex, built alone, with messages given to it by hand."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FunctionType, ModuleType

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.graph import Graph
from sheafnet.core.incidence import Incidence
from sheafnet.core.stalkpins import StalkPins
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind, Message
from sheafnet.dynamics.program import EdgeMessage, Hold, Program, Step
from sheafnet.dynamics.star import Constraint, Star
from sheafnet.dynamics.vertex import Vertex
from sheafnet.errors import DeliveryError
from sheafnet.runtime.problem import Problem

W = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]])
B = np.array([1.0, 0.0, -1.0])


def a1_alone(eta: float = 0.1) -> Vertex:
    """Return the vertex a1 of a path z1 – a1 – z2, without z1, z2 or a network."""
    incidences = [
        Incidence("activation_1", "z1", sn.Identity(), is_tail=False),
        Incidence("weight_2", "z2", sn.Affine(W, B), is_tail=True),
    ]
    star = Star("a1", incidences, np.array([[1.0], [-2.0]]))
    return Vertex(star, sn.Heat(dt=eta).start(star))


def projection(edge: str, sender: str, sequence: int, values: list[float]) -> Message:
    return Message(Key(Kind.PROJECTION, edge, sender), sequence, np.array(values)[:, None])


def test_a_vertex_alone_fed_by_hand_gets_the_right_stalk() -> None:
    vertex = a1_alone(eta=0.1)
    first = {message.key.edge: message.array for message in vertex.start()}
    np.testing.assert_array_equal(first["activation_1"], [[1.0], [-2.0]])
    np.testing.assert_array_equal(first["weight_2"], [[-2.0], [2.0], [0.0]])  # W a + b
    assert vertex.receive(projection("activation_1", "z1", 1, [0.5, 0.0]))
    assert not vertex.ready  # no message from z2 yet
    assert vertex.receive(projection("weight_2", "z2", 1, [0.0, 0.0, 1.0]))
    assert vertex.ready
    said = {message.key.edge: message for message in vertex.step()}
    # ∇E = (a − R z) + Wᵀ (W a + b − z2)
    force = np.array([0.5, -2.0]) + W.T @ np.array([-2.0, 2.0, -1.0])
    expected = (np.array([1.0, -2.0]) - 0.1 * force)[:, None]
    np.testing.assert_allclose(vertex.star.stalk, expected, rtol=1e-15)
    np.testing.assert_allclose(said["activation_1"].array, expected)
    np.testing.assert_allclose(said["weight_2"].array, W @ expected + B[:, None])
    assert {m.key.sender for m in said.values()} == {"a1"}
    assert vertex.updates == 1


def test_the_newest_message_counts_whatever_the_order_of_arrival() -> None:
    vertex = a1_alone()
    assert vertex.receive(projection("activation_1", "z1", 5, [5.0, 5.0]))
    assert not vertex.receive(projection("activation_1", "z1", 4, [4.0, 4.0]))  # late
    assert not vertex.receive(projection("activation_1", "z1", 5, [6.0, 6.0]))  # a duplicate
    key = vertex.star.latest_keys[0]
    np.testing.assert_array_equal(vertex.inbox[key], [[5.0], [5.0]])
    # A restarted sender counts from 1 again, in a later incarnation.
    assert vertex.receive(projection("activation_1", "z1", 1, [1.0, 1.0]), incarnation=1)
    np.testing.assert_array_equal(vertex.inbox[key], [[1.0], [1.0]])
    assert not vertex.receive(projection("activation_1", "z1", 9, [9.0, 9.0]), incarnation=0)


def test_sequences_grow_with_every_step() -> None:
    vertex = a1_alone()
    first = vertex.start()
    vertex.receive(projection("activation_1", "z1", 1, [0.5, 0.0]))
    vertex.receive(projection("weight_2", "z2", 1, [0.0, 0.0, 1.0]))
    later = [vertex.step() for _ in range(3)]
    sequences = [messages[0].sequence for messages in (first, *later)]
    assert sequences == sorted(set(sequences))


def test_a_projection_of_another_shape_is_refused() -> None:
    vertex = a1_alone()
    with pytest.raises(DeliveryError, match=r"onto 'weight_2' has shape \(3, 1\), got \(1, 1\)"):
        vertex.receive(projection("weight_2", "z2", 1, [0.0]))


@pytest.mark.parametrize(
    ("edge", "sender"), [("weight_7", "z2"), ("weight_2", "z1"), ("weight_2", "a1")]
)
def test_a_message_from_a_stranger_is_refused(edge: str, sender: str) -> None:
    with pytest.raises(DeliveryError, match=f"vertex 'a1' has no edge '{edge}' to '{sender}'"):
        a1_alone().receive(projection(edge, sender, 1, [0.0, 0.0, 0.0]))


def test_what_a_vertex_says_cannot_be_changed_afterwards() -> None:
    vertex = a1_alone()
    for message in vertex.start():
        with pytest.raises(ValueError, match="read-only"):
            message.array[0, 0] = 7.0


def test_a_pinned_vertex_speaks_once_and_never_moves() -> None:
    inc = Incidence("e", "u", sn.Identity(), is_tail=True)
    held = StalkPins(np.array([True]), np.ones((1, 1)))
    star = Star("v", [inc], np.ones((1, 1)), Constraint(held))
    vertex = Vertex(star, Hold())
    assert len(vertex.start()) == 1
    vertex.receive(projection("e", "u", 1, [3.0]))
    assert not vertex.ready
    assert vertex.stationarity == 0.0
    assert star.residuals(vertex.inbox)["e"] == [[-2.0]]
    assert vertex.step() == []
    np.testing.assert_array_equal(star.stalk, [[1.0]])


def test_a_program_may_say_more_than_projections() -> None:
    class Teller(Program):
        def ready(self, star: Star, inbox: Inbox) -> bool:
            return bool(star) and bool(inbox)

        def step(self, star: Star, inbox: Inbox) -> Step:
            del inbox
            return Step(None, (EdgeMessage(Kind.TENSION, "e", 4, star.stalk[None]),))

    star = Star("v", [Incidence("e", "u", sn.Identity(), is_tail=True)], np.ones((1, 1)))
    vertex = Vertex(star, Teller())
    (message,) = vertex.step()
    assert message.key == Key(Kind.TENSION, "e", "v", 4)
    assert message.array.shape == (1, 1, 1)
    # Messages of one edge with different tags have different keys.
    assert vertex.receive(Message(Key(Kind.TENSION, "e", "u", 1), 1, star.stalk))
    assert vertex.receive(Message(Key(Kind.TENSION, "e", "u", 2), 1, star.stalk))


def reachable(root: object) -> Iterator[object]:
    """Yield every object that can be reached from ``root`` by references.

    Closures, defaults of functions and the memory behind an array view are followed. Classes,
    modules and the globals of functions are not, since they hold no state of a run.
    """
    seen, queue = {id(root)}, [root]
    while queue:
        current = queue.pop()
        yield current
        children = gc.get_referents(current)
        if isinstance(current, FunctionType):
            children = [current.__closure__, current.__defaults__, current.__kwdefaults__]
        if isinstance(current, np.ndarray):
            children.append(current.base)
        for child in children:
            if id(child) not in seen and not isinstance(child, type | ModuleType):
                seen.add(id(child))
                queue.append(child)


@pytest.mark.parametrize("rule", [sn.Heat(), sn.Coboundary()])
def test_nothing_but_its_own_star_can_be_reached_from_a_vertex(rule: sn.Rule) -> None:
    network = sn.ReluNetwork.random([2, 3, 4, 1], seed=0)
    sheaf = network.to_sheaf()
    vertices = sn.prepare(sheaf, [sn.Pin("a0", np.ones((2, 1)))], rule=rule).problem.vertices()
    group = Group(vertices)
    for _ in range(3):
        group.deliver(group.start())
        group.deliver(group.step(sheaf.vertices))
    strangers = (sn.Sheaf, sn.ReluNetwork, sn.Cochain, Graph, Group, Problem)
    for vertex in vertices:
        objects = list(reachable(vertex))
        assert not [o for o in objects if isinstance(o, strangers)]
        assert [o for o in objects if isinstance(o, Vertex)] == [vertex]
        assert [o for o in objects if isinstance(o, Star)] == [vertex.star]
        own_maps = {id(inc.map) for inc in vertex.star.incidences}
        reached = {id(o) for o in objects if isinstance(o, sn.RestrictionMap)}
        assert reached == own_maps
        stalks = [v.star.stalk for v in vertices if v is not vertex and v.name in strange(vertex)]
        assert not [o for o in objects if any(o is stalk for stalk in stalks)]


def strange(vertex: Vertex) -> set[str]:
    """Return the names of the vertices of the network that share no edge with ``vertex``."""
    known = {inc.neighbour for inc in vertex.star.incidences} | {vertex.name}
    return {"a0", "z1", "a1", "z2", "a2", "z3"} - known
