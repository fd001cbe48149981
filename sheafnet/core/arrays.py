"""Checked conversion of user input into read-only float arrays, and reductions over arrays."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sheafnet.errors import EmptyBatchError, InputError, NonFiniteError, ShapeError

Array: TypeAlias = NDArray[np.floating[Any]]

SMALL: Final = 4096
"""Largest number of elements for which ``has_zero`` counts the elements that are not 0.

In larger arrays a logical reduction is faster.
"""

FLOAT_TYPES = (np.dtype(np.float64), np.dtype(np.float32))
"""Supported precisions; the first is the default."""


def float_dtype(*dtypes: DTypeLike) -> np.dtype[Any]:
    """Return the precision to compute in.

    It is float32 if NumPy promotes ``dtypes`` to float32. Otherwise, or if no ``dtypes`` are given,
    it is float64.
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
        Required size of each axis. Where the entry is None, any size is accepted.
    dtype
        Precision of the result. With None (default) float32 is kept, and every other type is
        converted to float64.

    Raises
    ------
    InputError
        If ``value`` is not an array of real numbers, or its rows have different lengths.
    ShapeError
        If the number of axes differs from the length of ``shape``, or the size of an axis differs
        from its entry in ``shape``.
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
        Required number of rows. With None any number is accepted.
    dtype
        Precision of the result. With None (default) float32 is kept, and every other type is
        converted to float64.

    Raises
    ------
    InputError
        If ``value`` is not an array of real numbers, or its rows have different lengths.
    ShapeError
        If ``value`` is not two-dimensional, or does not have ``dim`` rows.
    NonFiniteError
        If a value is NaN or infinite, or overflows in the precision of the result.
    EmptyBatchError
        If ``value`` has no samples, that is, no columns.
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
    """Convert ``value`` to an array; if ``value`` is an array already, return it without a copy.

    Parameters
    ----------
    what
        Name of the array in the user's terms, for the error message.
    value
        An array or nested sequences.

    Raises
    ------
    InputError
        If NumPy cannot convert ``value``, for example because its rows have different lengths.
    """
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not an array of numbers: {error}") from None


def largest(array: Array) -> float:
    """Return the largest absolute value in a non-empty ``array``; NaN if an element is NaN."""
    # Below 10,000 elements argmax and argmin are faster than max and min. If an element is NaN,
    # argmax and argmin both return the index of a NaN.
    return max(array.item(array.argmax()), -array.item(array.argmin()))


def has_zero(array: Array) -> bool:
    """Return whether any element of ``array`` is exactly 0."""
    if array.size <= SMALL:
        return bool(np.count_nonzero(array) < array.size)
    return not np.logical_and.reduce(array, None)


def frozen(array: Array) -> Array:
    """Mark ``array`` read-only, so that it can be shared without a copy, and return it."""
    # The flag ``write`` is passed by position, which halves the time of this call. NumPy's type
    # stubs accept only the keyword.
    array.setflags(False)  # type: ignore[call-arg]
    return array
