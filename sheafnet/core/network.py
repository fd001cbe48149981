"""Feedforward ReLU networks, and the conversion of a network into its sheaf."""

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
"""Name of an output activation → class of its restriction map.

The value is None for the identity, since a network without an output activation has no output edge.
"""

FORMAT_VERSION = 1
"""Version of the set of arrays that ``ReluNetwork.save`` writes to an ``.npz`` file."""


class ReluNetwork:
    """A feedforward network of k + 1 affine layers, with a ReLU after each layer but the last.

    The last layer may be followed by an output activation. The width of layer l is n_l; n_0 is the
    number of inputs. Below, n_in and n_out are the widths before and after one layer.

    Parameters
    ----------
    weights
        Weight matrices W_1 … W_{k+1}, from the input to the output, each of shape (n_out, n_in).
    biases
        Biases b_1 … b_{k+1}, in the same order, each of shape (n_out,).
    output
        Output activation: ``"identity"`` (default), ``"sigmoid"`` or ``"softmax"``.

    Attributes
    ----------
    layers
        The affine maps x ↦ W_l x + b_l, one ``sheafnet.Affine`` per layer.
    output
        Name of the output activation.

    Raises
    ------
    InputError
        If there is no layer, if the name of the output activation is unknown, or if an array does
        not hold real numbers.
    ShapeError
        If a weight matrix is not two-dimensional; if a bias is not one-dimensional or its length is
        not the n_out of its layer; if the n_in of a layer is not the n_out of the layer before it;
        or if the number of biases is not the number of weight matrices.
    NonFiniteError
        If a weight or bias is NaN or infinite.
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
            Layer widths n_0 … n_{k+1}, from the input to the output; at least two, each at least
            1.
        seed
            A whole number, 0 or more, or a NumPy generator. The same number always gives the same
            network.
        output
            Output activation: ``"identity"`` (default), ``"sigmoid"`` or ``"softmax"``.

        Raises
        ------
        InputError
            If there are fewer than two widths, if a width is below 1, if the seed is negative, or
            if the name of the output activation is unknown.
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
        """Return a copy of the network with weights and biases in the given precision.

        Parameters
        ----------
        dtype
            Either float64 or float32.

        Raises
        ------
        InputError
            If ``dtype`` is neither float64 nor float32.
        NonFiniteError
            If a weight or bias overflows in float32.
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
        """The weight matrices W_1 … W_{k+1}, each of shape (n_out, n_in)."""
        return tuple(layer.matrix for layer in self.layers)

    @property
    def biases(self) -> tuple[Array, ...]:
        """The biases b_1 … b_{k+1}, each of shape (n_out,)."""
        return tuple(layer.bias for layer in self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """The layer widths n_0 … n_{k+1}, from the input to the output."""
        return (self.layers[0].matrix.shape[1], *(len(layer.bias) for layer in self.layers))

    @property
    def output_vertex(self) -> str:
        """Name of the last vertex: z{k+1}, or a{k+1} if there is an output activation."""
        return self._sheaf.vertices[-1]

    def to_sheaf(self, output_force: OutputForce = "auto", output_strength: float = 1.0) -> Sheaf:
        """Return the cellular sheaf of the network (Bosca & Ghrist 2026).

        Its graph is the path a0 – z1 – a1 – … – z{k+1}. If there is an output activation, the path
        has one more vertex, a{k+1}. Every head map is the identity. The tail map of the edge
        ``weight_l`` is a ↦ W_l a + b_l, the tail map of ``activation_l`` is the ReLU gate, and the
        tail map of ``output`` is the output activation.

        Parameters
        ----------
        output_force
            Name of the energy of the edge ``output``. The stalks at its ends are z and a, its tail
            map is the output activation φ, and its residual is r = φ(z) − a. ``"jacobian"`` selects
            ½‖r‖²; its gradient in z is Dφ(z)ᵀ r. ``"cross-entropy"`` selects the cross-entropy of
            the labels a; its gradient in z is r. The cross-entropy is meant for runs in which hard
            pins hold a{k+1}, because a free a{k+1} would still descend ½‖r‖². ``"auto"`` (default)
            selects the cross-entropy in a run that begins with every coordinate of a{k+1} held by
            hard pins, and ½‖r‖² in every other run. Without an output activation the argument is
            not used.
        output_strength
            Factor of the cross-entropy, positive; 1.0 by default. The energy ½‖r‖² is not scaled.

        Raises
        ------
        InputError
            If there is an output activation, and ``output_force`` is unknown or
            ``output_strength`` is not positive and finite.
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
        """Return the inputs and all intermediate quantities of a forward pass, as a cochain.

        Parameters
        ----------
        x
            Inputs, shape (n_0, batch).

        Returns
        -------
        sheafnet.Cochain
            One array (dim, batch) for each vertex of the sheaf, in the precision of the network.

        Raises
        ------
        InputError
            If ``x`` does not hold real numbers.
        ShapeError
            If ``x`` does not have the shape (n_0, batch).
        NonFiniteError
            If ``x`` holds NaN or infinity, or the forward pass overflows.
        EmptyBatchError
            If ``x`` has no samples.
        """
        inputs = checked_samples("input x", x, self.widths[0])
        return forward_cochain(self._sheaf, {naming.INPUT: inputs.astype(self._sheaf.dtype)})

    def forward(self, x: ArrayLike) -> Array:
        """Return the output of a forward pass.

        Parameters
        ----------
        x
            Inputs, shape (n_0, batch).

        Returns
        -------
        numpy.ndarray
            Shape (n_{k+1}, batch), after the output activation.

        Raises
        ------
        InputError
            If ``x`` does not hold real numbers.
        ShapeError
            If ``x`` does not have the shape (n_0, batch).
        NonFiniteError
            If ``x`` holds NaN or infinity, or the forward pass overflows.
        EmptyBatchError
            If ``x`` has no samples.
        """
        return self.forward_cochain(x)[self.output_vertex]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ``.npz`` file.

        The arrays in the file are W1, b1, W2, b2, …, output and format_version.

        Parameters
        ----------
        path
            Path of the file; an existing file is replaced.

        Raises
        ------
        WriteError
            If the file cannot be written.
        """
        arrays: dict[str, ArrayLike] = {"format_version": FORMAT_VERSION, "output": self.output}
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            arrays |= {f"W{layer}": W, f"b{layer}": b}
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ReluNetwork:
        """Return the network that is stored in an ``.npz`` file.

        The file must have the arrays that ``save`` writes, except that format_version may be
        missing. Other arrays in the file are ignored.

        Parameters
        ----------
        path
            Path of the file.

        Raises
        ------
        FileError
            If the file is missing, damaged or of another format version, or if a required array is
            not in the file.
        InputError
            If the name of the output activation is unknown, or if an array does not hold real
            numbers.
        ShapeError
            If a weight matrix is not two-dimensional; if a bias is not one-dimensional or its
            length is not the n_out of its layer; or if the n_in of a layer is not the n_out of the
            layer before it.
        NonFiniteError
            If a weight or bias is NaN or infinite.
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
