"""Results of the authors' program, loaded from tests/golden as objects of sheafnet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array

FOLDER = Path(__file__).parent.parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("networks/*.npz"))
TASKS = sorted(path.stem for path in FOLDER.glob("training/*.npz"))
PINNED = sorted(path.stem for path in FOLDER.glob("pinned/*.npz"))


@dataclass(frozen=True, eq=False)
class Golden:
    """Contents of one file of tests/golden/networks: a network and its stored cochains."""

    name: str
    arrays: dict[str, Array]
    network: sn.ReluNetwork

    @property
    def sheaf(self) -> sn.Sheaf:
        return self.network.to_sheaf()

    @property
    def pins(self) -> list[sn.Pin]:
        return [sn.Pin("a0", self.arrays["x"])]

    def cochain(self, prefix: str) -> sn.Cochain:
        """Return the cochain stored under ``prefix``: ``""``, ``"init_"`` or ``"euler200_"``."""
        return sn.Cochain({v: self.arrays[self._key(prefix, v)] for v in self.sheaf.vertices})

    def _key(self, prefix: str, vertex: str) -> str:
        if vertex == self.network.output_vertex and vertex.startswith("a"):
            return f"{prefix}a_output" if prefix else "output"
        return prefix + vertex


@dataclass(frozen=True, eq=False)
class BothEnds:
    """Contents of one file of tests/golden/pinned.

    It has a network with input and output pinned hard, and the cochain and the discord at which
    the authors' flow ended.
    """

    network: sn.ReluNetwork
    pins: list[sn.Pin]
    theirs: sn.Cochain
    discord: dict[str, float]


@dataclass(frozen=True, eq=False)
class Task:
    """Contents of one file of tests/golden/training.

    It has data, a start, and the maps and losses at which the authors' joint flow ended.
    """

    arrays: dict[str, Array]
    network: sn.ReluNetwork
    rule: sn.Joint
    start: sn.Cochain

    @property
    def train(self) -> tuple[Array, Array]:
        return self.arrays["X"], self.arrays["Y"]

    @property
    def test(self) -> tuple[Array, Array]:
        return self.arrays["X_test"], self.arrays["Y_test"]


def load_task(name: str) -> Task:
    arrays = _read("training", name)
    network = _network(arrays, "init_")
    output = network.output_vertex
    names = {
        v: "init_a_output" if v == output != "z2" else f"init_{v}"
        for v in network.to_sheaf().vertices
    }
    alpha, beta, dt = (float(arrays[name]) for name in ("alpha", "beta", "dt"))
    start = sn.Cochain({vertex: arrays[key] for vertex, key in names.items()})
    return Task(arrays, network, sn.Joint(alpha, beta, dt), start)


def load(name: str) -> Golden:
    arrays = _read("networks", name)
    return Golden(name, arrays, _network(arrays))


def load_pinned(name: str) -> BothEnds:
    arrays = _read("pinned", name)
    network = _network(arrays)
    ends = {"a0": arrays["x"], network.output_vertex: arrays["y"]}
    vertices = network.to_sheaf().vertices
    return BothEnds(
        network,
        [sn.Pin(vertex, value) for vertex, value in ends.items()],
        sn.Cochain({v: ends[v] if v in ends else arrays[v] for v in vertices}),
        {e.name: float(arrays[f"discord_{e.name}"]) for e in network.to_sheaf().edges},
    )


def _read(kind: str, name: str) -> dict[str, Array]:
    with np.load(FOLDER / kind / f"{name}.npz") as archive:
        return dict(archive)


def _network(arrays: dict[str, Array], prefix: str = "") -> sn.ReluNetwork:
    layers = range(1, len(arrays["dims"]))
    return sn.ReluNetwork(
        [arrays[f"{prefix}W{n}"] for n in layers],
        [arrays[f"{prefix}b{n}"] for n in layers],
        str(arrays["activation"]),
    )
