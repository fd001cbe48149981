"""The rules, one a file, and their names."""

from __future__ import annotations

from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules.active_set import ActiveSet
from sheafnet.dynamics.rules.coboundary import Coboundary
from sheafnet.dynamics.rules.heat import Heat
from sheafnet.dynamics.rules.joint import Joint
from sheafnet.dynamics.rules.nudged import Nudged
from sheafnet.dynamics.rules.prox import Prox
from sheafnet.dynamics.rules.relax import Relax
from sheafnet.dynamics.rules.sor import Sor
from sheafnet.errors import UnknownNameError, nearest

RULES: dict[str, type[Rule]] = {
    "prox": Prox,
    "sor": Sor,
    "heat": Heat,
    "coboundary": Coboundary,
    "active-set": ActiveSet,
    "nudged": Nudged,
    "relax": Relax,
}


def as_rule(rule: str | Rule) -> Rule:
    """Return ``rule``, or the rule of that name with its default settings."""
    if isinstance(rule, Rule):
        return rule
    if rule not in RULES:
        raise UnknownNameError(f"no rule {rule!r}{nearest(str(rule), RULES)}")
    return RULES[rule]()


__all__ = [
    "RULES",
    "ActiveSet",
    "Coboundary",
    "Heat",
    "Joint",
    "Nudged",
    "Prox",
    "Relax",
    "Sor",
    "as_rule",
]
