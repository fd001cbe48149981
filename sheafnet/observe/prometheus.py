"""Prometheus metrics of a run, served over HTTP while the run goes on.

A report of progress is only stored, so that the run loses no time. The metrics are computed from
the last report when Prometheus asks for them (a scrape). Each run has its own registry and server.
Its series end when the run ends. (A series is the sequence of values of one metric for one
combination of labels.)
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import sheafnet
from sheafnet.core.naming import edge_operation, vertex_layer
from sheafnet.dynamics.inbox import STALENESS_CLASSES
from sheafnet.errors import InputError
from sheafnet.observe.files import write_text
from sheafnet.observe.jsonlines import to_json
from sheafnet.runtime.jobs.observer import Observer
from sheafnet.runtime.jobs.results import Fit, Solution
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import Progress
from sheafnet.runtime.run_record import Evaluation
from sheafnet.runtime.stop import Outcome

LOGGER = logging.getLogger("sheafnet")
METRICS: Mapping[str, tuple[str, ...]] = {
    "sheafnet_build_info": ("version",),
    "sheafnet_converged": (),
    "sheafnet_energy": (),
    "sheafnet_edge_discord": ("edge", "operation", "layer"),
    "sheafnet_stationarity": ("vertex",),
    "sheafnet_vertex_updates_total": ("vertex",),
    "sheafnet_messages_total": ("edge", "direction"),
    "sheafnet_message_staleness_updates": (),
    "sheafnet_frame_bytes_total": ("sender", "receiver"),
    "sheafnet_frames_refused_total": ("reason",),
    "sheafnet_host_restarts_total": ("host",),
    "sheafnet_training_loss": ("split",),
    "sheafnet_edge_tension": ("edge",),
    "sheafnet_map_update_norm": ("edge",),
    "sheafnet_inactive_units": ("layer",),
}
"""Name of every exported metric → names of the labels of this metric."""

MOST_SERIES = 2000
ANYWHERE = ("", "0.0.0.0", "::")
Rows: TypeAlias = Mapping[tuple[str, ...], float]

OTHER = "other"
"""Value of the label ``layer`` for an edge or vertex whose name does not contain a layer."""

_BOUNDS = [*(str(float(2**n - 1)) for n in range(STALENESS_CLASSES - 1)), "+Inf"]


@dataclass(frozen=True)
class Names:
    """The labels of the edges and vertices of a sheaf.

    Attributes
    ----------
    edge
        Edge → value of the label ``edge``.
    vertex
        Vertex → value of the label ``vertex``.
    tails
        Edge → the vertex at its tail.
    """

    edge: Mapping[str, str]
    vertex: Mapping[str, str]
    tails: Mapping[str, str]

    @classmethod
    def of(cls, problem: Problem, most: int) -> Names:
        """Return the labels of all edges and vertices: their names, or their layers.

        If the names would give too many series, the layers are used, and a warning is logged.

        Parameters
        ----------
        problem
            The problem whose sheaf has the edges and vertices.
        most
            Largest number of series for which the names are used. The number of series is
            estimated as four for each edge plus two for each vertex.
        """
        sheaf = problem.sheaf
        tails = {edge.name: edge.tail for edge in sheaf.edges}
        if 4 * len(sheaf.edges) + 2 * len(sheaf.vertices) <= most:
            return cls({e: e for e in tails}, {v: v for v in sheaf.vertices}, tails)
        LOGGER.warning(
            "%d edges and %d vertices are too many for one series each: metrics are by layer",
            len(sheaf.edges),
            len(sheaf.vertices),
        )
        return cls(
            {e: f"layer_{edge_operation(e).layer or OTHER}" for e in tails},
            {v: f"layer_{vertex_layer(v) or OTHER}" for v in sheaf.vertices},
            tails,
        )


class Metrics(Observer):
    """An observer that serves the metrics of a run over HTTP.

    Parameters
    ----------
    port
        TCP port to listen on, from 0 to 65535; 0 takes any free port.
    address
        Network address to listen at. The default ``"127.0.0.1"`` can be reached from this machine
        only; ``"0.0.0.0"`` can be reached from other machines as well.
    linger
        Seconds for which the last values stay available after the end of the run, so that
        Prometheus can read them once more; 0 by default.
    targets
        Paths of the files that this observer writes for Prometheus's file-based service discovery.
        They have the address of the metrics, and exist while the metrics are served. By default no
        file is written.
    run
        Name of the run, empty by default. It is the label ``run`` in the files ``targets``.
    most_series
        Largest number of series (approximately), at least 1; 2,000 by default. If there were more,
        all edges of a layer get the same label, and so do all vertices of a layer. Discord, tension
        and counts are then sums over the layer, and stationarity is the maximum over the layer.
    """

    travels = True

    def __init__(
        self,
        port: int,
        *,
        address: str = "127.0.0.1",
        linger: float = 0.0,
        targets: Sequence[Path] = (),
        run: str = "",
        most_series: int = MOST_SERIES,
    ) -> None:
        self._port = port
        self._address = address
        self._linger = linger
        self._targets = tuple(targets)
        self._run = run
        self._most_series = most_series
        self._latest: _Latest | None = None
        self._server: tuple[WSGIServer, threading.Thread] | None = None

    def started(self, problem: Problem) -> None:
        """Begin to serve the metrics, and write the files ``targets``.

        Raises
        ------
        InputError
            If the port or the address is not available.
        WriteError
            If one of the files ``targets`` cannot be written.
        """
        self._latest = _Latest(Names.of(problem, self._most_series), problem.learns)
        registry = CollectorRegistry()
        registry.register(self._latest)
        try:
            self._server = start_http_server(self._port, self._address, registry)
        except OSError as error:
            raise InputError(
                f"metrics: cannot listen on port {self._port} of {self._address!r} "
                f"({error.strerror}); choose another, or 0 for any that is free"
            ) from error
        host = socket.gethostname() if self._address in ANYWHERE else self._address
        labels = {"job": "sheafnet", "run": self._run}
        entry = {"targets": [f"{host}:{self._server[0].server_port}"], "labels": labels}
        for path in self._targets:
            write_text(path, to_json([entry], indent=2) + "\n")

    def progressed(self, progress: Progress) -> None:
        """Store the progress. The next metrics are computed from it."""
        if self._latest is not None:
            self._latest.progress, self._latest.solution = progress, None

    def settled(self, solution: Solution) -> None:
        """Store the solution of a stay run. Metrics use it until progress is reported again."""
        if self._latest is not None:
            self._latest.solution = solution

    def ended(self, solution: Solution) -> None:
        """Serve the values of the solution for ``linger`` seconds, then stop the server."""
        if self._latest is not None:
            self._latest.solution = solution
        self._lingered()

    def _lingered(self) -> None:
        if self._latest is not None and self._linger:
            threading.Event().wait(self._linger)
        self._close()

    def evaluated(self, evaluation: Evaluation) -> None:
        """Store the evaluation. The next metrics of training are computed from it."""
        if self._latest is not None:
            self._latest.evaluation = evaluation

    def trained(self, fit: Fit) -> None:  # noqa: ARG002
        """Serve the last values for ``linger`` seconds, then stop the server."""
        self._lingered()

    def failed(self, error: BaseException) -> None:  # noqa: ARG002
        """Stop serving the metrics."""
        self._close()

    def _close(self) -> None:
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = self._latest = None
        for path in self._targets:
            path.unlink(missing_ok=True)


@dataclass(eq=False)  # The registry needs collectors that can be hashed.
class _Latest(Collector):
    """The latest progress, solution and evaluation of a run; ``collect`` computes the metrics."""

    names: Names
    learns: bool
    progress: Progress | None = None
    solution: Solution | None = None
    evaluation: Evaluation | None = None

    def collect(self) -> Iterator[Metric]:
        yield _gauge("build_info", "Version of sheafnet.", {(sheafnet.__version__,): 1.0})
        progress, solution = self.progress, self.solution
        if not self.learns:
            ended = solution is not None and solution.outcome is Outcome.CONVERGED
            converged = ended or (solution is None and progress is not None and progress.converged)
            yield _gauge("converged", "1 if every vertex is stationary.", {(): float(converged)})
        if progress is None:
            return
        yield from self._state(solution or progress)
        yield from self._work(progress)
        yield from self._training(progress)

    def _state(self, now: Progress | Solution) -> Iterator[Metric]:
        names = self.names
        yield _gauge("energy", "½ Σ ‖r‖² over edges and samples.", {(): now.energy})
        yield _gauge(
            "edge_discord",
            "Mean over the batch of ‖r‖².",
            _grouped(now.discord, lambda e: (names.edge[e], *edge_operation(e)), sum),
        )
        if self.learns:  # In training no vertex has to become stationary.
            return
        forces = now.stationarity_by_vertex if isinstance(now, Solution) else now.stationarity
        yield _gauge(
            "stationarity",
            "Largest |∇E| over coordinates and samples.",
            _grouped(forces, lambda v: (names.vertex[v],), max),
        )

    def _training(self, progress: Progress) -> Iterator[Metric]:
        names, evaluation = self.names, self.evaluation
        if progress.edge_stats:
            for name, text, values in (
                ("edge_tension", "Mean over the batch of ‖t‖².", "tension"),
                ("map_update_norm", "Norm of the last step of a map.", "step_norm"),
            ):
                seen = {e: float(getattr(it, values)) for e, it in progress.edge_stats.items()}
                yield _gauge(name, text, _grouped(seen, lambda e: (names.edge[e],), sum))
        if evaluation is not None:
            splits = {"train": evaluation.train, "test": evaluation.test}
            losses: Rows = {(split,): it.loss for split, it in splits.items() if it is not None}
            yield _gauge(
                "training_loss", "Mean loss over the samples at the last evaluation.", losses
            )
            inactive: Rows = {
                (vertex_layer(v) or OTHER,): float(n) for v, n in evaluation.train.inactive.items()
            }
            yield _gauge(
                "inactive_units", "Hidden units that are inactive for all samples.", inactive
            )

    def _work(self, progress: Progress) -> Iterator[Metric]:
        names, counters = self.names, progress.counters
        yield _counter(
            "vertex_updates",
            "Steps of a vertex.",
            _grouped(counters.updates, lambda v: (names.vertex[v],), sum),
        )
        messages: Counter[tuple[str, ...]] = Counter()
        for (edge, sender, _), count in counters.delivered.items():
            direction = "forward" if names.tails[edge] == sender else "backward"
            messages[names.edge[edge], direction] += count
        yield _counter(
            "messages",
            "Messages that their receiver accepted, because they were newer than the last one.",
            messages,
        )
        counts = accumulate(counters.staleness)
        yield HistogramMetricFamily(
            "sheafnet_message_staleness_updates",
            "Steps of a sender between two messages accepted from it, beyond the first.",
            buckets=[(bound, float(n)) for bound, n in zip(_BOUNDS, counts, strict=True)],
            sum_value=float(counters.staleness_sum),
        )
        frame_bytes: Rows = {pair: float(n) for pair, n in counters.frame_bytes.items()}
        yield _counter("frame_bytes", "Bytes sent between hosts.", frame_bytes)
        refused: Rows = {(reason,): float(n) for reason, n in counters.refused.items()}
        yield _counter("frames_refused", "Frames and messages that a host refused.", refused)
        restarts: Rows = {(host,): float(n) for host, n in progress.restarts.items()}
        yield _counter("host_restarts", "How often a host was lost and restarted.", restarts)


def _gauge(name: str, text: str, rows: Rows) -> Metric:
    """Return a gauge (a metric that can fall) with a value for each tuple of label values."""
    name = f"sheafnet_{name}"
    family = GaugeMetricFamily(name, text, labels=METRICS[name])
    for labels, value in rows.items():
        family.add_metric(labels, value)
    return family


def _counter(name: str, text: str, rows: Rows) -> Metric:
    """Return a counter (a metric that cannot fall) with a value for each tuple of label values."""
    name = f"sheafnet_{name}"
    family = CounterMetricFamily(name, text, labels=METRICS[f"{name}_total"])
    for labels, value in rows.items():
        family.add_metric(labels, value)
    return family


def _grouped(
    values: Mapping[str, float],
    label: Callable[[str], tuple[str, ...]],
    join: Callable[[Iterable[float]], float],
) -> Rows:
    """Return label values → ``join`` of the values of all names that have these label values."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for name, value in values.items():
        groups.setdefault(label(name), []).append(value)
    return {labels: join(group) for labels, group in groups.items()}
