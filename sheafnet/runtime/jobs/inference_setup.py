"""The set-up of a run: it checks the user's settings and makes a problem from them."""

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
    """Check the settings of a run and return its problem.

    The arguments are those of ``sheafnet.api.infer``.

    Parameters
    ----------
    sheaf
        Sheaf to relax.
    pins
        Pins of the stalks. If there are no pins, all stalks are free.
    rule
        Rule by which the stalks are updated: a rule object, or the name of a rule.
    stop
        Conditions under which the run ends.
    init
        Stalks at the start: ``"random"``, ``"zeros"``, ``"forward"`` or a cochain.
    seed
        Seed of a random start; a whole number, at least 0.

    Raises
    ------
    UnknownNameError
        If ``rule`` is not the name of a rule; if a pin or ``init`` names a vertex that the sheaf
        does not have; or if ``init`` has no value for a free vertex.
    PinError
        If two hard pins hold the same coordinate at different values; if a pin names a coordinate
        that does not exist; if a pin names a coordinate twice; if the coordinates of a pin are an
        empty sequence or not whole numbers; or if the strength of a pin is not positive and finite.
    ShapeError
        If the value of a pin or a stalk of ``init`` does not have the shape that the sheaf needs,
        or if pins and ``init`` do not all have the same number of samples.
    EmptyBatchError
        If the value of a pin has no samples.
    NonFiniteError
        If the value of a pin contains NaN or infinity, or if ``init`` is ``"forward"`` and the
        forward pass overflows.
    SheafError
        If a restriction map returns an array of another shape than it declares.
    RuleError
        If the rule does not work on this sheaf with these pins.
    InputError
        If the value of a pin is not an array of real numbers; if ``init`` is neither a cochain nor
        ``"random"``, ``"zeros"`` or ``"forward"``; if ``init`` is ``"forward"`` and the pins do not
        determine a forward pass; or if ``init`` is ``"random"`` and the seed is negative or not a
        whole number.
    """
    # If no pin has a value for each sample, the number of samples is that of the cochain ``init``.
    resolved = resolve_pins(sheaf, pins, init.batch if isinstance(init, Cochain) else None)
    sheaf = sheaf.facing(wholly_held(resolved))
    chosen = as_rule(rule)
    chosen.check(sheaf, resolved)
    at = initial_cochain(sheaf, resolved, init, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # The run itself reports an overflow.
        sheaf.require_maps(at)
    return Problem(sheaf=sheaf, pins=resolved, start=at, rule=chosen, stop=stop)
