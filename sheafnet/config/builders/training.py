"""The builder of the optimiser that a configuration describes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sheafnet.config.schema.training import AdamSection, KronSection, SgdSection
from sheafnet.dynamics.optimisers import Adam, Kron, Optimiser, Sgd

_KINDS: dict[str, type[Optimiser]] = {"sgd": Sgd, "adam": Adam, "kron": Kron}


def build_optimiser(section: SgdSection | AdamSection | KronSection) -> Optimiser:
    """Return the optimiser that ``section`` describes."""
    kind = _KINDS[section.kind]
    settings: dict[str, Any] = {f.name: getattr(section, f.name) for f in fields(kind)}
    return kind(**settings)
