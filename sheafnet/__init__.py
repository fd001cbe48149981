"""sheafnet: neural sheaves as actors that exchange messages with their neighbours only.

Every public name is imported when it is first used, so that ``import sheafnet`` costs
nothing and only what is used needs to be installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sheafnet.core.coboundary import coboundary
    from sheafnet.core.cochain import Cochain
    from sheafnet.core.laplacian import harmonic_extension, laplacian
    from sheafnet.core.maps import (
        Affine,
        Identity,
        Linear,
        ReluGate,
        RestrictionMap,
        Sigmoid,
        Softmax,
    )
    from sheafnet.core.network import ReluNetwork
    from sheafnet.core.pins import Pin
    from sheafnet.core.sheaf import Edge, Sheaf
    from sheafnet.core.spectrum import relative_cohomology, spectrum
    from sheafnet.errors import SheafnetError

__version__ = "0.1.0"

_HOMES = {
    "sheafnet.core.coboundary": ("coboundary",),
    "sheafnet.core.cochain": ("Cochain",),
    "sheafnet.core.laplacian": ("harmonic_extension", "laplacian"),
    "sheafnet.core.maps": (
        "Affine",
        "Identity",
        "Linear",
        "ReluGate",
        "RestrictionMap",
        "Sigmoid",
        "Softmax",
    ),
    "sheafnet.core.network": ("ReluNetwork",),
    "sheafnet.core.pins": ("Pin",),
    "sheafnet.core.sheaf": ("Edge", "Sheaf"),
    "sheafnet.core.spectrum": ("relative_cohomology", "spectrum"),
    "sheafnet.errors": ("SheafnetError",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Affine",
    "Cochain",
    "Edge",
    "Identity",
    "Linear",
    "Pin",
    "ReluGate",
    "ReluNetwork",
    "RestrictionMap",
    "Sheaf",
    "SheafnetError",
    "Sigmoid",
    "Softmax",
    "coboundary",
    "harmonic_extension",
    "laplacian",
    "relative_cohomology",
    "spectrum",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sheafnet' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
