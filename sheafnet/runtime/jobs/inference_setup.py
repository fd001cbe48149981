"""The set-up of a run: the user's settings are checked and made into a problem."""

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
    """Check the settings of a run and return its problem; see ``sheafnet.api.infer``.

    Parameters
    ----------
    sheaf
        Sheaf to relax.
    pins
        Pins of its stalks; none leaves all stalks free.
    rule
        Rule by which the stalks move: a rule with its settings, or the name of one.
    stop
        Conditions on which the run stops.
    init
        Stalks at the start: ``"random"``, ``"zeros"``, ``"forward"`` or a cochain.
    seed
        Seed of a random start; a whole number, at least 0.

    Raises
    ------
    UnknownNameError
        If there is no rule of that name, a pin or ``init`` names a vertex that the sheaf does not
        have, or ``init`` has no value for a free vertex.
    PinError
        If two hard pins hold a coordinate at different values, a pin names a coordinate that does
        not exist or names one twice, or its strength is not positive and finite.
    ShapeError
        If the value of a pin or a stalk in ``init`` does not fit the sheaf, or they differ in the
        number of samples.
    EmptyBatchError
        If the value of a pin has no samples.
    NonFiniteError
        If the value of a pin has NaN or infinity, or the forward pass overflows at the start.
    SheafError
        If a restriction map returns an array of another shape than it declares.
    RuleError
        If the rule does not work on this sheaf with these pins.
    InputError
        If there is no such ``init``, the pins do not determine a forward pass to start from, or
        the seed of a random start is negative or not whole.
    """
    # Pins whose values are the same for all samples take the number of samples from a cochain.
    resolved = resolve_pins(sheaf, pins, init.batch if isinstance(init, Cochain) else None)
    sheaf = sheaf.facing(wholly_held(resolved))
    chosen = as_rule(rule)
    chosen.check(sheaf, resolved)
    at = initial_cochain(sheaf, resolved, init, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # The run reports an overflow.
        sheaf.require_maps(at)
    return Problem(sheaf=sheaf, pins=resolved, start=at, rule=chosen, stop=stop)
