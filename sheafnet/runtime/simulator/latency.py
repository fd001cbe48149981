"""How long a frame is on its way."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sheafnet.errors import InputError


def _require(holds: bool, law: object, rule: str) -> None:
    if not holds:
        raise InputError(f"{law}: {rule}")


class Latency(abc.ABC):
    """A law of delays, in units of virtual time."""

    @abc.abstractmethod
    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Return ``size`` independent delays."""

    @abc.abstractmethod
    def expected(self) -> float:
        """Return the mean delay."""


@dataclass(frozen=True)
class Constant(Latency):
    """Every frame takes the same time."""

    time: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.time < math.inf, self, "time must be finite and not negative")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:  # noqa: ARG002
        return np.full(size, self.time)

    def expected(self) -> float:
        return self.time


@dataclass(frozen=True)
class Uniform(Latency):
    """Any delay from ``low`` to ``high`` is as likely as another."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.low <= self.high < math.inf, self, "0 ≤ low ≤ high must hold")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return rng.uniform(self.low, self.high, size)

    def expected(self) -> float:
        return (self.low + self.high) / 2.0


@dataclass(frozen=True)
class Exponential(Latency):
    """Delays without memory; a few are many times the mean."""

    mean: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.mean < math.inf, self, "mean must be finite and not negative")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return rng.exponential(self.mean, size)

    def expected(self) -> float:
        return self.mean
