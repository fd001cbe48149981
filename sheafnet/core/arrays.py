"""Checked conversion of what a user gives into the arrays that the mathematics uses."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sheafnet.errors import EmptyBatchError, InputError, NonFiniteError, ShapeError

Array: TypeAlias = NDArray[np.floating[Any]]

SMALL: Final = 4096
"""Up to this size a reduction takes longer to begin than to go through."""

FLOAT_TYPES = (np.dtype(np.float64), np.dtype(np.float32))


def float_dtype(*dtypes: DTypeLike) -> np.dtype[Any]:
    """Return the precision to compute in: float32 only if every part is float32."""
    common = np.result_type(*dtypes) if dtypes else FLOAT_TYPES[0]
    return common if common in FLOAT_TYPES else FLOAT_TYPES[0]


def checked(
    what: str,
    value: ArrayLike,
    shape: tuple[int | None, ...],
    dtype: DTypeLike | None = None,
) -> Array:
    """Return ``value`` as a read-only float array, or say what is wrong with it.

    Parameters
    ----------
    what
        What the array is, as the user would call it; every error begins with it.
    value
        Numbers. float32 stays float32, everything else becomes float64.
    shape
        Required size by axis, None where any size will do.
    dtype
        Precision wanted, instead of the one above.

    Raises
    ------
    InputError
        If the values are not real numbers.
    ShapeError
        If rank or size differ from ``shape``.
    NonFiniteError
        If a value is NaN or infinite.
    """
    raw = as_array(what, value)
    if raw.dtype.kind not in "fiub":
        raise InputError(f"{what}: expected real numbers, got an array of {raw.dtype}")
    if raw.ndim != len(shape) or any(
        want not in (None, have) for want, have in zip(shape, raw.shape, strict=True)
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ShapeError(f"{what}: expected shape ({wanted}), got {raw.shape}")
    with np.errstate(over="ignore"):  # what does not fit the precision becomes infinite
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

    Raises what ``checked`` does, and ``EmptyBatchError`` if there is no sample.
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
    """Return ``value`` as an array; ``InputError`` if it is none."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths, for example
        raise InputError(f"{what}: not an array of numbers: {error}") from None


def largest(array: Array) -> float:
    """Return the largest magnitude in ``array``; NaN if there is one."""
    # A place is found faster than a value, up to 10,000 numbers; a NaN is the first and the last.
    return max(array.item(array.argmax()), -array.item(array.argmin()))


def has_zero(array: Array) -> bool:
    """Return whether a number in ``array`` is exactly 0."""
    if array.size <= SMALL:
        return bool(np.count_nonzero(array) < array.size)
    return not np.logical_and.reduce(array, None)


def frozen(array: Array) -> Array:
    """Mark ``array`` read-only, so that it can be passed on without a copy."""
    # By its place: to name the argument takes as long again, and NumPy's stubs know no other way.
    array.setflags(False)  # type: ignore[call-arg]
    return array
