"""Reading and writing of ``.npz`` files.

All such files are read and written here, so that the same rules hold for each of them. A file that
contains Python objects is refused. If writing fails, an existing file is left unchanged. A file
that cannot be read or written raises a ``sheafnet.SheafnetError``.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sheafnet.errors import FileError, WriteError


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file, as a dictionary from names to arrays.

    Parameters
    ----------
    path
        Path of the file.

    Raises
    ------
    FileError
        If the file is missing, unreadable, damaged or truncated, or if it holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                info.filename.removesuffix(".npy"): _read_member(archive, info)
                for info in archive.infolist()
            }
    except FileNotFoundError:
        raise FileError(f"{path}: no such file") from None
    except Exception as error:  # Parsers of damaged bytes raise many classes.
        raise FileError(f"{path}: damaged, or not an .npz file ({error})") from error


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, ArrayLike]) -> None:
    """Write arrays to an ``.npz`` file.

    The file is written under another name first, and renamed when it is complete. If writing fails,
    there is therefore no incomplete file at ``path``, and an existing file is left unchanged.

    Parameters
    ----------
    path
        Path of the file; an existing file is replaced.
    arrays
        Name in the file → array.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as stream:
            _write_members(stream, arrays)
        partial.replace(target)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        # zipfile checks the checksum of a member only when the member has been read to its end.
        member.read()
    return array


def _write_members(stream: IO[bytes], arrays: Mapping[str, ArrayLike]) -> None:
    # np.savez is not used. It takes the names as keyword arguments, and therefore cannot save an
    # array with the name "file".
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
