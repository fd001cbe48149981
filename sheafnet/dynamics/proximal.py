"""The exact minimiser of a vertex's own incident energy, with the neighbours as they are.

Which formula gives it depends on the maps at the vertex; it is chosen once, from its star alone.
"""

from __future__ import annotations

import abc

import numpy as np
import scipy
from numpy.typing import NDArray

from sheafnet.core.arrays import Array, has_zero
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import Identity, Linear
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.star import Star

HALVINGS = 60


class Proximal(abc.ABC):
    """Gives the stalk that minimises the energy around one vertex.

    Attributes
    ----------
    exact
        Whether that is the minimiser to rounding, and not a step on the way to it.
    """

    exact: bool = False

    @abc.abstractmethod
    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        """Return it, shape (dim, batch), held coordinates as they are."""


def proximal(star: Star, *, keep: bool) -> Proximal:
    """Return the minimiser for the maps and the pins of ``star``.

    Parameters
    ----------
    star
        The vertex.
    keep
        Where there are two minima, stay in the basin of the present stalk instead of taking the
        lowest.
    """
    if all(isinstance(inc.map, Identity) for inc in star.incidences):
        return MeanProximal(star)
    bent = [inc for inc in star.incidences if not isinstance(inc.map, Identity | Linear)]
    if not bent:
        return LinearProximal(star)
    if len(bent) == 1 and bent[0].is_tail:
        folded = FoldedProximal(star, bent[0], keep=keep)
        if folded.applies:
            return folded
    return MajorisedProximal(star)


class MeanProximal(Proximal):
    """Goes to the mean of the latest projections and the soft pins, where all maps are identities.

    As ``LinearProximal``, but coordinates do not meet: it takes no more than a stalk, of which
    there may be very wide ones.
    """

    exact = True

    def __init__(self, star: Star) -> None:
        weight = _weight(star, len(star.incidences))
        moves = weight > 0.0
        if star.pins is not None:
            moves &= ~star.pins.held[:, None]
        self._inverse = np.divide(1.0, weight, out=np.zeros_like(weight), where=moves)

    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        return np.asarray(star.stalk - self._inverse * star.descent(inbox))


def _weight(star: Star, identities: int) -> Array:
    """Return the curvature of so many identities and of the soft pins, shape (dim, 1)."""
    weight = np.full((star.stalk.shape[0], 1), float(identities), star.stalk.dtype)
    if star.pins is not None:
        weight += star.pins.weight
    return weight


class LinearProximal(Proximal):
    """One Newton step, which is exact where every map is linear.

    x − A⁺ ∇E with A = Σ FᵀF + diag(γ) on the free coordinates, factorised once. Where A is
    singular the pseudo-inverse makes the least change that reaches a minimum. Working from the
    gradient, the step corrects what rounding did to A⁺.
    """

    exact = True

    def __init__(self, star: Star) -> None:
        dim, dtype = star.stalk.shape[0], star.stalk.dtype
        A = np.zeros((dim, dim))
        free = np.ones(dim, dtype=bool)
        if star.pins is not None:
            A += np.diag(star.pins.weight[:, 0].astype(np.float64))
            free = ~star.pins.held
        for inc in star.incidences:
            F = inc.map.matrix.astype(np.float64) if isinstance(inc.map, Linear) else np.eye(dim)
            A += F.T @ F
        whole = free.all() and any(isinstance(inc.map, Identity) for inc in star.incidences)
        self._inverse = (_whole_inverse(A) if whole else _inverse(A, free)).astype(dtype)

    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        return np.asarray(star.stalk - self._inverse.dot(star.descent(inbox)))


def _whole_inverse(A: Array) -> Array:
    """Return A⁻¹, where A − I is positive semidefinite: this is asked again when maps learn."""
    if not np.isfinite(A).all():
        return np.full_like(A, np.nan)  # what overflows is the run's to report
    factor = scipy.linalg.cho_factor(A, check_finite=False)
    return np.asarray(scipy.linalg.cho_solve(factor, np.eye(len(A)), check_finite=False))


def _inverse(A: Array, free: NDArray[np.bool_]) -> Array:
    """Return the pseudo-inverse on the free coordinates, and 0 elsewhere."""
    inverse = np.zeros_like(A)
    if free.any() and A.any():
        inverse[np.ix_(free, free)] = scipy.linalg.pinvh(A[np.ix_(free, free)])
    return inverse


class FoldedProximal(Proximal):
    """Asks the one map that bends, with everything else folded into a weight and a centre."""

    def __init__(self, star: Star, bent: Incidence, *, keep: bool) -> None:
        self._bent = bent
        self._keep = keep
        self.exact = bent.map.prox_is_exact
        others = [inc for inc in star.incidences if inc is not bent]
        self._target = star.incidences.index(bent)
        self._others = [index for index, inc in enumerate(star.incidences) if inc is not bent]
        self._only_identities = all(isinstance(inc.map, Identity) for inc in others)
        self._weight = _weight(star, len(others))
        self._lone = len(others) == 1 and (star.pins is None or not star.pins.springs)
        held = star.pins is not None and bool(star.pins.held.any())
        self._coordinates_apart = self._bent.map.is_elementwise or not held

    @property
    def applies(self) -> bool:
        """Whether the map offers its minimiser with that weight, and with what is held."""
        offered = bool(self._weight.min() >= self._bent.map.prox_weight)
        return self._only_identities and self._coordinates_apart and offered

    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        pins, keys = star.pins, star.latest_keys
        others = [inbox[keys[index]] for index in self._others]
        if self._lone:
            (centre,) = others
        else:
            springs = () if pins is None else pins.springs
            pulled = [spring.weight * spring.centre for spring in springs]
            centre = np.sum([*others, *pulled], axis=0) / self._weight
        x = self._bent.map.prox(
            self._weight, centre, inbox[keys[self._target]], star.stalk, keep=self._keep
        )
        return x if pins is None else pins.imposed_on(x)


class MajorisedProximal(Proximal):
    """A step that lowers the energy, where no minimiser is to be had.

    x − ∇E/d with a bound d on the curvature; where the bound does not hold, for residuals past
    1 or across a kink, the step is halved until the energy does not rise.
    """

    def __init__(self, star: Star) -> None:
        self._step = star.longest_step

    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        force, latest = star.descent(inbox), star.latest(inbox)
        before = star.energy_at(star.stalk, latest)
        step = self._step
        for _ in range(HALVINGS):
            x = star.stalk - step * force
            if star.energy_at(x, latest) <= before:
                return np.asarray(x)
            step *= 0.5
        return star.stalk


def relaxed(star: Star, target: Array, omega: float) -> Array:
    """Return the move by ``omega`` of the way to ``target``, a new array.

    A coordinate that belongs on a kink is put there whole: short of it or past it the force does
    not shrink.
    """
    move = target - star.stalk
    if omega != 1.0:
        move *= omega
        if star.has_kinks and has_zero(target):
            move = np.where(target == 0.0, -star.stalk, move)
    return move
