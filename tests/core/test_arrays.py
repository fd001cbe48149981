import numpy as np
import pytest

from sheafnet.core.arrays import SMALL, has_zero, largest


@pytest.mark.parametrize("size", [1, 5, SMALL, SMALL + 1])
def test_the_largest_magnitude_and_zeros_whatever_the_size(size: int) -> None:
    array = np.linspace(1.0, 2.0, size).reshape(-1, 1)
    assert largest(array) == array[-1, 0]
    assert not has_zero(array)
    array[size // 2] = -7.0
    assert largest(array) == 7.0
    array[size // 2] = -0.0
    assert has_zero(array)
    array[size // 2] = -np.inf
    assert largest(array) == np.inf
    array[size // 2] = np.nan
    assert np.isnan(largest(array))
    assert not has_zero(array)
