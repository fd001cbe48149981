"""Feedforward ReLU networks, and the sheaf of one."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from sheafnet.core import naming
from sheafnet.core.arrays import FLOAT_TYPES, Array, checked_samples
from sheafnet.core.cochain import Cochain
from sheafnet.core.forward import forward_cochain
from sheafnet.core.maps import Affine, Identity, ReluGate
from sheafnet.core.npz import read_npz, write_npz
from sheafnet.core.outputs import OutputActivation, OutputForce, Sigmoid, Softmax
from sheafnet.core.sheaf import Edge, Sheaf
from sheafnet.errors import FileError, InputError, ShapeError, nearest

OUTPUTS: dict[str, type[OutputActivation] | None] = {
    "identity": None,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
}
FORMAT_VERSION = 1


class ReluNetwork:
    """A feedforward network with ReLU between its affine layers.

    Parameters
    ----------
    weights
        W_1 … W_{k+1}, each of shape (n_out, n_in).
    biases
        b_1 … b_{k+1}, each of shape (n_out,).
    output
        Output activation: ``"identity"``, ``"sigmoid"`` or ``"softmax"``.

    Raises
    ------
    ShapeError
        If the arrays do not chain, or are not as many biases as weights.
    NonFiniteError
        If a weight or bias is NaN or infinite.
    InputError
        If there is no layer, or no such output.
    """

    def __init__(
        self, weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], output: str = "identity"
    ) -> None:
        if output not in OUTPUTS:
            raise InputError(f"no output activation {output!r}{nearest(output, OUTPUTS)}")
        if not len(weights):
            raise InputError("a network needs at least one weight matrix")
        if len(weights) != len(biases):
            raise ShapeError(f"{len(weights)} weight matrices but {len(biases)} biases")
        self.output = output
        self.layers = tuple(
            Affine(W, b, names=(f"W{layer}", f"b{layer}"))
            for layer, (W, b) in enumerate(zip(weights, biases, strict=True), 1)
        )
        for below, above in pairwise(self.layers):
            above.codomain_dim(len(below.bias))
        self._sheaf = self._build_sheaf("auto")

    @classmethod
    def random(
        cls,
        widths: Sequence[int],
        seed: int | np.random.Generator,
        output: str = "identity",
    ) -> ReluNetwork:
        """Return a network with He weights (normal, variance 2/n_in) and zero biases.

        Parameters
        ----------
        widths
            n_0 … n_{k+1}.
        seed
            A seed or a generator; the same seed gives the same network.
        output
            Output activation.
        """
        if len(widths) < 2 or min(widths) < 1:  # noqa: PLR2004
            raise InputError(f"widths {list(widths)}: at least two layers, each of width 1 or more")
        if not isinstance(seed, np.random.Generator) and seed < 0:
            raise InputError(f"seed {seed}: expected a whole number, 0 or more")
        rng = np.random.default_rng(seed)
        pairs = list(pairwise(widths))
        weights = [rng.standard_normal((out, into)) * np.sqrt(2.0 / into) for into, out in pairs]
        return cls(weights, [np.zeros(out) for _, out in pairs], output)

    def astype(self, dtype: DTypeLike) -> ReluNetwork:
        """Return the network in another precision: float64 or float32.

        Raises ``InputError`` for any other.
        """
        if np.dtype(dtype) not in FLOAT_TYPES:
            raise InputError(f"a network cannot be of {np.dtype(dtype)}; use float64 or float32")
        return ReluNetwork(
            [W.astype(dtype) for W in self.weights],
            [b.astype(dtype) for b in self.biases],
            self.output,
        )

    @property
    def weights(self) -> tuple[Array, ...]:
        """W_1 … W_{k+1}."""
        return tuple(layer.matrix for layer in self.layers)

    @property
    def biases(self) -> tuple[Array, ...]:
        """b_1 … b_{k+1}."""
        return tuple(layer.bias for layer in self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """n_0 … n_{k+1}."""
        return (self.layers[0].matrix.shape[1], *(len(layer.bias) for layer in self.layers))

    @property
    def output_vertex(self) -> str:
        """Name of the last vertex: z{k+1}, or a{k+1} behind an output activation."""
        return self._sheaf.vertices[-1]

    def to_sheaf(self, output_force: OutputForce = "auto", output_strength: float = 1.0) -> Sheaf:
        """Return the cellular sheaf of the network (Bosca & Ghrist 2026).

        The path a0 – z1 – a1 – … – z{k+1} (– a{k+1}), where every head restricts by the
        identity and the tails of ``weight_l``, ``activation_l`` and ``output`` by
        W_l a + b_l, the ReLU gate and the output activation.

        Parameters
        ----------
        output_force
            What an output activation φ makes of its residual r = φ(z) − a: ``"jacobian"`` pulls
            z with Dφᵀ r, the force of ½‖r‖²; ``"cross-entropy"`` with r; ``"auto"`` is the
            latter in a run that begins with a{k+1} pinned hard, else the former.
        output_strength
            By which the cross-entropy is multiplied.

        Raises
        ------
        InputError
            If there is no such force, or the strength is not positive.
        """
        if output_force == "auto" and output_strength == 1.0:
            return self._sheaf
        return self._build_sheaf(output_force, output_strength)

    def _build_sheaf(self, output_force: OutputForce, output_strength: float = 1.0) -> Sheaf:
        widths = self.widths
        last = len(self.layers)
        stalks = {naming.INPUT: widths[0]}
        edges = []
        same = Identity()
        for layer, affine in enumerate(self.layers, 1):
            z, a = naming.preactivation(layer), naming.activation(layer)
            stalks[z] = widths[layer]
            tail = naming.activation(layer - 1)
            edges.append(Edge(naming.weight_edge(layer), tail, z, affine, same))
            output = OUTPUTS[self.output]
            if layer < last:
                stalks[a] = widths[layer]
                edges.append(Edge(naming.activation_edge(layer), z, a, ReluGate(), same))
            elif output is not None:
                stalks[a] = widths[layer]
                phi = output(output_force, output_strength)
                edges.append(Edge(naming.OUTPUT_EDGE, z, a, phi, same))
        return Sheaf(stalks, edges)

    def forward_cochain(self, x: ArrayLike) -> Cochain:
        """Return every intermediate quantity of the forward pass of ``x`` (n_0, batch)."""
        inputs = checked_samples("input x", x, self.widths[0])
        return forward_cochain(self._sheaf, {naming.INPUT: inputs.astype(self._sheaf.dtype)})

    def forward(self, x: ArrayLike) -> Array:
        """Return the output, shape (n_{k+1}, batch), for ``x`` of shape (n_0, batch)."""
        return self.forward_cochain(x)[self.output_vertex]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ``.npz`` file: W1, b1, …, output, format_version."""
        arrays: dict[str, ArrayLike] = {"format_version": FORMAT_VERSION, "output": self.output}
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            arrays |= {f"W{layer}": W, f"b{layer}": b}
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ReluNetwork:
        """Read a network from an ``.npz`` file; other arrays in it are ignored.

        Raises
        ------
        FileError
            If the file is missing, damaged, of a later version, or lacks an array.
        InputError
            As the constructor, with the file's name in front.
        """
        arrays = read_npz(path)
        version = arrays.get("format_version", np.array(FORMAT_VERSION))
        if not np.array_equal(version, FORMAT_VERSION):
            raise FileError(f"{path}: network format version {version}; this is {FORMAT_VERSION}")
        numbered = [int(m[1]) for key in arrays if (m := re.fullmatch(r"[Wb]([1-9]\d*)", key))]
        layers = range(1, max(numbered, default=1) + 1)
        required = [f"{array}{layer}" for layer in layers for array in "Wb"] + ["output"]
        missing = [key for key in required if key not in arrays]
        if missing:
            raise FileError(f"{path}: not a network: no array {', '.join(missing)}")
        try:
            return cls(
                [arrays[f"W{layer}"] for layer in layers],
                [arrays[f"b{layer}"] for layer in layers],
                str(arrays["output"]),
            )
        except InputError as error:
            raise type(error)(f"{path}: {error}") from None
