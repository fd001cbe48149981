"""A 0-cochain: one stalk value for each vertex."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from numpy.typing import ArrayLike

from sheafnet.core.arrays import Array, checked_samples
from sheafnet.core.npz import read_npz, write_npz
from sheafnet.core.sheaf import Sheaf
from sheafnet.errors import ShapeError, UnknownNameError, nearest


class Cochain(Mapping[str, Array]):
    """A read-only mapping from vertex names to stalk values.

    All stalks have the same number of samples. The arrays cannot be changed in place; ``replace``
    returns a changed copy of the cochain. Looking up a vertex that the cochain does not have raises
    ``sheafnet.errors.UnknownNameError``. The operator ``==`` does not compare values: a cochain is
    equal only to itself.

    Parameters
    ----------
    stalks
        Vertex name → array of shape (dim, batch). float32 stays float32; every other type
        becomes float64.

    Raises
    ------
    InputError
        If an array does not hold real numbers.
    ShapeError
        If an array is not two-dimensional, or the arrays have different numbers of samples.
    NonFiniteError
        If an array holds NaN or infinity.
    EmptyBatchError
        If an array has no samples.
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

    # The equality of Mapping would fail, because comparing two arrays with == returns an array.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        shapes = ", ".join(f"{v}: {x.shape[0]}" for v, x in self._stalks.items())
        return f"Cochain({{{shapes}}}, batch={self.batch})"

    @property
    def batch(self) -> int:
        """Number of samples; 0 for a cochain without stalks."""
        return next((x.shape[1] for x in self._stalks.values()), 0)

    def replace(self, stalks: Mapping[str, ArrayLike]) -> Cochain:
        """Return a copy of this cochain with some stalks replaced or added.

        Parameters
        ----------
        stalks
            Vertex name → array of shape (dim, batch).

        Raises
        ------
        InputError
            If an array does not hold real numbers.
        ShapeError
            If an array is not two-dimensional, or if the arrays of the new cochain have different
            numbers of samples.
        NonFiniteError
            If an array holds NaN or infinity.
        EmptyBatchError
            If an array has no samples.
        """
        return Cochain({**self._stalks, **stalks})

    def require_on(self, sheaf: Sheaf) -> None:
        """Check that this cochain has exactly the vertices of ``sheaf``, with their dimensions.

        Raises
        ------
        UnknownNameError
            If a vertex of the sheaf is not in the cochain, or a vertex of the cochain is not in the
            sheaf.
        ShapeError
            If the dimension of a stalk is not the dimension that the sheaf has at the vertex.
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
        """Write the stalks to an ``.npz`` file, one array per vertex.

        Parameters
        ----------
        path
            Path of the file; an existing file is replaced.

        Raises
        ------
        WriteError
            If the file cannot be written.
        """
        write_npz(path, self._stalks)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cochain:
        """Return the cochain in an ``.npz`` file that ``save`` wrote.

        Parameters
        ----------
        path
            Path of the file.

        Raises
        ------
        FileError
            If the file is missing, damaged or not an ``.npz`` file.
        InputError
            If an array in the file does not hold real numbers.
        ShapeError
            If an array is not two-dimensional, or the arrays have different numbers of samples.
        NonFiniteError
            If an array holds NaN or infinity.
        EmptyBatchError
            If an array has no samples.
        """
        return cls(read_npz(path))
