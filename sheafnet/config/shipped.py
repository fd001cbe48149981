"""The configurations that come with sheafnet."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from sheafnet.errors import FileError, nearest


def shipped_configs() -> dict[str, Path]:
    """Return the shipped configurations by name, e.g. ``quickstart``."""
    package = Path(str(resources.files("sheafnet")))
    # In a wheel they lie inside the package, in a checkout beside it.
    folder = next(
        (d for d in (package / "configs", package.parent / "configs") if d.is_dir()), None
    )
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_config(name: str) -> Path:
    """Return the file that ``name`` means: a path, or the name of a shipped configuration.

    Raises
    ------
    FileError
        If there is neither.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise FileError(f"{name}: cannot be looked up: {error.strerror}") from None
    shipped = shipped_configs()
    stem = path.stem
    if stem in shipped and path in (Path(stem), Path("configs") / f"{stem}.yaml"):
        return shipped[stem]
    raise FileError(
        f"{name}: no such file, nor a configuration of that name{nearest(stem, shipped)}"
    )
