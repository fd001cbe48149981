"""The pins of one stalk: which coordinates are held and which are pulled.

A vertex uses these classes, and the code of a vertex must not import the sheaf. The module
``sheafnet.core.pins`` does import the sheaf. Therefore these classes are in a module of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sheafnet.core.arrays import Array

Columns: TypeAlias = slice | NDArray[np.integer[Any]]
"""Some samples of a batch: a slice or an array of their indices."""


@dataclass(frozen=True, eq=False)
class Spring:
    """A soft pin of one stalk, with the energy ½ Σ weight (x − centre)².

    Attributes
    ----------
    name
        Name of the pin, ``pin_<vertex>_<i>``, where i numbers the soft pins of the vertex from 0.
    weight
        Strength in each coordinate, shape (dim, 1); 0 in a coordinate that is not pulled.
    centre
        Value towards which the coordinates are pulled, shape (dim, batch).
    """

    name: str
    weight: Array
    centre: Array

    def residual(self, x: Array) -> Array:
        """Return the residual of the pin, √weight (x − centre), shape (dim, batch).

        The squared norm of the residual is twice the energy of the pin.

        Parameters
        ----------
        x
            Stalk, shape (dim, batch).
        """
        return np.asarray(np.sqrt(self.weight) * (x - self.centre))


@dataclass(frozen=True, eq=False)
class StalkPins:
    """All pins of one stalk, hard and soft.

    Attributes
    ----------
    held
        Mask of the coordinates that hard pins hold, shape (dim,).
    value
        Values of the held coordinates, shape (dim, batch); 0 in the other coordinates.
    springs
        The soft pins of the stalk, in the order in which they were given.
    """

    held: NDArray[np.bool_]
    value: Array
    springs: tuple[Spring, ...] = ()

    def samples(self, columns: Columns) -> StalkPins:
        """Return these pins with the values of the selected samples only."""
        springs = tuple(Spring(s.name, s.weight, s.centre[:, columns]) for s in self.springs)
        return StalkPins(self.held, self.value[:, columns], springs)

    @property
    def whole(self) -> bool:
        """Whether hard pins hold every coordinate of the stalk."""
        return bool(self.held.all())

    def imposed_on(self, x: Array) -> Array:
        """Return a copy of the stalk ``x`` with the held coordinates set to their held values."""
        return np.where(self.held[:, None], self.value, x)

    @property
    def weight(self) -> Array:
        """Total strength of the soft pins in each coordinate, shape (dim, 1)."""
        total = np.zeros((len(self.held), 1), self.value.dtype)
        for spring in self.springs:
            total += spring.weight
        return total

    @property
    def determined(self) -> NDArray[np.bool_]:
        """Mask of the coordinates that a hard pin holds or a soft pin pulls, shape (dim,)."""
        return np.asarray(self.held | (self.weight[:, 0] > 0.0))

    @property
    def equilibrium(self) -> Array:
        """Stalk that minimises the energy of the pins alone, shape (dim, batch).

        A held coordinate has its held value. A coordinate that is pulled but not held has the mean
        of the centres of its soft pins, weighted by their strengths. All other coordinates are 0.
        """
        weight = self.weight
        pulled = np.zeros_like(self.value)
        for spring in self.springs:
            pulled += spring.weight * spring.centre
        return self.imposed_on(np.divide(pulled, weight, out=pulled, where=weight > 0.0))

    def pull(self, x: Array) -> Array:
        """Return the contribution of the soft pins to ∇E at the stalk ``x``, shape (dim, batch)."""
        return np.asarray(sum((s.weight * (x - s.centre) for s in self.springs), np.zeros_like(x)))

    def same_as(self, other: StalkPins | None) -> bool:
        """Return whether ``other`` has equal hard pins and equal soft pins in the same order.

        The names of the soft pins are not compared. The result is False if ``other`` is None.
        """
        return (
            other is not None
            and np.array_equal(self.held, other.held)
            and np.array_equal(self.value, other.value)
            and len(self.springs) == len(other.springs)
            and all(
                np.array_equal(a.weight, b.weight) and np.array_equal(a.centre, b.centre)
                for a, b in zip(self.springs, other.springs, strict=True)
            )
        )


Pins = Mapping[str, StalkPins]
"""Vertex name → pins of the vertex. A vertex without pins has no entry."""


def wholly_held(pins: Pins) -> frozenset[str]:
    """Return the names of the vertices of which hard pins hold every coordinate."""
    return frozenset(vertex for vertex, stalk in pins.items() if stalk.whole)
