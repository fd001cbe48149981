"""The set-up of a run: its problem, from the settings of a user."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sheafnet.core.cochain import Cochain
from sheafnet.core.pins import Pin, resolve_pins
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import wholly_held
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import as_rule
from sheafnet.runtime.jobs.initial import Init, initial_cochain
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.stop import Stop


def relaxation_problem(
    sheaf: Sheaf, pins: Iterable[Pin], rule: str | Rule, stop: Stop, init: Init, seed: int
) -> Problem:
    """Check what is to be relaxed and return the problem that it is; see ``api.infer``.

    Raises
    ------
    InputError
        If something given is wrong; the subclass and the message say what.
    """
    # Values that are the same for all samples take the batch of a start that is given.
    resolved = resolve_pins(sheaf, pins, init.batch if isinstance(init, Cochain) else None)
    sheaf = sheaf.facing(wholly_held(resolved))
    chosen = as_rule(rule)
    chosen.check(sheaf, resolved)
    at = initial_cochain(sheaf, resolved, init, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is the run's to report
        sheaf.require_maps(at)
    return Problem(sheaf=sheaf, pins=resolved, start=at, rule=chosen, stop=stop)
