"""Probability laws for the delay of a frame and for the time of an update."""

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
"""Largest sigma of ``Lognormal``; with a larger one a delay could overflow a float."""


def _require(holds: bool, law: object, rule: str) -> None:
    if not holds:
        raise InputError(f"{law}: {rule}")


class Latency(abc.ABC):
    """A probability law of delays, in virtual time; base class for laws of your own."""

    @abc.abstractmethod
    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Return independent delays.

        Parameters
        ----------
        rng
            Random stream of the link or host; take all randomness from it.
        size
            Number of delays.

        Returns
        -------
        NDArray[np.float64]
            The delays, at least 0, of shape ``(size,)``.
        """

    @abc.abstractmethod
    def expected(self) -> float:
        """Return the mean delay, in virtual time; the first timeout of a host depends on it."""


@dataclass(frozen=True)
class Constant(Latency):
    """A law under which every delay is the same.

    Parameters
    ----------
    time
        The delay, in virtual time; finite, at least 0.

    Raises
    ------
    InputError
        If ``time`` is negative or not finite.
    """

    time: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.time < math.inf, self, "time must be finite and not negative")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:  # noqa: ARG002
        return np.full(size, self.time)

    def expected(self) -> float:
        return self.time


@dataclass(frozen=True)
class Uniform(Latency):
    """A uniform distribution of delays.

    Parameters
    ----------
    low
        Smallest delay, in virtual time; at least 0.
    high
        Upper end of the range of delays, in virtual time; finite, at least ``low``.

    Raises
    ------
    InputError
        If 0 ≤ ``low`` ≤ ``high`` < ∞ does not hold.
    """

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
    """An exponential distribution of delays.

    The distribution is memoryless: the remaining delay of a frame does not depend on the time since
    it was sent. A few delays are many times as long as the mean.

    Parameters
    ----------
    mean
        Mean delay, in virtual time; finite, at least 0.

    Raises
    ------
    InputError
        If ``mean`` is negative or not finite.
    """

    mean: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.mean < math.inf, self, "mean must be finite and not negative")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return rng.exponential(self.mean, size)

    def expected(self) -> float:
        return self.mean


@dataclass(frozen=True)
class Lognormal(Latency):
    """A lognormal distribution of delays, roughly like that of round trips on the Internet.

    Parameters
    ----------
    mean
        Mean delay, in virtual time; finite, at least 0. The median is mean · exp(−sigma²/2).
    sigma
        Standard deviation of the logarithm of the delay, from 0 to 10.

    Raises
    ------
    InputError
        If ``mean`` is negative or not finite, or if ``sigma`` is outside [0, 10].
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
    """A law that draws each of the given measured delays with equal probability.

    Parameters
    ----------
    delays
        Measured delays, in virtual time, of shape ``(n,)`` with n at least 1; finite, at least 0.

    Raises
    ------
    InputError
        If ``delays`` is empty, if a delay is negative, or if a delay is not a real number.
    ShapeError
        If ``delays`` does not have exactly one axis.
    NonFiniteError
        If a delay is NaN or infinite.
    """

    def __init__(self, delays: ArrayLike) -> None:
        self.delays = checked("empirical latency", delays, (None,), np.float64)
        _require(self.delays.size > 0, self, "there must be at least one delay")
        _require(bool((self.delays >= 0.0).all()), self, "no delay may be negative")

    def __repr__(self) -> str:
        return f"Empirical of {self.delays.size} delays"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Empirical:
        """Read measured delays from a text file, and return the law that draws from them.

        Parameters
        ----------
        path
            Path of the file. It has one number in each line; ``#`` begins a comment.

        Raises
        ------
        InputError
            If the file cannot be read or is empty, if it does not have one number in each line, or
            if a number is negative, infinite or NaN.
        """
        try:
            with warnings.catch_warnings():
                # NumPy warns about an empty file; the constructor raises an error for it.
                warnings.simplefilter("ignore")
                return cls(np.loadtxt(path, ndmin=1))
        except (OSError, UnicodeError, ValueError, InputError) as error:
            raise InputError(f"{path}: not a file of delays: {error}") from None

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return np.asarray(rng.choice(self.delays, size), dtype=np.float64)

    def expected(self) -> float:
        return float(self.delays.mean())
