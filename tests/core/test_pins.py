"""Pins: hard and soft, of whole stalks and of coordinates."""

from __future__ import annotations

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.pins import resolve_pins
from sheafnet.core.stalkpins import wholly_held
from sheafnet.errors import (
    EmptyBatchError,
    InputError,
    NonFiniteError,
    PinError,
    ShapeError,
    UnknownNameError,
)

SHEAF = sn.ReluNetwork.random([2, 3, 1], seed=0).to_sheaf()
X = np.arange(4.0).reshape(2, 2)


def test_a_pin_holds_a_stalk_and_may_be_said_twice() -> None:
    pins = resolve_pins(SHEAF, [sn.Pin("a0", X), sn.Pin("a0", X.tolist()), sn.Pin("z2", X[:1])])
    assert list(pins) == ["a0", "z2"]
    assert wholly_held(pins) == {"a0", "z2"}
    np.testing.assert_array_equal(pins["a0"].value, X)


def test_a_pin_is_a_copy_that_cannot_be_changed() -> None:
    mine = X.copy()
    pins = resolve_pins(SHEAF, [sn.Pin("a0", mine)])
    mine[:] = 7.0
    np.testing.assert_array_equal(pins["a0"].value, X)
    with pytest.raises(ValueError, match="read-only"):
        pins["a0"].value[0, 0] = 1.0


def test_values_may_be_one_number_one_a_coordinate_or_one_a_sample() -> None:
    pins = resolve_pins(
        SHEAF,
        [sn.Pin("a0", X), sn.Pin("z1", [1.0, 2.0, 3.0]), sn.Pin("z2", 4.0)],
    )
    np.testing.assert_array_equal(pins["z1"].value, [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    np.testing.assert_array_equal(pins["z2"].value, [[4.0, 4.0]])


def test_coordinates_are_held_by_themselves() -> None:
    pins = resolve_pins(
        SHEAF,
        [
            sn.Pin("z1", X, coords=[2, 0]),
            sn.Pin("z1", 5.0, coords=[2], strength=2.0),
            sn.Pin("a0", 0.0, coords=[1]),
        ],
    )
    stalk = pins["z1"]
    np.testing.assert_array_equal(stalk.held, [True, False, True])
    np.testing.assert_array_equal(stalk.value, [X[1], [0.0, 0.0], X[0]])
    np.testing.assert_array_equal(stalk.imposed_on(np.full((3, 2), 9.0))[1], [9.0, 9.0])
    np.testing.assert_array_equal(stalk.weight, [[0.0], [0.0], [2.0]])
    np.testing.assert_array_equal(stalk.determined, [True, False, True])
    assert not wholly_held(pins)


def test_soft_pins_add_up() -> None:
    pins = resolve_pins(
        SHEAF,
        [sn.Pin("a0", 1.0, strength=1.0), sn.Pin("a0", [4.0, 0.0], strength=3.0)],
    )
    stalk = pins["a0"]
    assert [spring.name for spring in stalk.springs] == ["pin_a0_0", "pin_a0_1"]
    np.testing.assert_array_equal(stalk.weight, [[4.0], [4.0]])
    np.testing.assert_array_equal(stalk.equilibrium, [[(1.0 + 12.0) / 4.0], [0.25]])
    x = np.array([[2.0], [2.0]])
    np.testing.assert_array_equal(stalk.pull(x), 4.0 * (x - stalk.equilibrium))
    energy = 0.5 * sum(float(np.sum(s.residual(x) ** 2)) for s in stalk.springs)
    assert energy == pytest.approx(0.5 * (1.0 + 1.0) + 1.5 * (4.0 + 4.0))


@pytest.mark.parametrize(
    ("vertex", "value", "error", "match"),
    [
        ("a00", X, UnknownNameError, "no vertex 'a00'; did you mean 'a0'"),
        ("a0", X[:1], ShapeError, r"pin on 'a0': expected shape \(2, any\), got \(1, 2\)"),
        ("a0", X[0, :1], ShapeError, r"pin on 'a0': expected shape \(2\), got \(1,\)"),
        ("a0", X[:, :0], EmptyBatchError, "pin on 'a0': the batch is empty"),
        ("a0", X * np.nan, NonFiniteError, "pin on 'a0': 4 value"),
        ("a0", [[1.0, 2.0], [3.0]], InputError, "pin on 'a0': not an array of numbers"),
        ("a0", "high", InputError, "pin on 'a0': expected real numbers"),
    ],
)
def test_bad_values_are_refused(
    vertex: str, value: Array, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        resolve_pins(SHEAF, [sn.Pin(vertex, value)])


@pytest.mark.parametrize(
    ("pin", "match"),
    [
        (sn.Pin("z1", 0.0, coords=[3]), "no coordinate 3; the stalk has 0 to 2"),
        (sn.Pin("z1", 0.0, coords=[-1]), "no coordinate -1"),
        (sn.Pin("z1", 0.0, coords=[1, 1]), "coordinate 1 is named twice"),
        (sn.Pin("z1", 0.0, coords=[]), "expected whole numbers, one or more"),
        (sn.Pin("z1", 0.0, coords=[0.5]), "expected whole numbers"),  # type: ignore[list-item]
        (sn.Pin("z1", 0.0, strength=0.0), "strength is 0.0; it must be positive and finite"),
        (sn.Pin("z1", 0.0, strength=np.nan), "strength is nan"),
    ],
)
def test_bad_coordinates_and_strengths_are_refused(pin: sn.Pin, match: str) -> None:
    with pytest.raises(PinError, match=match):
        resolve_pins(SHEAF, [pin])


def test_pins_that_disagree_are_refused() -> None:
    with pytest.raises(PinError, match="two hard pins hold 'a0' at different values"):
        resolve_pins(SHEAF, [sn.Pin("a0", X), sn.Pin("a0", X + 1.0)])
    with pytest.raises(PinError, match="two hard pins hold 'a0' at different values"):
        resolve_pins(SHEAF, [sn.Pin("a0", X), sn.Pin("a0", 0.5, coords=[1])])
    with pytest.raises(ShapeError, match="different batches"):
        resolve_pins(SHEAF, [sn.Pin("a0", X), sn.Pin("z1", np.ones((3, 1)))])


def test_the_batch_of_a_run_binds_its_pins() -> None:
    pins = resolve_pins(SHEAF, [sn.Pin("a0", 1.0)], batch=3)
    assert pins["a0"].value.shape == (2, 3)
    with pytest.raises(ShapeError, match="pin on 'a0': 2 samples, but the run has 3"):
        resolve_pins(SHEAF, [sn.Pin("a0", X)], batch=3)


def test_a_value_beyond_the_precision_is_the_pins_fault() -> None:
    single = sn.ReluNetwork.random([2, 1], seed=0).astype(np.float32).to_sheaf()
    with pytest.raises(NonFiniteError, match=r"pin on 'a0': 4 .* infinite in float32"):
        resolve_pins(single, [sn.Pin("a0", np.full((2, 2), 1e300))])
