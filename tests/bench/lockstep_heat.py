"""Cost of a lockstep heat round beside a bare NumPy loop that does the same arithmetic.

    python -m tests.bench.lockstep_heat

Both relax the same network with the input pinned, each vertex with its step 0.99/d. The bare loop
has access to the whole network. Once a round it computes every projection, residual, force and
step, and the largest force for the stop condition; the projection of the pinned input it computes
once, as the vertices do. The command prints the median ratio of interleaved repetitions.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

import sheafnet as sn

CASES = [((64, 32, 32, 10), 64, 400), ((784, 512, 512, 10), 256, 100)]
REPETITIONS = 9
TINY = 1e-300  # A stationarity that is never reached, so that every case runs all its rounds.


def bare_loop(
    net: sn.ReluNetwork, start: sn.Cochain, rounds: int, dt: float | None = None
) -> dict[str, np.ndarray]:
    """Relax ``net`` in bare NumPy and return every stalk.

    Parameters
    ----------
    net
        The network.
    start
        The cochain at the start; its a0 is pinned.
    rounds
        Number of rounds.
    dt
        Step of all vertices; None (default) takes those of ``sn.Heat()``.
    """
    weights = dict(enumerate(net.weights, 1))
    biases = {n: b[:, None] for n, b in enumerate(net.biases, 1)}
    last = len(weights)
    z = {layer: start[f"z{layer}"].copy() for layer in range(1, last + 1)}
    a = {layer: start[f"a{layer}"].copy() for layer in range(last)}
    eta_z = {layer: dt or 0.99 / (2.0 if layer < last else 1.0) for layer in z}
    eta_a = {n: dt or 0.99 / (1.0 + net.layers[n].curvature) for n in range(1, last)}
    into = {1: weights[1] @ a[0] + biases[1]}
    below = {n: z[n] < 0.0 for n in range(1, last)}
    passed = {n: np.zeros(z[n].shape, dtype=bool) for n in range(1, last)}
    for _ in range(rounds):
        for n in range(1, last):
            into[n + 1] = weights[n + 1] @ a[n] + biases[n + 1]
        gate = {n: np.maximum(z[n], 0.0) for n in range(1, last)}
        worst = 0.0
        force_z, force_a = {}, {}
        for n in range(1, last + 1):
            force_z[n] = z[n] - into[n]
            if n < last:
                add_gate(force_z[n], z[n], gate[n] - a[n], settles=dt is None)
            worst = max(worst, force_z[n].max(), -force_z[n].min())
        for n in range(1, last):
            force_a[n] = weights[n + 1].T @ (into[n + 1] - z[n + 1])
            force_a[n] += a[n] - gate[n]
            worst = max(worst, force_a[n].max(), -force_a[n].min())
        if worst <= TINY:
            break
        for n, force in force_z.items():
            np.multiply(force, eta_z[n], out=force)
            z[n] -= force
            if dt is None and n < last:
                below[n], passed[n] = left_on_kink(z[n], below[n], passed[n])
        for n, force in force_a.items():
            np.multiply(force, eta_a[n], out=force)
            a[n] -= force
    return {f"z{n}": x for n, x in z.items()} | {f"a{n}": x for n, x in a.items()}


def add_gate(force: np.ndarray, z: np.ndarray, pull: np.ndarray, *, settles: bool) -> None:
    """Add the force of an activation edge; at a kink keep only the part that can move the unit."""
    force += pull * (z >= 0.0)
    if settles and not z.all():
        at = np.flatnonzero(z == 0.0)
        to_right = force.flat[at]
        to_left = to_right - pull.flat[at]
        upward = -to_right >= to_left
        force.flat[at] = np.where(upward, np.minimum(to_right, 0.0), np.maximum(to_left, 0.0))


def left_on_kink(
    z: np.ndarray, below: np.ndarray, passed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Set units to 0 that have crossed 0 in two successive steps.

    Returns which units are below 0, and which crossed 0 in this step.
    """
    now = z < 0.0
    passing = now ^ below
    again = passing & passed
    if again.any():
        z[again] = 0.0
        now &= ~again
        passing &= ~again
    return now, passing


def main() -> None:
    """Run every case and print its ratio."""
    for widths, batch, rounds in CASES:
        net = sn.ReluNetwork.random(widths, seed=0)
        sheaf = net.to_sheaf()
        rng = np.random.default_rng(1)
        start = sn.Cochain(
            {v: rng.standard_normal((sheaf.stalk_dim(v), batch)) for v in sheaf.vertices}
        )
        pins = [sn.Pin("a0", start["a0"])]
        stop = sn.Stop(stationarity=TINY, max_rounds=rounds)

        def ours() -> sn.Solution:
            return sn.infer(sheaf, pins, rule="heat", init=start, stop=stop)  # noqa: B023

        theirs = bare_loop(net, start, rounds)
        solution = ours()
        difference = max(float(np.abs(solution.cochain[v] - theirs[v]).max()) for v in theirs)
        times: list[tuple[float, float]] = []
        for _ in range(REPETITIONS):
            began = time.perf_counter()
            ours()
            middle = time.perf_counter()
            bare_loop(net, start, rounds)
            times.append((middle - began, time.perf_counter() - middle))
        ratio = statistics.median(mine / bare for mine, bare in times)
        mine, bare = (
            statistics.median(column) / rounds * 1e6 for column in zip(*times, strict=True)
        )
        print(
            f"{'-'.join(map(str, widths))}, batch {batch}: {mine:.0f} µs a round, bare loop "
            f"{bare:.0f} µs, median ratio {ratio:.2f} (stalks differ by {difference:.1e})"
        )


if __name__ == "__main__":
    main()
