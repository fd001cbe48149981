"""Writing small files so that they appear whole."""

from __future__ import annotations

from pathlib import Path

from sheafnet.errors import WriteError


def write_text(path: Path, text: str) -> None:
    """Write ``text`` at ``path``, or leave what is there.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error
