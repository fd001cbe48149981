"""Checked conversion of user input into read-only float arrays, and reductions over arrays."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sheafnet.errors import EmptyBatchError, InputError, NonFiniteError, ShapeError

Array: TypeAlias = NDArray[np.floating[Any]]

SMALL: Final = 4096
"""Number of elements up to which a NumPy reduction spends more on its set-up than on its loop."""

FLOAT_TYPES = (np.dtype(np.float64), np.dtype(np.float32))
"""Supported precisions; the first is the default."""


def float_dtype(*dtypes: DTypeLike) -> np.dtype[Any]:
    """Return the precision to compute in.

    float32 if NumPy promotes ``dtypes`` to float32, and float64 in every other case, also
    without any ``dtypes``.
    """
    common = np.result_type(*dtypes) if dtypes else FLOAT_TYPES[0]
    return common if common in FLOAT_TYPES else FLOAT_TYPES[0]


def checked(
    what: str,
    value: ArrayLike,
    shape: tuple[int | None, ...],
    dtype: DTypeLike | None = None,
) -> Array:
    """Check ``value`` and return it as a new, read-only float array.

    Parameters
    ----------
    what
        Name of the array in the user's terms; every error message begins with it.
    value
        Real numbers.
    shape
        Required size of each axis; None where any size is accepted.
    dtype
        Precision of the result. None (default) keeps float32 and converts every other type to
        float64.

    Raises
    ------
    InputError
        If ``value`` is not an array of real numbers, or its rows have different lengths.
    ShapeError
        If the rank or a size differs from ``shape``.
    NonFiniteError
        If a value is NaN or infinite, or overflows in the precision of the result.
    """
    raw = as_array(what, value)
    if raw.dtype.kind not in "fiub":
        raise InputError(f"{what}: expected real numbers, got an array of {raw.dtype}")
    if raw.ndim != len(shape) or any(
        want not in (None, have) for want, have in zip(shape, raw.shape, strict=True)
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ShapeError(f"{what}: expected shape ({wanted}), got {raw.shape}")
    with np.errstate(over="ignore"):  # A value that overflows becomes infinite.
        array: Array = np.array(raw, dtype=dtype or float_dtype(raw.dtype))
    finite = np.isfinite(array)
    if not finite.all():
        bad = np.argwhere(~finite)
        where = ", ".join(str(i) for i in bad[0])
        raise NonFiniteError(
            f"{what}: {len(bad)} value(s) are NaN or infinite in {array.dtype}, "
            f"the first at [{where}]"
        )
    return frozen(array)


def checked_samples(
    what: str, value: ArrayLike, dim: int | None, dtype: DTypeLike | None = None
) -> Array:
    """Return ``value`` as a checked ``(dim, batch)`` array with at least one sample.

    Parameters
    ----------
    what
        Name of the array in the user's terms; every error message begins with it.
    value
        Real numbers, shape (dim, batch).
    dim
        Required number of rows; None accepts any.
    dtype
        Precision of the result, as for ``checked``.

    Raises
    ------
    InputError
        If ``value`` is not an array of real numbers, or its rows have different lengths.
    ShapeError
        If ``value`` is not two-dimensional, or does not have ``dim`` rows.
    NonFiniteError
        If a value is NaN or infinite, or overflows in the precision of the result.
    EmptyBatchError
        If there is no sample.
    """
    raw = as_array(what, value)
    if raw.ndim == 1:
        raise ShapeError(
            f"{what}: expected shape ({'any' if dim is None else dim}, batch), got {raw.shape}; "
            f"one sample is a column: reshape it to ({len(raw)}, 1)"
        )
    array = checked(what, raw, (dim, None), dtype)
    if array.shape[1] == 0:
        raise EmptyBatchError(f"{what}: the batch is empty, shape {array.shape}")
    return array


def as_array(what: str, value: ArrayLike) -> NDArray[Any]:
    """Return ``value`` as an array, without a copy if it is one.

    Parameters
    ----------
    what
        Name of the array in the user's terms, for the error message.
    value
        An array or nested sequences.

    Raises
    ------
    InputError
        If NumPy cannot make an array of it, for example from rows of different lengths.
    """
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not an array of numbers: {error}") from None


def largest(array: Array) -> float:
    """Return the largest magnitude in a non-empty ``array``; NaN if it holds a NaN."""
    # Below 10,000 elements argmax and argmin are faster than max and min. Both return the index
    # of a NaN if there is one.
    return max(array.item(array.argmax()), -array.item(array.argmin()))


def has_zero(array: Array) -> bool:
    """Return whether any element of ``array`` is exactly 0."""
    if array.size <= SMALL:
        return bool(np.count_nonzero(array) < array.size)
    return not np.logical_and.reduce(array, None)


def frozen(array: Array) -> Array:
    """Mark ``array`` read-only and return it, so that it can be shared without a copy."""
    # A positional argument halves the time of this call; NumPy's stubs accept only the keyword.
    array.setflags(False)  # type: ignore[call-arg]
    return array
