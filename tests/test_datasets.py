"""The four tasks of Bosca & Ghrist 2026."""

from __future__ import annotations

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.errors import InputError, UnknownNameError


def test_tasks_are_drawn_by_seed_and_as_published() -> None:
    train, test = sn.task("paraboloid", samples=2000, test=10, seed=1)
    noise = train.y[0] - (train.x**2).sum(axis=0) + 2.0 / 3.0
    assert noise.std() == pytest.approx(0.02, rel=0.1)
    assert test.x.shape == (2, 10)
    again, _ = sn.task("paraboloid", samples=2000, test=10, seed=1)
    np.testing.assert_array_equal(train.x, again.x)
    circle, _ = sn.task("circular")
    radius = np.hypot(*circle.x)
    assert (radius[circle.y[0] == 1.0] > 1.0).all()
    assert sn.task("blobs")[0].y.sum(axis=1).min() > 60
    assert sn.task("saddle")[0].x.min() >= 0.0
    with pytest.raises(UnknownNameError, match="did you mean 'saddle'"):
        sn.task("sadle")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1 of each"):
        sn.task("saddle", samples=0)
