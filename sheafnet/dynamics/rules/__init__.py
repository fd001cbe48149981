"""The rules, one in each file, and their names.

A rule determines how a vertex computes its new stalk from its present stalk and the latest messages
of its neighbours. `sn.infer` accepts one of the names below, or an object with settings, such
as `sn.Sor(omega=1.5)`.

- `prox`, ``sn.Prox``, the default: x ← the stalk for which the energy of the vertex's own edges and
  pins is least, while the neighbours' projections are kept fixed. Where a gate causes two local
  minima, the rule takes the lower one. With `branch="keep"` it takes the one that the heat flow
  would reach. *Use it* for any graph, any pins and any delay. Where delays are long, a host
  postpones the small steps of its vertices until its frames (bytes with messages to another host)
  are acknowledged. This can reduce the number of steps to a fifth.
- `sor`, ``sn.Sor``: x ← x + ω (prox − x), where prox is the minimiser of the rule `prox`; with
  ω > 1 the step goes beyond the minimiser. Vertices take turns: two neighbours never step at the
  same time. Each vertex estimates its own ω from the ratio of the norms of its successive steps.
  *Use it* for the fewest rounds and messages among the rules that accept any pins. One slow vertex
  delays all other vertices.
- `active-set`, ``sn.ActiveSet``: exact solves, one for each *activation pattern* that is tried (the
  pattern tells which units are active, inactive or on their kink). A solve is a block elimination
  along the path: each vertex sends towards the input the minimum of the energy over all stalks
  nearer to the output. The next pattern is determined from the solution. *Use it* for paths of
  affine maps and ReLU gates with the input held and the output held or free. A few solves give the
  solution up to rounding, also with both ends pinned. In that case `heat` with a `dt` may oscillate
  without end.
- `heat`, ``sn.Heat``: x ← x − η ∇E, from the vertex's own stalk and its neighbours' projections.
  Each vertex takes η = 0.99/d, where d bounds the curvature of its own edges and pins. If `dt` is
  set, all vertices take η = `dt`, as in the Euler steps of Bosca & Ghrist 2026. *Use it* for the
  flow of their paper.
- `coboundary`, ``sn.Coboundary``: x ← the projection of the tail. *Use it* where only the input is
  pinned. It computes the forward pass by messages, in as many rounds as there are free vertices.

``sn.Nudged``, ``sn.Relax`` and ``sn.Joint`` also update maps. They are for ``sn.train``; see
``sheafnet.dynamics.training``.

## A rule of one's own

A rule is a frozen dataclass that makes a program for each vertex. The following rule is gradient
descent with momentum:

```python
from dataclasses import dataclass

import numpy as np
import sheafnet as sn


@dataclass(frozen=True)
class HeavyBall(sn.Rule):
    momentum: float = 0.6

    def start(self, star):
        return Ball(star, self.momentum)


class Ball(sn.Program):
    def __init__(self, star, momentum):
        self.momentum, self.eta = momentum, star.longest_step
        self.velocity = np.zeros_like(star.stalk)

    def ready(self, star, inbox):
        return not star.pinned and star.received_all(inbox)

    def step(self, star, inbox):
        if star.stationarity(inbox) <= star.send_threshold:
            return sn.Step(None)
        self.velocity = self.momentum * self.velocity - self.eta * star.descent(inbox)
        return sn.Step(star.stalk + self.velocity)


net = sn.ReluNetwork.random([2, 8, 8, 1], seed=0)
x = np.random.default_rng(0).standard_normal((2, 5))
lossy = sn.Simulator(seed=1, loss=0.2, latency=sn.Exponential(2.0))
sol = sn.infer(net.to_sheaf(), [sn.Pin("a0", x)], rule=HeavyBall(), runtime=lossy)
deviation = np.abs(sol.cochain["z3"] - net.forward(x)).max()
print(sol.outcome.name)  # CONVERGED
print(bool(deviation < 1e-6))  # True
```

- ``sn.Rule`` holds settings that all vertices share. ``start`` makes the program of one vertex;
  ``check`` may refuse a problem; ``fitted`` may choose settings for it.
- ``sn.Program`` is the state machine of one vertex. ``ready`` returns whether the vertex can step;
  ``step`` computes the step. A program may keep state of its own, here the velocity.
- ``sn.Step`` is the result of a step: the new stalk and, if needed, further messages or new maps.
- ``sn.Star`` is what the vertex can see: stalk, maps, pins, projections, and the force on it, the
  part of −∇E that can move it (``descent`` is its negative). A program must not change the star.
- ``sn.Inbox`` has the newest message of each neighbour. The methods of the star read it.

**A step that would change nothing must return ``Step(None)``.** A vertex that moved in its last
step is runnable (it may step without a new message), and its host is not idle. A run on hosts ends
only when every vertex is stationary and every host is idle. Therefore a program that always moves
keeps the run from ending, unless the rule has `takes_turns`. A step is not needed if no force
exceeds ``send_threshold``. After ``Step(None)`` the vertex steps again when a message arrives.

Where the package is compiled, a program must return exactly the declared types: `ready` a `bool`,
not a `numpy.bool_`. A rule does not converge merely because it is local. Check that its steps lower
the energy also when the neighbours' projections are old.

Runtimes read the following class attributes of a rule; ``sn.Rule`` documents them in full:

| attribute | meaning if true (or its value) | default |
|---|---|---|
| `remedy` | advice in the message of a run that diverged | "lower the step …" |
| `growth_limit` | growth of the largest force that counts as divergence | 1e12 |
| `is_exact` | the forces become exactly 0 under the rule | false |
| `may_withhold` | projections that have hardly changed need not be sent | true |
| `may_wait` | a host may postpone small steps until it receives an acknowledgement | false |
| `relaxes` | ``sn.Relax`` and ``sn.Joint`` can use the rule to move stalks | false |
| `takes_turns` | neighbours never step at the same time, and every step sends messages | false |

A rule of this package is also listed in ``RULES``, and has a section in
``sheafnet.config.schema.rules`` and a case in `tests/campaigns/digests.py`.
"""

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
"""Name → class of the rule, for the rules that can be constructed without arguments."""


def as_rule(rule: str | Rule) -> Rule:
    """Return ``rule`` itself, or the rule of that name with its default settings.

    Parameters
    ----------
    rule
        A rule, or a name in ``RULES``.

    Raises
    ------
    UnknownNameError
        If there is no rule of that name.
    """
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
