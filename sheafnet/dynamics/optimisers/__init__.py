"""Local optimisers, one in each file. An optimiser has a separate state for every updated map.

Each affine map is updated by its owner, the vertex at the tail of its edge. The owner uses its
stalk and the tension of the edge (the derivative of a sample's loss with respect to the projection
of the tail). ``sheafnet.dynamics.optimisers.optimiser`` holds the base class ``Optimiser`` (rate,
schedule, warm-up, weight decay, bound on an update) and the state for one map, ``OptimiserState``.
``sheafnet.dynamics.optimisers.sgd``, ``sheafnet.dynamics.optimisers.adam`` and
``sheafnet.dynamics.optimisers.kron`` compute the direction of an update.

Invariants: an optimiser holds settings only and is shared by all vertices. The state for a map
stays with the owner of the map; the state is saved in snapshots, but never sent to a neighbour.
Directions use the mean gradient over the batch, t āᵀ/B with ā = [a; 1], stalk a, tension t and
batch size B. Apart from the number of updates, a direction must keep in its arrays all numbers that
it needs for the next update: training that is resumed from these arrays must give the same bits.

## An optimiser of one's own

Write a frozen dataclass that extends ``sn.Optimiser``. Its method ``direction`` returns an object
that satisfies the protocol ``sheafnet.dynamics.optimisers.optimiser.Direction``. When this object
is called with a stalk and a tension, it returns the direction for [W b], where W a + b is the map;
its method ``arrays`` returns its state. The base class ``Moments`` of the same module keeps such
arrays and restores them. Override ``checks`` to check settings of your own. In the example, the
direction is the sign of a running mean of gradients:

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
