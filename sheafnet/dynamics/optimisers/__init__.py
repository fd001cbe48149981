"""Local optimisers, one a file: each keeps a state for one map, with the owner of that map."""

from __future__ import annotations

from sheafnet.dynamics.optimisers.adam import Adam
from sheafnet.dynamics.optimisers.kron import Kron
from sheafnet.dynamics.optimisers.optimiser import Optimiser, OptimiserState, SavedState, Schedule
from sheafnet.dynamics.optimisers.sgd import Sgd

__all__ = ["Adam", "Kron", "Optimiser", "OptimiserState", "SavedState", "Schedule", "Sgd"]
