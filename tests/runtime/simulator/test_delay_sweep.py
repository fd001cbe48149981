"""Linear convergence of the energy for every bound on the delays.

The logarithm of the energy falls along a straight line against time (Zhao et al. 2025,
arXiv 2510.00270).
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from sheafnet.cli.sweep import Energies
from sheafnet.config.builders.job import build_job
from sheafnet.config.load import load_config
from sheafnet.config.shipped import find_config

GRAPHS = {
    "regular": "{kind: regular, vertices: 20, degree: 4}",
    "erdos-renyi": "{kind: erdos-renyi, vertices: 20, probability: 0.3}",
    "star": "{kind: star, vertices: 20}",
}
BOUNDS = (1, 10, 50, 100, 200)


def curve(graph: str, bound: float) -> NDArray[np.float64]:
    """Return times and logarithms of the energy while it falls by eight decades, shape (2, n)."""
    overrides = [
        f"sheaf.graph={GRAPHS[graph]}",
        f"runtime.latency.high={bound}",
        f"runtime.report_interval={max(bound / 4, 1)}",
    ]
    observer = Energies()
    build_job(load_config(find_config("delay-sweep"), overrides)).prepare(observer).execute()
    times, energies = np.array(observer.curve).T
    top = int(energies.argmax())
    falling = (energies > 1e-8 * energies[top]) & (np.arange(len(energies)) >= top)
    return np.array([times[falling], np.log(energies[falling])])


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS)
def test_the_energy_falls_linearly_for_every_bound(graph: str) -> None:
    rates = []
    for bound in BOUNDS:
        times, logarithms = curve(graph, bound)
        assert times.size >= 10
        slope, start = np.polyfit(times, logarithms, 1)
        left = logarithms - (slope * times + start)
        assert slope < 0.0
        assert 1.0 - left.var() / logarithms.var() > 0.97  # share explained by the line
        rates.append(-slope)
    # From ten times the time of an update on, the delay dominates the run time.
    assert np.diff(rates[1:]).max() < 0.0
    per_delay = np.array(rates[2:]) * BOUNDS[2:]
    assert per_delay.max() < 2.0 * per_delay.min()
