"""The pins of one stalk: some coordinates are held, some are pulled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sheafnet.core.arrays import Array

Columns: TypeAlias = slice | NDArray[np.integer[Any]]
"""Which samples."""


@dataclass(frozen=True, eq=False)
class Spring:
    """A soft pin of one stalk: ½ Σ weight (x − centre)².

    Attributes
    ----------
    name
        ``pin_<vertex>_<i>``, the i-th soft pin of its vertex.
    weight
        Strength by coordinate, 0 where it does not pull, shape (dim, 1).
    centre
        Where it pulls, shape (dim, batch).
    """

    name: str
    weight: Array
    centre: Array

    def residual(self, x: Array) -> Array:
        """Return √weight (x − centre), whose squared norm is twice the energy."""
        return np.asarray(np.sqrt(self.weight) * (x - self.centre))


@dataclass(frozen=True, eq=False)
class StalkPins:
    """All pins of one stalk.

    Attributes
    ----------
    held
        Which coordinates never move, shape (dim,).
    value
        Where they are held, shape (dim, batch); 0 in the others.
    springs
        The soft pins.
    """

    held: NDArray[np.bool_]
    value: Array
    springs: tuple[Spring, ...] = ()

    def samples(self, columns: Columns) -> StalkPins:
        """Return the pins of some samples."""
        springs = tuple(Spring(s.name, s.weight, s.centre[:, columns]) for s in self.springs)
        return StalkPins(self.held, self.value[:, columns], springs)

    @property
    def whole(self) -> bool:
        """Whether every coordinate is held."""
        return bool(self.held.all())

    def imposed_on(self, x: Array) -> Array:
        """Return ``x`` with the held coordinates at their values."""
        return np.where(self.held[:, None], self.value, x)

    @property
    def weight(self) -> Array:
        """Strength of all soft pins together, shape (dim, 1)."""
        total = np.zeros((len(self.held), 1), self.value.dtype)
        for spring in self.springs:
            total += spring.weight
        return total

    @property
    def determined(self) -> NDArray[np.bool_]:
        """Which coordinates are held or pulled, shape (dim,)."""
        return np.asarray(self.held | (self.weight[:, 0] > 0.0))

    @property
    def equilibrium(self) -> Array:
        """Where the pins alone would have the stalk, shape (dim, batch); 0 where there is none."""
        weight = self.weight
        pulled = np.zeros_like(self.value)
        for spring in self.springs:
            pulled += spring.weight * spring.centre
        return self.imposed_on(np.divide(pulled, weight, out=pulled, where=weight > 0.0))

    def pull(self, x: Array) -> Array:
        """Return the part of ∇E that the soft pins are."""
        return np.asarray(sum((s.weight * (x - s.centre) for s in self.springs), np.zeros_like(x)))

    def same_as(self, other: StalkPins | None) -> bool:
        """Return whether both hold and pull alike."""
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
"""Vertex → its pins, for those that have any."""


def wholly_held(pins: Pins) -> frozenset[str]:
    """Return the vertices of which every coordinate is held."""
    return frozenset(vertex for vertex, stalk in pins.items() if stalk.whole)
