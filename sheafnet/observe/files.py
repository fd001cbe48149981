"""Writing of small files so that a reader never sees a part of one."""

from __future__ import annotations

from pathlib import Path

from sheafnet.errors import WriteError


def write_text(path: Path, text: str) -> None:
    """Write a text file whole; on failure a former file stays as it was.

    Parameters
    ----------
    path
        Path of the file, in a folder that exists. A file that is there is replaced.
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
