"""Settings given as NumPy scalars, such as those that ``np.linspace`` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

import sheafnet as sn
from tests.support import golden


def digest(number: Any, whole: Any, yes: Any) -> str | None:
    """Return the digest of a run whose settings have these types of float, integer and bool."""
    reference = golden.load("2-4-1-identity")
    runtime = sn.Simulator(
        seed=whole(3),
        window=whole(2),
        bandwidth=number(512.0),
        shuffle_ties=yes(True),
        report_interval=number(40.1),
        partitions=(sn.Partition(("layer_1",), number(5.1), number(20.3), every=number(60.7)),),
        restarts=(sn.Restart("layer_1", whole(30), down=whole(7)),),
        pauses=(sn.Pause("layer_2", whole(60), number(9.3)),),
    )
    stop = sn.Stop(number(1e-3), max_rounds=whole(10_000), max_time=number(1e6))
    return sn.infer(reference.sheaf, reference.pins, runtime=runtime, stop=stop).trace_digest


def test_numbers_of_numpy_are_the_numbers_that_they_are() -> None:
    assert digest(np.float64, np.int64, np.bool_) == digest(float, int, bool)
    assert digest(np.float32, np.int32, np.bool_) == digest(single, int, bool)


def test_settings_keep_no_scalar_of_numpy() -> None:
    # Equal digests do not prove this unless the package is compiled.
    simulator = sn.Simulator(seed=np.int64(3), report_interval=np.float32(2.5))  # type: ignore[arg-type]
    assert (type(simulator.seed), type(simulator.report_interval)) == (int, float)
    assert type(sn.Stop(max_time=np.float32(2.5)).max_time) is float  # type: ignore[arg-type]
    assert type(sn.Partition(("here",), np.float64(1.0), np.float64(2.0)).start) is float


def single(number: float) -> float:
    """Return the nearest number in single precision."""
    return float(np.float32(number))
