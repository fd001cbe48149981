"""The specification of a host: the data that travel, and the host that is built from them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.send_policy import SendPolicy
from tests.support import golden

NET = golden.load("2-6-4-4-1-identity").network


def deployment() -> Deployment:
    x = np.random.default_rng(0).standard_normal((2, 3))
    problem = sn.prepare(NET.to_sheaf(), [sn.Pin("a0", x)], rule="prox").problem
    return Deployment(problem, "run", "by-layer", SendPolicy())


def test_a_host_spec_holds_the_part_of_its_own_vertices_alone() -> None:
    spec = deployment().host_spec("layer_2")
    assert [vertex.name for vertex in spec.vertices] == ["z2", "a2"]
    assert {inc.edge for vertex in spec.vertices for inc in vertex.incidences} == {
        "weight_2", "activation_2", "weight_3"
    }  # fmt: skip
    assert spec.host_of == {"a1": "layer_1", "z3": "layer_3"}
    assert spec.peers == ("layer_1", "layer_3")
    travels = pickle.dumps(spec)
    # Only the tail of an edge holds its W.
    assert [W.tobytes() in travels for W in NET.weights] == [False, False, True, False]


@pytest.mark.parametrize("incarnation", [0, 2])
def test_a_host_spec_that_has_travelled_makes_the_same_host(incarnation: int) -> None:
    spec = deployment().host_spec("layer_2", incarnation, 1e-3)
    here, there = spec.build(), pickle.loads(pickle.dumps(spec)).build()
    assert here.incarnation == there.incarnation == incarnation
    assert there.group.vertices["z2"].star.send_threshold == 1e-3
    assert here.step(0.0) == there.step(0.0)
