"""A function that writes a small file so that no reader can see an incomplete file."""

from __future__ import annotations

from pathlib import Path

from sheafnet.errors import WriteError


def write_text(path: Path, text: str) -> None:
    """Write a text file; if this fails, an existing file of the same name stays unchanged.

    Parameters
    ----------
    path
        Path of the file, in a folder that exists. An existing file is replaced.
    text
        Contents, encoded in UTF-8.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error
