"""The contents of ``result.json``: the results of a run or a training as plain data."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import Any

import numpy as np

import sheafnet
from sheafnet.config.builders.job import InferJob
from sheafnet.core.certificate import error_bound
from sheafnet.core.cochain import Cochain
from sheafnet.core.loss import accuracy
from sheafnet.core.targets import one_hot
from sheafnet.errors import NonFiniteError
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.run_record import Record
from sheafnet.runtime.simulator.light_cone import LightCone

LARGEST_CERTIFIED = 300
"""Largest number of stalk coordinates for which the error bound is computed.

The bound needs λ1, the least eigenvalue of the Laplacian, which takes long on a large sheaf.
"""


def summary(job: InferJob, solution: Solution, cone: LightCone | None = None) -> dict[str, Any]:
    """Return the contents of ``result.json`` for a run.

    Parameters
    ----------
    job
        The job that was run.
    solution
        The solution of the run.
    cone
        The light cone of the push; None (default) if the configuration has no section
        ``light_cone``.

    Returns
    -------
    dict
        Key → plain data. The value of ``max_deviation_from_forward`` is None if there is no network
        or if its forward pass overflows. The keys ``accuracy`` and ``accuracy_of_forward`` exist
        only for a network with labelled samples, and the key ``light_cone`` only with ``cone``.
    """
    cochain = solution.cochain
    forward = forward_pass(job)
    result: dict[str, Any] = {
        "outcome": solution.outcome.name,
        "message": solution.message,
        "energy": solution.energy,
        "stationarity": solution.stationarity,
        "stationarity_by_vertex": dict(solution.stationarity_by_vertex),
        "error_bound": _error_bound(job, solution),
        "kinks": dict(solution.kinks),
        "discord": dict(solution.discord),
        "pin_discord": dict(solution.pin_discord),
        "max_deviation_from_forward": deviation(solution, forward),
        **_record(solution),
    }
    if cone is not None:
        result["light_cone"] = {
            "violations": list(cone.violations),
            "arrivals": {vertex: arrival._asdict() for vertex, arrival in cone.arrivals.items()},
        }
    network, labels = job.network, None if job.samples is None else job.samples.labels
    if network is not None and labels is not None:
        output, y = network.output, one_hot(labels, network.widths[-1])
        said = cochain[network.output_vertex]
        result["accuracy"] = accuracy(output, said, y)
        result["accuracy_of_forward"] = (
            None if forward is None else accuracy(output, forward[network.output_vertex], y)
        )
    return result


def fit_summary(fit: Fit) -> dict[str, Any]:
    """Return the contents of ``result.json`` for a training.

    Parameters
    ----------
    fit
        The result of the training.

    Returns
    -------
    dict
        Key → plain data. The values of ``step``, ``train``, ``test``, ``discord``, ``tension`` and
        ``step_norm`` come from the evaluation of the network that training returned.
    """
    last, record = fit.evaluation, fit.record
    return {
        "outcome": record.outcome.name,
        "diverged": fit.diverged,
        "stopped": fit.stopped,
        "step": last.step,
        "train": asdict(last.train),
        "test": None if last.test is None else asdict(last.test),
        "discord": dict(last.discord),
        "tension": dict(last.tension),
        "step_norm": dict(last.step_norm),
        **_record(record),
    }


def _record(record: Record) -> dict[str, Any]:
    """Return the part of ``result.json`` that is the same for runs and trainings."""
    return {
        "stats": asdict(record.stats),
        "ledger": [
            {"sender": sender, "receiver": receiver, "messages": count}
            for (sender, receiver), count in record.ledger.items()
        ],
        "edges": {edge: cost._asdict() for edge, cost in record.edges.items()},
        "hosts": {host: time._asdict() for host, time in record.hosts.items()},
        "trace_digest": record.trace_digest,
        "processes": {host: p._asdict() for host, p in record.processes.items()},
        "rollbacks": record.rollbacks,
        "recoveries": [recovery._asdict() for recovery in record.recoveries],
        "versions": {
            "sheafnet": sheafnet.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def deviation(solution: Solution, forward: Cochain | None) -> float | None:
    """Return the largest absolute difference between the final stalks and a forward pass.

    Parameters
    ----------
    solution
        The solution of the run.
    forward
        The forward pass; None if there is no network, or if its forward pass overflows.

    Returns
    -------
    float or None
        Maximum over vertices, coordinates and samples; None if ``forward`` is None.
    """
    if forward is None:
        return None
    return max(float(np.abs(solution.cochain[v] - forward[v]).max()) for v in forward)


def _error_bound(job: InferJob, solution: Solution) -> float | None:
    """Return an upper bound, for all samples, on the distance to a minimum of the energy.

    The result is None if the sheaf has more than ``LARGEST_CERTIFIED`` coordinates, or if the bound
    of a sample is infinite.
    """
    sheaf = job.sheaf
    if sum(sheaf.stalk_dim(v) for v in sheaf.vertices) > LARGEST_CERTIFIED:
        return None
    bound = float(error_bound(sheaf, job.pins, solution.cochain).max())
    return bound if np.isfinite(bound) else None


def forward_pass(job: InferJob) -> Cochain | None:
    """Return the forward pass of the samples; None without a network or if the pass overflows."""
    if job.network is None or job.samples is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            return job.network.forward_cochain(job.samples.inputs)
        except NonFiniteError:
            return None
