"""The shipped configurations, which come with the package and are found by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from sheafnet.errors import FileError, nearest


def shipped_configs() -> dict[str, Path]:
    """Return name → file for each shipped configuration; a name is ``quickstart``, for example."""
    package = Path(str(resources.files("sheafnet")))
    # The folder ``configs`` is inside the package in a wheel, and beside the package in a checkout.
    folder = next(
        (d for d in (package / "configs", package.parent / "configs") if d.is_dir()), None
    )
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_config(name: str) -> Path:
    """Return the file of a configuration.

    Parameters
    ----------
    name
        Path of a file. If no such file exists, it may be ``NAME`` or ``configs/NAME.yaml``, where
        ``NAME`` is the name of a shipped configuration.

    Raises
    ------
    FileError
        If there is neither a file nor a shipped configuration of this name, or if the operating
        system cannot look up the path.
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
