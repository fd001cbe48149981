"""Laws of the delay of a frame."""

from __future__ import annotations

import abc
import math
import warnings
from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.core.arrays import checked
from sheafnet.errors import InputError

LARGEST_SIGMA = 10.0
"""Past it a delay may be too large for a number."""


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


@dataclass(frozen=True)
class Lognormal(Latency):
    """Delays whose logarithm is normal, as round trips through the Internet roughly are.

    Attributes
    ----------
    mean
        Of the delays; half of them are below mean · exp(−sigma²/2).
    sigma
        Standard deviation of the logarithm.
    """

    mean: float
    sigma: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.mean < math.inf, self, "mean must be finite and not negative")
        _require(0.0 <= self.sigma <= LARGEST_SIGMA, self, f"0 ≤ sigma ≤ {LARGEST_SIGMA} must hold")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return np.asarray(self.mean * rng.lognormal(-0.5 * self.sigma**2, self.sigma, size))

    def expected(self) -> float:
        return self.mean


class Empirical(Latency):
    """Delays that were measured somewhere, each as likely as another.

    Parameters
    ----------
    delays
        At least one, none negative.

    Raises
    ------
    InputError
        If they are not such numbers.
    """

    def __init__(self, delays: ArrayLike) -> None:
        self.delays = checked("empirical latency", delays, (None,), np.float64)
        _require(self.delays.size > 0, self, "there must be at least one delay")
        _require(bool((self.delays >= 0.0).all()), self, "no delay may be negative")

    def __repr__(self) -> str:
        return f"Empirical of {self.delays.size} delays"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Empirical:
        """Return the delays of a text file with one number a line; # begins a comment.

        Raises
        ------
        InputError
            If the file cannot be read as such.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an empty file, which is refused below
                return cls(np.loadtxt(path, ndmin=1))
        except (OSError, UnicodeError, ValueError, InputError) as error:
            raise InputError(f"{path}: not a file of delays: {error}") from None

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return np.asarray(rng.choice(self.delays, size), dtype=np.float64)

    def expected(self) -> float:
        return float(self.delays.mean())
