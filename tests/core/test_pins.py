"""Hard pins on whole stalks."""

from __future__ import annotations

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.core.pins import pinned_stalks
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
    held = pinned_stalks(SHEAF, [sn.Pin("a0", X), sn.Pin("a0", X.tolist()), sn.Pin("z2", X[:1])])
    assert list(held) == ["a0", "z2"]
    np.testing.assert_array_equal(held["a0"], X)


def test_a_pin_is_a_copy_that_cannot_be_changed() -> None:
    mine = X.copy()
    held = pinned_stalks(SHEAF, [sn.Pin("a0", mine)])
    mine[:] = 7.0
    np.testing.assert_array_equal(held["a0"], X)
    with pytest.raises(ValueError, match="read-only"):
        held["a0"][0, 0] = 1.0


@pytest.mark.parametrize(
    ("vertex", "value", "error", "match"),
    [
        ("a00", X, UnknownNameError, "no vertex 'a00'; did you mean 'a0'"),
        ("a0", X[:1], ShapeError, r"pin on 'a0': expected shape \(2, any\), got \(1, 2\)"),
        ("a0", X[:, 0], ShapeError, r"pin on 'a0': expected shape \(2, batch\), got \(2,\)"),
        ("a0", X[:, :0], EmptyBatchError, "pin on 'a0': the batch is empty"),
        ("a0", X * np.nan, NonFiniteError, "pin on 'a0': 4 value"),
        ("a0", [[1.0, 2.0], [3.0]], InputError, "pin on 'a0': not an array of numbers"),
    ],
)
def test_bad_pins_are_refused(
    vertex: str, value: Array, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        pinned_stalks(SHEAF, [sn.Pin(vertex, value)])


def test_pins_that_disagree_are_refused() -> None:
    with pytest.raises(PinError, match="two hard pins hold 'a0' at different values"):
        pinned_stalks(SHEAF, [sn.Pin("a0", X), sn.Pin("a0", X + 1.0)])
    with pytest.raises(ShapeError, match="different batches"):
        pinned_stalks(SHEAF, [sn.Pin("a0", X), sn.Pin("z1", np.ones((3, 1)))])


def test_a_value_beyond_the_precision_is_the_pins_fault() -> None:
    single = sn.ReluNetwork.random([2, 1], seed=0).astype(np.float32).to_sheaf()
    with pytest.raises(NonFiniteError, match=r"pin on 'a0': 4 .* infinite in float32"):
        pinned_stalks(single, [sn.Pin("a0", np.full((2, 2), 1e300))])
