"""The mathematics of cellular sheaves on graphs: frozen data and pure functions.

## Neural sheaves

A feedforward ReLU network is a cellular sheaf on a path (Bosca & Ghrist, *Neural Networks as
Local-to-Global Computations*, [arXiv 2603.14831](https://arxiv.org/abs/2603.14831), 2026). Each
intermediate quantity is a **stalk** on a vertex. Each affine, activation or output step is an edge
with two **restriction maps** into its edge stalk. The two projections differ by the **residual** r
of the edge; the mean of ‖r‖² over the batch is its **discord**, and ½ Σ‖r‖² is the energy. With
the input pinned, the energy has one minimum, the **harmonic extension** of the input, which is the
forward pass. In a run, each vertex descends the energy of its own edges. It holds its own stalk and
maps and the latest message of each neighbour, and cannot reach another vertex, the network or the
sheaf; tests check this.

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

A pin acts on a stalk or some coordinates, with one value for all samples or one for each. A hard
pin holds them. A soft pin is an edge that pulls; its discord is listed separately. The free
coordinates settle between the pins. A unit pulled onto the kink of its gate comes to rest there.

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

Derive from ``sheafnet.core.maps.RestrictionMap`` and define the dimension of the edge stalk, F(x),
DF(x)ᵀ y, and a bound on the curvature of ½‖F(x) − t‖²:

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

Without ``prox``, a vertex with this map takes gradient steps; a map with ``prox`` sets
``prox_weight`` too. Only kinks at 0 can be declared: a hard tanh works with the input pinned, but
with both ends pinned its units cannot rest on the kinks at ±1.

## Reading order

1. A sheaf: ``sheafnet.core.graph``, ``sheafnet.core.maps``, ``sheafnet.core.outputs``,
   ``sheafnet.core.sheaf``, ``sheafnet.core.incidence``.
2. Its states: ``sheafnet.core.cochain``, ``sheafnet.core.pins``, ``sheafnet.core.stalkpins``,
   ``sheafnet.core.local``, ``sheafnet.core.energy``.
3. Networks: ``sheafnet.core.naming``, ``sheafnet.core.network``, ``sheafnet.core.forward``,
   ``sheafnet.core.targets``, ``sheafnet.core.loss``.
4. Analysis of the whole sheaf: ``sheafnet.core.coboundary``, ``sheafnet.core.laplacian``,
   ``sheafnet.core.spectrum``, ``sheafnet.core.certificate``, ``sheafnet.core.theorems``.
5. Helpers: ``sheafnet.core.arrays``, ``sheafnet.core.npz``, ``sheafnet.core.scalars``.

## Invariants

- Arrays are `(dim, batch)`. A residual is tail minus head.
- Only ``sheafnet.core.npz`` touches files. Only ``sheafnet.core.network.ReluNetwork.random`` draws
  random numbers.
- What a vertex uses (incidence, local, maps, stalkpins) must not import graph, sheaf, cochain or
  network.
"""
