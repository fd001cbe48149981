"""A 0-cochain: one array for each vertex."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.npz import read_npz, write_npz
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import ShapeError, UnknownNameError, nearest


class Cochain(Mapping[str, Array]):
    """Stalk values by vertex, every array of shape (dim, batch) with one common batch.

    The arrays are read-only; ``replace`` gives a changed cochain.

    Parameters
    ----------
    stalks
        Vertex name → array.

    Raises
    ------
    ShapeError
        If an array is not two-dimensional or the batches differ.
    NonFiniteError, EmptyBatchError
        If an array holds NaN or infinity, or has no samples.
    """

    def __init__(self, stalks: Mapping[str, ArrayLike]) -> None:
        self._stalks = {v: checked_samples(f"stalk {v!r}", x, None) for v, x in stalks.items()}
        batches = {vertex: x.shape[1] for vertex, x in self._stalks.items()}
        if len(set(batches.values())) > 1:
            raise ShapeError(f"the stalks have different batches: {batches}")

    def __getitem__(self, vertex: str) -> Array:
        if vertex not in self._stalks:
            raise UnknownNameError(f"no vertex {vertex!r}{nearest(vertex, self._stalks)}")
        return self._stalks[vertex]

    def __contains__(self, vertex: object) -> bool:
        return vertex in self._stalks

    def __iter__(self) -> Iterator[str]:
        return iter(self._stalks)

    def __len__(self) -> int:
        return len(self._stalks)

    # Arrays have no one truth value, so that equality of contents would mislead.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        shapes = ", ".join(f"{v}: {x.shape[0]}" for v, x in self._stalks.items())
        return f"Cochain({{{shapes}}}, batch={self.batch})"

    @property
    def batch(self) -> int:
        """Number of samples; 0 only for a cochain of no stalks."""
        return next((x.shape[1] for x in self._stalks.values()), 0)

    def replace(self, stalks: Mapping[str, ArrayLike]) -> Cochain:
        """Return a cochain with some stalks replaced or added."""
        return Cochain({**self._stalks, **stalks})

    def require_on(self, sheaf: Sheaf) -> None:
        """Raise unless this is a cochain of ``sheaf``: each stalk there, in its dimension.

        Raises
        ------
        UnknownNameError
            If a vertex is missing, or one is not the sheaf's.
        ShapeError
            If a stalk has the wrong dimension.
        """
        for vertex in self._stalks:
            sheaf.graph.require(vertex)
        for vertex in sheaf.vertices:
            have, want = self[vertex].shape[0], sheaf.stalk_dim(vertex)
            if have != want:
                raise ShapeError(
                    f"stalk {vertex!r}: expected shape ({want}, batch), got {self[vertex].shape}"
                )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the stalks to an ``.npz`` file, one array a vertex."""
        write_npz(path, self._stalks)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cochain:
        """Read what ``save`` wrote; ``FileError`` if the file is missing or damaged."""
        return cls(read_npz(path))
