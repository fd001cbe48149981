"""The minimiser of the energy around a vertex, with the neighbours' projections kept fixed.

The formula depends on the maps at the vertex; ``proximal`` chooses it once, from the star alone.
Force means the part of −∇E that can move the vertex; ``Star.descent`` returns its negative.
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
    """A method that computes the stalk of least energy around one vertex.

    Attributes
    ----------
    exact
        Whether the result is the minimiser up to rounding, and not a step towards it.
    """

    exact: bool = False

    @abc.abstractmethod
    def minimiser(self, star: Star, inbox: Inbox) -> Array:
        """Return the minimiser, or a stalk of lower energy, shape (dim, batch).

        Held coordinates keep their values.
        """


def proximal(star: Star, *, keep: bool) -> Proximal:
    """Return the method for the maps and the pins of ``star``.

    Parameters
    ----------
    star
        Star of the vertex.
    keep
        Where there are two local minima, whether to take the one in whose basin the present stalk
        lies. Otherwise the lowest is taken.

    Raises
    ------
    RuleError
        If no formula for a minimiser applies and a map at the vertex has no finite bound on its
        curvature, from which a step could be chosen.
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

    The result is that of ``LinearProximal``. Since coordinates are independent here, no matrix is
    needed, and memory stays proportional to dim even where a stalk is very wide.
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
    """One Newton step, which is exact where every map is linear.

    The step is x − A⁺ ∇E with A = Σ FᵀF + diag(γ) on the free coordinates; A⁺ is computed once.
    Where A is singular, the pseudo-inverse gives the smallest change that reaches a minimum. Since
    the step starts from the gradient at x, repeated steps correct the rounding errors of A⁺.
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
    """Return A⁻¹ for A − I positive semidefinite; NaN if A is not finite.

    This is faster than ``_inverse``, which matters where maps learn and A changes in every step.
    """
    if not np.isfinite(A).all():
        return np.full_like(A, np.nan)  # the run then reports divergence
    factor = scipy.linalg.cho_factor(A, check_finite=False)
    return np.asarray(scipy.linalg.cho_solve(factor, np.eye(len(A)), check_finite=False))


def _inverse(A: Array, free: NDArray[np.bool_]) -> Array:
    """Return the pseudo-inverse of A on the free coordinates, with zeros elsewhere."""
    inverse = np.zeros_like(A)
    if free.any() and A.any():
        inverse[np.ix_(free, free)] = scipy.linalg.pinvh(A[np.ix_(free, free)])
    return inverse


class FoldedProximal(Proximal):
    """The minimiser that a nonlinear map offers itself, where all other maps are identities.

    Identities and soft pins together are a quadratic, ½ Σ weight (x − centre)² up to a constant.
    ``RestrictionMap.prox`` of the nonlinear map takes this weight and centre.
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
        """Whether the map offers its minimiser for this weight and these held coordinates."""
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
    """A step that lowers the energy, where no formula for the minimiser applies.

    The step is x − ∇E/d with the bound d on the curvature. The bound may fail where a residual
    exceeds 1 and across a kink; then the step is halved until the energy does not rise.
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
    """Return ω (target − x) for the present stalk x, as a new array.

    Where the vertex has kinks and the target of a coordinate is 0, the move reaches 0 fully
    whatever ω is, because next to a kink the force does not shrink with the distance.
    """
    move = target - star.stalk
    if omega != 1.0:
        move *= omega
        if star.has_kinks and has_zero(target):
            move = np.where(target == 0.0, -star.stalk, move)
    return move
