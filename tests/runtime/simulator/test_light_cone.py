"""``sn.light_cone``: a push must change no vertex before a frame can have reached it."""

from typing import Any

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.errors import InputError, UnknownNameError
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.simulator.simulation import Simulation
from tests.support import golden
from tests.support.compiled import interpreted_only
from tests.support.sheaves import grid

NET = golden.load("2-6-4-4-1-identity")
HOSTILE: dict[str, Any] = {
    "seed": 6,
    "latency": sn.Exponential(3.0),
    "loss": 0.2,
    "duplication": 0.1,
    "shuffle_ties": True,
}


def cone(push: sn.Push, rule: str | sn.Rule = "prox", **settings: Any) -> sn.LightCone:
    run = sn.prepare(NET.sheaf, NET.pins, rule=rule, runtime=sn.Simulator(**settings))
    return sn.light_cone(run, push)


@pytest.mark.parametrize("rule", ["prox", "heat", "sor"])
@pytest.mark.parametrize("placement", ["by-vertex", "by-layer"])
def test_nothing_changes_before_the_push_can_have_reached_it(rule: str, placement: str) -> None:
    found = cone(sn.Push("z2", at=50.0), rule, placement=placement, **HOSTILE)
    assert found.violations == ()
    arrivals = found.arrivals
    assert {vertex: it.distance for vertex, it in arrivals.items()} == {
        "a0": 3, "z1": 2, "a1": 1, "z2": 0, "a2": 1, "z3": 2, "a3": 3, "z4": 4,
    }  # fmt: skip
    assert arrivals["z2"] == (0, 50.0, 0, 50.0)
    assert arrivals["a0"].changed is None  # a0 is pinned
    assert all(it.changed is not None for v, it in arrivals.items() if v != "a0")


def test_with_a_host_for_each_vertex_every_edge_takes_a_frame() -> None:
    found = cone(sn.Push("a3", at=20.0), placement="by-vertex")
    for arrival in found.arrivals.values():
        assert arrival.distance is not None
        assert arrival.frames == arrival.distance
        assert arrival.earliest >= 20.0 + arrival.distance * 1.0  # a frame takes one unit


def test_on_a_grid_the_front_is_a_circle_of_the_graph() -> None:
    pins = [sn.Pin(corner, np.ones((2, 1))) for corner in ("v0_0", "v4_4")]
    run = sn.prepare(grid(5), pins, runtime=sn.Simulator())
    found = sn.light_cone(run, sn.Push("v2_2", at=10.0, coordinate=1, by=-0.5))
    assert found.violations == ()
    times = {it.distance: it.earliest for it in found.arrivals.values()}
    assert np.diff([times[distance] for distance in range(5)]).min() >= 1.0


@interpreted_only
def test_a_vertex_that_reads_the_stalk_of_a_stranger_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everyone: dict[str, Host] = {}
    schedule, step = Simulation.step_host, Host.step

    def scheduled(self: Simulation, host: Host) -> None:
        everyone.update(self.hosts)
        schedule(self, host)

    def shortcut(self: Host, now: float) -> list[tuple[str, bytes]]:
        frames = step(self, now)
        if self.name == "z4":
            star, stranger = self.group.vertices["z4"].star, everyone["a1"].group.stalks()["a1"]
            star.move(star.stalk + 1e-9 * stranger.sum())
        return frames

    push = sn.Push("a1", at=50.0)
    assert cone(push, placement="by-vertex", **HOSTILE).violations == ()
    monkeypatch.setattr(Simulation, "step_host", scheduled)
    monkeypatch.setattr(Host, "step", shortcut)
    assert "z4" in cone(push, placement="by-vertex", **HOSTILE).violations


def test_a_check_may_end_when_the_push_has_reached_everyone() -> None:
    push = sn.Push("z1", at=50.0)
    ended_before = False
    for seed in range(5):
        settings = {**HOSTILE, "seed": seed}
        run = sn.prepare(
            NET.sheaf, NET.pins, runtime=sn.Simulator(placement="by-vertex", **settings)
        )
        whole, check = sn.light_cone(run, push), sn.light_cone(run, push, to_the_last=False)
        for vertex, arrival in check.arrivals.items():
            assert arrival.earliest < np.inf
            assert arrival[:3] == whole.arrivals[vertex][:3]
            assert arrival.changed in (None, whole.arrivals[vertex].changed)
        ended_before = ended_before or check.arrivals != whole.arrivals
    assert ended_before


def test_a_vertex_apart_from_the_others_is_never_reached() -> None:
    same = sn.Identity()
    sheaf = sn.Sheaf(
        dict.fromkeys("abcd", 1),
        [sn.Edge("ab", "a", "b", same, same), sn.Edge("cd", "c", "d", same, same)],
    )
    found = sn.light_cone(sn.prepare(sheaf, runtime=sn.Simulator()), sn.Push("a", at=5.0))
    assert found.arrivals["b"].changed is not None
    assert found.arrivals["c"] == (None, np.inf, 0, None)


def test_a_push_must_be_possible() -> None:
    down: dict[str, Any] = {"restarts": (sn.Restart("layer_1", 40.0, 20.0),)}
    for push, settings, error, expected in (
        (sn.Push("z9", at=1.0), {}, UnknownNameError, "z9"),
        (sn.Push("a0", at=1.0), {}, InputError, "held by a pin"),
        (sn.Push("z1", at=1.0, coordinate=6), {}, InputError, "0 to 5"),
        (sn.Push("z1", at=50.0), down, InputError, "is down"),
    ):
        with pytest.raises(error, match=expected):
            cone(push, **settings)
    with pytest.raises(InputError, match="at must be"):
        sn.Push("z1", at=-1.0)
    with pytest.raises(InputError, match="by must be"):
        sn.Push("z1", at=1.0, by=0.0)
    with pytest.raises(InputError, match="Simulator"):
        sn.light_cone(sn.prepare(NET.sheaf, NET.pins), sn.Push("z1", at=1.0))
