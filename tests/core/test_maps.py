"""The properties of every restriction map: adjointness, derivative, curvature bound, shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.coboundary import linearised
from sheafnet.core.maps import squared_norm_bound
from sheafnet.errors import NonFiniteError, ShapeError
from tests.support.strategies import dims, matrices

MAPS: dict[sn.RestrictionMap, tuple[float, ...]] = {
    sn.Identity(): (),
    sn.ReluGate(): (0.0,),
    sn.Sigmoid(): (),
    sn.Softmax(): (),
}
"""Maps between stalks of one dimension → the coordinates at which the derivative jumps."""
WITH_LOSS = (sn.Sigmoid("cross-entropy"), sn.Softmax("cross-entropy", strength=0.3))
STEP = 1e-6


@st.composite
def maps_and_points(draw: st.DrawFn) -> tuple[sn.RestrictionMap, Array, Array]:
    """Return a map, a batch of points of its domain and a batch of edge vectors."""
    into, out, batch = draw(dims), draw(dims), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["linear", "affine", *MAPS]))
    if kind == "linear":
        restriction: sn.RestrictionMap = sn.Linear(draw(matrices(out, into)))
    elif kind == "affine":
        restriction = sn.Affine(draw(matrices(out, into)), draw(matrices(out, 1))[:, 0])
    else:
        assert isinstance(kind, sn.RestrictionMap)
        restriction, out = kind, into
    x = draw(matrices(into, batch, bound=3.0))
    for kink in MAPS.get(restriction, ()):
        assume(np.abs(x - kink).min() > 2 * STEP)  # no derivative at the kink
    return restriction, x, draw(matrices(out, batch, bound=1.0))


@given(maps_and_points(), st.data())
def test_pullback_is_the_transpose_of_the_derivative(
    case: tuple[sn.RestrictionMap, Array, Array], data: st.DataObject
) -> None:
    restriction, x, y = case
    direction = data.draw(matrices(*x.shape, bound=1.0))
    forward, backward = (restriction.apply(x + s * STEP * direction) for s in (1, -1))
    derivative = (forward - backward) / (2 * STEP)
    assert np.vdot(derivative, y) == pytest.approx(
        np.vdot(direction, restriction.pullback(x, y)), rel=1e-5, abs=1e-6
    )


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_adjointness_of_linear_maps_is_exact_to_rounding(
    rows: int, columns: int, data: st.DataObject
) -> None:
    F = sn.Linear(data.draw(matrices(rows, columns)))
    x, y = data.draw(matrices(columns, 2)), data.draw(matrices(rows, 2))
    assert np.vdot(F.apply(x), y) == pytest.approx(np.vdot(x, F.pullback(x, y)), rel=1e-9, abs=1e-9)


@given(maps_and_points())
def test_energy_gradient_against_finite_differences(
    case: tuple[sn.RestrictionMap, Array, Array],
) -> None:
    restriction, x, target = case

    def energy(at: Array) -> float:
        return float(0.5 * np.sum((restriction.apply(at) - target) ** 2))

    gradient = restriction.pullback(x, restriction.apply(x) - target)
    for i in range(x.shape[0]):
        nudge = np.zeros_like(x)
        nudge[i, 0] = STEP
        difference = (energy(x + nudge) - energy(x - nudge)) / (2 * STEP)
        assert difference == pytest.approx(gradient[i, 0], rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "restriction", [it for it in (*MAPS, *WITH_LOSS) if math.isfinite(it.prox_weight)]
)
def test_prox_is_the_minimiser_that_a_grid_finds(
    restriction: sn.RestrictionMap, keep: bool
) -> None:
    rng = np.random.default_rng(0)
    weight = np.array([[max(restriction.prox_weight, 0.5)]])
    centre, current = rng.uniform(-2.0, 2.0, (2, 1, 20))
    target = rng.uniform(0.1, 0.9, (1, 20))
    x = restriction.prox(weight, centre, target, current, keep=keep)

    def objective(at: Array, i: int) -> float:
        pull = 0.5 * float(weight[0, 0] * (at[0, 0] - centre[0, i]) ** 2)
        return pull + restriction.energy(at, restriction.apply(at), target[:, [i]])

    for i in range(x.shape[1]):
        # With ``keep`` the minimum is that of a basin, so the grid stays near the result.
        grid = x[0, i] + np.linspace(-0.01, 0.01, 21) if keep else np.linspace(-4.0, 4.0, 401)
        best = min(objective(np.array([[at]]), i) for at in grid)
        assert objective(x[:, [i]], i) <= best + 1e-12


@given(maps_and_points())
def test_curvature_is_never_below_the_squared_norm(
    case: tuple[sn.RestrictionMap, Array, Array],
) -> None:
    restriction, x, _ = case
    jacobian = linearised(restriction, x[:, 0])
    assert restriction.curvature >= np.linalg.norm(jacobian, 2) ** 2 * (1 - 1e-14)


@given(maps_and_points())
def test_curvature_is_never_below_the_hessian_while_residuals_stay_within_one(
    case: tuple[sn.RestrictionMap, Array, Array],
) -> None:
    restriction, x, residual = case
    target = restriction.apply(x) - residual

    def gradient(at: Array) -> Array:
        return restriction.pullback(at, restriction.apply(at) - target)

    columns = []
    for i in range(x.shape[0]):
        nudge = np.zeros_like(x)
        nudge[i] = STEP
        columns.append(((gradient(x + nudge) - gradient(x - nudge)) / (2 * STEP))[:, 0])
    hessian = np.stack(columns)
    largest = float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[-1])
    assert restriction.curvature >= largest - 1e-4 * (1 + abs(largest))


@given(dims, dims, st.data())
def test_squared_norm_bound_is_an_upper_bound_and_tight(
    rows: int, columns: int, data: st.DataObject
) -> None:
    F = data.draw(matrices(rows, columns))
    true = float(np.linalg.norm(F, 2)) ** 2
    assert true * (1 - 1e-14) <= squared_norm_bound(F) <= true * (1 + 1e-10) + 1e-12


def test_squared_norm_bound_holds_where_power_iteration_would_not() -> None:
    # The leading eigenvector is orthogonal to the vector of ones.
    F = np.array([[2.0, -2.0], [1.0, 1.0]])
    assert squared_norm_bound(F) >= 8.0


def test_identity_and_gate_have_curvature_one() -> None:
    assert sn.Identity().curvature == 1.0
    assert sn.ReluGate().curvature == 1.0
    assert sn.Linear(np.zeros((3, 2))).curvature == 0.0


def test_gate_is_open_at_zero_and_shut_below() -> None:
    x = np.array([[-1.0, 0.0, 2.0]])
    np.testing.assert_array_equal(sn.ReluGate().apply(x), [[0.0, 0.0, 2.0]])
    np.testing.assert_array_equal(sn.ReluGate().pullback(x, np.ones((1, 3))), [[0.0, 1.0, 1.0]])


@pytest.mark.parametrize("x", [800.0, -800.0])
def test_sigmoid_and_softmax_do_not_overflow(x: float) -> None:
    column = np.array([[x], [0.0]])
    for restriction in (sn.Sigmoid(), sn.Softmax()):
        assert np.isfinite(restriction.apply(column)).all()
        assert np.isfinite(restriction.pullback(column, np.ones((2, 1)))).all()


def test_a_map_says_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"F: expected shape \(2, 4\).*got \(2, 3\)"):
        sn.Linear(np.ones((2, 3))).codomain_dim(4)
    with pytest.raises(ShapeError, match=r"b: expected shape \(2\), got \(3,\)"):
        sn.Affine(np.ones((2, 3)), np.ones(3))
    with pytest.raises(NonFiniteError, match=r"W: 1 value\(s\) .* at \[0, 1\]"):
        sn.Affine([[1.0, np.nan]], [0.0])


def test_float32_stays_float32() -> None:
    W, b, x = np.ones((2, 3), np.float32), np.ones(2, np.float32), np.ones((3, 1), np.float32)
    assert sn.Affine(W, b).apply(x).dtype == np.float32
    for restriction in MAPS:
        assert restriction.apply(x).dtype == np.float32
        assert restriction.pullback(x, x).dtype == np.float32
