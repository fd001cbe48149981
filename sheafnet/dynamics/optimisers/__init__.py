"""Local optimisers, one a file: each keeps a state for one map, with the owner of that map."""

from __future__ import annotations

from sheafnet.dynamics.optimisers.adam import Adam
from sheafnet.dynamics.optimisers.kron import Kron
from sheafnet.dynamics.optimisers.optimiser import Learner, Memory, Optimiser, Schedule
from sheafnet.dynamics.optimisers.sgd import Sgd

__all__ = ["Adam", "Kron", "Learner", "Memory", "Optimiser", "Schedule", "Sgd"]
