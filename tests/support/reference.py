"""What the API reference is of: ``python -m tests.support.reference`` prints it for pdoc.

pdoc walks through the modules of a package by itself, unless the package has ``__all__``. The
modules of such packages are named, too.
"""

from __future__ import annotations

import importlib
import pkgutil

import sheafnet


def named() -> list[str]:
    """Return the packages and modules to be named to pdoc."""
    found = pkgutil.walk_packages(sheafnet.__path__, prefix="sheafnet.")
    names = [module.name for module in found if module.name != "sheafnet.__main__"]
    parents = {name: importlib.import_module(name.rpartition(".")[0]) for name in names}
    return ["sheafnet", *(name for name in names if hasattr(parents[name], "__all__"))]


if __name__ == "__main__":
    print("\n".join(named()))
