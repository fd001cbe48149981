"""The completeness of the digests: every rule, optimiser and kind of run has one."""

from __future__ import annotations

import sheafnet as sn
from sheafnet.dynamics.optimisers import Optimiser
from sheafnet.dynamics.rules import RULES
from tests.campaigns import digests


def test_every_rule_and_optimiser_has_a_digest() -> None:
    learning = [*digests.TRAINING.values(), *digests.JOINT.values()]
    rules = {type(rule) for rule, _ in digests.INFERENCE.values()}
    rules |= {type(settings["rule"]) for settings in learning}
    assert rules == {*RULES.values(), sn.Joint}, "add the rule to tests/campaigns/digests.py"
    optimisers = {type(settings.get("optimiser")) for settings in learning} - {type(None)}
    missing = "add the optimiser to tests/campaigns/digests.py"
    assert optimisers == set(Optimiser.__subclasses__()), missing


def test_every_case_is_one_of_its_own_and_repeats_itself() -> None:
    names = [case.name for case in digests.cases()]
    assert len(set(names)) == len(names)
    cases = {case.name: case for case in digests.cases()}
    for name in ("coboundary, simulator", "nudged sgd, lockstep", "joint, simulator"):
        assert cases[name].digest() == cases[name].digest()
