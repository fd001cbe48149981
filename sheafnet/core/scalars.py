"""Conversion of NumPy scalars in settings into Python numbers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def unbox(settings: Any) -> None:
    """Replace every NumPy scalar in the fields of a frozen dataclass by an equal Python number.

    Users often take settings from ``numpy.linspace`` and similar functions. A NumPy float32 would
    reduce the precision of virtual time. Compiled code accepts only Python's own ``int``.

    Parameters
    ----------
    settings
        A dataclass instance. Its fields are changed in place.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, np.generic):
            object.__setattr__(settings, field.name, value.item())
