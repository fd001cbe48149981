"""Numbers among settings, as Python has them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def unbox(settings: DataclassInstance) -> None:
    """Have every NumPy scalar in a frozen dataclass be the number of Python that it is.

    Settings come out of ``numpy.linspace`` and the like. Virtual time would go on in the precision
    of one of them, and compiled code refuses an ``int`` that is none.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, np.generic):
            object.__setattr__(settings, field.name, value.item())
