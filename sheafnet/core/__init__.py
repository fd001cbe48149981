"""The mathematics of cellular sheaves on graphs: frozen data and pure functions.

## Neural sheaves

A feedforward ReLU network is a cellular sheaf on a path (Bosca & Ghrist, *Neural Networks as
Local-to-Global Computations*, [arXiv 2603.14831](https://arxiv.org/abs/2603.14831), 2026). Each
intermediate quantity is a **stalk** on a vertex. Each affine map, gate or output activation is an
edge. An edge has a stalk too, and two **restriction maps**, one from the stalk of each end into
the edge stalk. The values of the two maps are the **projections**, and their difference, tail minus
head, is the **residual** r of the edge. The mean of ‖r‖² over the batch is the **discord** of the
edge, and ½ Σ‖r‖² over all edges and samples is the **energy**. With the input pinned, the energy
of a network has one minimum, the **harmonic extension** of the input. This minimum is the forward
pass. In a run, each vertex lowers the energy of its own edges. A vertex holds its own stalk and
maps and the latest message of each neighbour. It has no reference to another vertex, the network or
the sheaf; tests check this.

Any sheaf on a graph works, not only networks:

```python
import sheafnet as sn

same, twice = sn.Identity(), sn.Linear([[2.0]])
triangle = sn.Sheaf(
    stalks={"u": 1, "v": 1, "w": 1},
    edges=[
        sn.Edge("uv", "u", "v", same, same),
        sn.Edge("vw", "v", "w", twice, same),
        sn.Edge("wu", "w", "u", same, twice),
    ],
)
sol = sn.infer(triangle, [sn.Pin("u", [[1.0]])])
best = sn.harmonic_extension(triangle, [sn.Pin("u", [[1.0]])])

print(abs(sol.cochain["w"] - best["w"]).item() < 1e-8)  # True
```

## Pinned neurons

A pin acts on all coordinates of a stalk or on some of them. It has one value for all samples, or
one value for each sample. A hard pin holds the coordinates at the value. A soft pin is an edge that
pulls the coordinates towards the value. A result lists the discords of soft pins in
``pin_discord``, and those of the other edges in ``discord``. A run changes the free coordinates,
that is, those that no hard pin holds, until the energy is stationary. A unit can come to rest at 0,
on the kink of its gate.

```python
import numpy as np
import sheafnet as sn

net = sn.ReluNetwork.random([2, 6, 4, 1], seed=1)
x = np.array([[0.5, 1.0, -0.3], [-1.0, 2.0, 0.8]])
pins = [
    sn.Pin("a0", x),
    sn.Pin("a1", 2.0, coords=[0]),  # hard: this neuron is 2 for every input
    sn.Pin("z3", [1.0], strength=0.1),  # soft: the output is pulled towards 1
]
sol = sn.infer(net.to_sheaf(), pins, rule="sor")

print(sol.cochain["a1"][0].tolist())  # [2.0, 2.0, 2.0]
print(net.forward(x).round(2).tolist())  # [[0.0, -0.16, 0.12]]
print(sol.cochain["z3"].round(2).tolist())  # [[0.29, 0.29, 0.41]]
print(sol.discord["weight_1"] > 0.1 > sol.discord["weight_2"])  # True
print(list(sol.pin_discord))  # ['pin_z3_0']
```

## Your own restriction map

Derive a class from ``sheafnet.core.maps.RestrictionMap`` and define four members: the dimension of
the edge stalk (``codomain_dim``), the value F(x) (``apply``), DF(x)ᵀ y (``pullback``), and a bound
on the curvature in x of ½‖F(x) − t‖², where t is the projection of the other end (``curvature``):

```python
import numpy as np
import sheafnet as sn

class Tanh(sn.RestrictionMap):
    is_elementwise = True

    def codomain_dim(self, domain_dim):
        return domain_dim

    def apply(self, x):
        return np.tanh(x)

    def pullback(self, x, y):
        return (1.0 - np.tanh(x) ** 2) * y

    @property
    def curvature(self):  # max |F'|² + max |F''|, for residuals up to 1
        return 1.0 + 4.0 / (3.0 * np.sqrt(3.0))

W, same = sn.Linear([[1.0, -1.0]]), sn.Identity()
sheaf = sn.Sheaf(
    {"x": 2, "z": 1, "a": 1},
    [sn.Edge("weight", "x", "z", W, same), sn.Edge("tanh", "z", "a", Tanh(), same)],
)
sol = sn.infer(sheaf, [sn.Pin("x", [[0.7], [0.2]])])

print(abs(sol.cochain["a"] - np.tanh(0.5)).item() < 1e-6)  # True
```

This map does not define ``prox``, the method that minimises the energy around a vertex. Therefore,
under the rules ``prox`` and ``sor``, a vertex with this map takes gradient steps. A map that
defines ``prox`` must set ``prox_weight`` too. Only a kink at 0 can be declared. For example, a hard
tanh has kinks at ±1. It works if only the input is pinned. If the output is pinned too, its units
cannot rest on these kinks.

## Reading order

1. A sheaf: ``sheafnet.core.graph``, ``sheafnet.core.maps``, ``sheafnet.core.outputs``,
   ``sheafnet.core.sheaf``, ``sheafnet.core.incidence``.
2. Stalks, pins and energy: ``sheafnet.core.cochain``, ``sheafnet.core.pins``,
   ``sheafnet.core.stalkpins``, ``sheafnet.core.local``, ``sheafnet.core.energy``.
3. Networks: ``sheafnet.core.naming``, ``sheafnet.core.network``, ``sheafnet.core.forward``,
   ``sheafnet.core.targets``, ``sheafnet.core.loss``.
4. Analysis of the whole sheaf: ``sheafnet.core.coboundary``, ``sheafnet.core.laplacian``,
   ``sheafnet.core.spectrum``, ``sheafnet.core.certificate``, ``sheafnet.core.theorems``.
5. Helpers: ``sheafnet.core.arrays``, ``sheafnet.core.npz``, ``sheafnet.core.scalars``.

## Invariants

- Arrays have the shape `(dim, batch)`. A residual is the tail's projection minus the head's.
- Only ``sheafnet.core.npz`` reads and writes files. Only
  ``sheafnet.core.network.ReluNetwork.random`` draws random numbers.
- The modules that a vertex uses (incidence, local, maps, stalkpins) must not import graph, sheaf,
  cochain or network.
"""
