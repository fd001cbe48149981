"""The authors' numbers, read into our names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sheafnet as sn
from sheafnet.core.arrays import Array

FOLDER = Path(__file__).parent / "networks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


@dataclass(frozen=True, eq=False)
class Golden:
    """One file of tests/golden/networks."""

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


def load(name: str) -> Golden:
    with np.load(FOLDER / f"{name}.npz") as archive:
        arrays = dict(archive)
    layers = range(1, len(arrays["dims"]))
    network = sn.ReluNetwork(
        [arrays[f"W{n}"] for n in layers],
        [arrays[f"b{n}"] for n in layers],
        str(arrays["activation"]),
    )
    return Golden(name, arrays, network)
