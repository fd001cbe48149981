"""Zhao et al. 2025 (arXiv 2510.00270): whatever the bound of the delays, the energy falls linearly.

That is, its logarithm falls along a straight line against time.
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


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_energy_falls_linearly_for_every_bound(graph: str) -> None:
    rates = []
    for bound in BOUNDS:
        times, logarithms = curve(graph, bound)
        assert times.size >= 10
        slope, start = np.polyfit(times, logarithms, 1)
        left = logarithms - (slope * times + start)
        assert slope < 0.0
        assert 1.0 - left.var() / logarithms.var() > 0.97  # of the variance is the line's
        rates.append(-slope)
    # From ten times an update on, the delay is what takes the time.
    assert np.diff(rates[1:]).max() < 0.0
    per_delay = np.array(rates[2:]) * BOUNDS[2:]
    assert per_delay.max() < 2.0 * per_delay.min()
