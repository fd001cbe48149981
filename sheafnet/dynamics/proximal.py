"""The minimiser of the energy around a vertex, with the neighbours' projections kept fixed.

The formula depends on the maps and pins at the vertex; the function ``proximal`` chooses it. The
*force* on a vertex is the part of −∇E that can move it. ``Star.descent`` returns the negative of
the force.
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
"""Largest number of times that ``MajorisedProximal`` halves a step."""


class Proximal(abc.ABC):
    """A method that computes the stalk for which the energy around one vertex is least.

    Attributes
    ----------
    exact
        Whether ``minimiser`` returns the minimiser up to rounding. If False, it returns the result
        of one step towards the minimiser.
    """

    exact: bool = False

    @abc.abstractmethod
    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        """Return the minimiser, or a stalk of lower energy if ``exact`` is False.

        The result has the shape (dim, batch). Held coordinates keep their values.
        """


def proximal(star: Star, *, keep: bool) -> Proximal:
    """Return the method that suits the maps and the pins of ``star``.

    Parameters
    ----------
    star
        Star of the vertex.
    keep
        Which of two local minima the method takes in a coordinate that has two: the one in whose
        basin the present stalk lies (True), or the lower one (False).

    Raises
    ------
    RuleError
        If there is no formula for the minimiser and a map at the vertex has no finite bound on its
        curvature. Without a formula, the step size follows from this bound.
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
    """The weighted mean of the neighbours' projections and soft pins, for maps that are identities.

    ``LinearProximal`` would give the same result. Since the coordinates are independent here, no
    matrix is needed, and memory stays proportional to dim even where a stalk is very wide.
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
    """Return the curvature of ``identities`` identity maps and the soft pins, shape (dim, 1)."""
    weight = np.full((star.stalk.shape[0], 1), float(identities), star.stalk.dtype)
    if star.pins is not None:
        weight += star.pins.weight
    return weight


class LinearProximal(Proximal):
    """One Newton step, for linear maps. It is exact up to rounding.

    The new stalk is x − A⁺ ∇E with A = Σ FᵀF + diag(γ) on the coordinates that are not held. The
    sum is over the maps F at the vertex, and γ is the strength of its soft pins. The pseudo-inverse
    A⁺ is computed once. Where A is singular, A⁺ gives the smallest change that reaches a minimum.
    Since the step uses the gradient at x, repeated steps correct the rounding errors of A⁺.
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
    """Return A⁻¹, where A − I is positive semidefinite; all NaN if A is not finite.

    This function is faster than ``_inverse``. The speed matters where maps are updated, because
    then A changes in every training step.
    """
    if not np.isfinite(A).all():
        return np.full_like(A, np.nan)  # The run then ends as diverged.
    factor = scipy.linalg.cho_factor(A, check_finite=False)
    return np.asarray(scipy.linalg.cho_solve(factor, np.eye(len(A)), check_finite=False))


def _inverse(A: Array, free: NDArray[np.bool_]) -> Array:
    """Return the pseudo-inverse of A on the coordinates where ``free`` is true.

    The result is one matrix for all samples, with the shape (dim, dim) of A. Its rows and columns
    of all other coordinates are 0.
    """
    inverse = np.zeros_like(A)
    if free.any() and A.any():
        inverse[np.ix_(free, free)] = scipy.linalg.pinvh(A[np.ix_(free, free)])
    return inverse


class FoldedProximal(Proximal):
    """The minimiser, computed by the only map at the vertex that is not an identity.

    The energy of the identities and the soft pins is ½ Σ weight (x − centre)² plus a constant. The
    method ``RestrictionMap.prox`` of the nonlinear map is called with this weight and this centre.
    """

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
        """Whether ``prox`` of the nonlinear map accepts these weights and held coordinates."""
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
    """A step that lowers the energy, for maps without a formula for the minimiser.

    The new stalk is x − ∇E/d, where d is ``Star.curvature``. Where a residual exceeds 1, or where
    the step passes a kink, the curvature may be larger than d, and the energy may rise. Then the
    step is halved until the energy does not rise. After 60 halvings the stalk keeps its value.
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
    """Return the move ω (target − x) from the present stalk x, as a new array.

    If the vertex has kinks, a coordinate whose target is 0 moves to 0 exactly, for every ω. Next to
    a kink the force does not shrink with the distance, so that with a part of the move the vertex
    would not become stationary.
    """
    move = target - star.stalk
    if omega != 1.0:
        move *= omega
        if star.has_kinks and has_zero(target):
            move = np.where(target == 0.0, -star.stalk, move)
    return move
