"""Local optimisers, one in a file, each with a state for every map that learns.

Each affine map is changed by its owner, the vertex at the tail of its edge, from the stalk and the
tension of that edge. ``sheafnet.dynamics.optimisers.optimiser`` holds the base class ``Optimiser``
(rate, schedule, warm-up, weight decay, bound on the step) and the state of one map,
``OptimiserState``. ``sheafnet.dynamics.optimisers.sgd``, ``sheafnet.dynamics.optimisers.adam`` and
``sheafnet.dynamics.optimisers.kron`` give the direction.

Invariants: an optimiser holds settings only and is shared by all vertices. Its state stays with the
owner of the map; it is saved in snapshots, but never sent to a neighbour. Directions use the mean
over the batch, t āᵀ/B with ā = [a; 1], tension t and batch size B. All numbers that a direction
needs in the next step must be in its arrays, since training resumes from them with the same bits.

## An optimiser of one's own

Write a frozen dataclass that extends ``sn.Optimiser``. Its method ``direction`` returns an object
as ``sheafnet.dynamics.optimisers.optimiser.Direction`` describes it: called with a stalk and a
tension, it returns the direction for [W b]; ``arrays`` returns its state. The base class
``Moments`` of the same module keeps such arrays and restores them. Settings of your own are
checked by ``checks``. The example steps by the signs of a running mean of gradients:

```python
from dataclasses import dataclass

import numpy as np
import sheafnet as sn
from sheafnet.dynamics.optimisers.optimiser import FRESH, Moments, gradient


@dataclass(frozen=True)
class Sign(sn.Optimiser):
    def direction(self, saved=FRESH):
        return SignOfMean(saved)


class SignOfMean(Moments):
    def __call__(self, stalk, tension):
        g = gradient(stalk, tension)
        mean = self._arrays.setdefault("mean", np.zeros_like(g))
        mean += 0.1 * (g - mean)
        self._steps += 1
        return np.sign(mean)


train, _ = sn.task("circular", seed=0)
net = sn.ReluNetwork.random([2, 25, 1], seed=0, output="sigmoid")
sign = Sign(0.01, schedule="cosine")
fit = sn.train(net, train.x, train.y, optimiser=sign, epochs=20, batch_size=60)
print(fit.history[-1].train_loss < 0.5 * fit.history[0].train_loss)  # True
```

An optimiser of this package also needs a section in ``sheafnet.config.schema.training``, an entry
in ``sheafnet.config.builders.training``, its name in `sheafnet/__init__.py` and a case in
`tests/campaigns/digests.py`.
"""

from __future__ import annotations

from sheafnet.dynamics.optimisers.adam import Adam
from sheafnet.dynamics.optimisers.kron import Kron
from sheafnet.dynamics.optimisers.optimiser import Optimiser, OptimiserState, SavedState, Schedule
from sheafnet.dynamics.optimisers.sgd import Sgd

__all__ = ["Adam", "Kron", "Optimiser", "OptimiserState", "SavedState", "Schedule", "Sgd"]
