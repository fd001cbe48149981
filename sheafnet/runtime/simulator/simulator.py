"""The simulator: real hosts and real bytes under virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sheafnet.dynamics.problem import Problem
from sheafnet.dynamics.record import Record
from sheafnet.dynamics.watch import Watch
from sheafnet.errors import InputError, UnknownNameError, nearest
from sheafnet.runtime.outbox import Patience
from sheafnet.runtime.placement import Placement
from sheafnet.runtime.roster import Roster
from sheafnet.runtime.simulator.latency import Constant, Latency
from sheafnet.runtime.simulator.simulation import Simulation
from sheafnet.runtime.simulator.trace import Trace

DEFAULT_LATENCY = Constant(1.0)


@dataclass(frozen=True)
class Restart:
    """A host loses everything at a time, and comes back later in its next life.

    Attributes
    ----------
    host
        Which.
    at
        Virtual time of the crash.
    down
        How long it is away; what arrives meanwhile is lost.
    """

    host: str
    at: float
    down: float = 10.0


@dataclass(frozen=True)
class Simulator:
    """Runs a problem on simulated hosts, bit for bit the same for the same seed.

    Attributes
    ----------
    seed
        Of every delay and loss; each direction of each link has streams of its own.
    latency
        How long a frame is on its way, in units of virtual time.
    loss
        Probability that a frame never arrives, 0 up to but not 1.
    compute
        Virtual time that one update of a vertex takes.
    slow
        Host → by what factor its updates take longer.
    restarts
        Hosts that crash and come back.
    placement
        ``"by-layer"``, ``"by-vertex"``, or host → its vertices; see ``place``.
    window
        Unacknowledged frames that a host may have on its way to each peer.
    report_interval
        Virtual time between the waves of the coordinator.
    report_latency
        Delays of what passes between hosts and coordinator; None takes ``latency``.
    trace
        Is handed every line of the full trace; None keeps its digest only.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    seed: int = 0
    latency: Latency = DEFAULT_LATENCY
    loss: float = 0.0
    compute: float = 1.0
    slow: Mapping[str, float] = field(default_factory=dict)
    restarts: tuple[Restart, ...] = ()
    placement: Placement = "by-layer"
    window: int = 4
    report_interval: float = 20.0
    report_latency: Latency | None = None
    trace: Callable[[str], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        factors = list(self.slow.values())
        checks = {
            "seed must be 0 or more": self.seed >= 0,
            "loss must be at least 0 and below 1": 0.0 <= self.loss < 1.0,
            "compute must be positive": 0.0 < self.compute < math.inf,
            "factors of slow hosts must be positive": all(0.0 < f < math.inf for f in factors),
            "window must be at least 1": self.window >= 1,
            "report_interval must be positive": 0.0 < self.report_interval < math.inf,
            "restarts must be at 0 or later and last 0 or longer": all(
                r.at >= 0.0 and r.down >= 0.0 for r in self.restarts
            ),
        }
        for rule, holds in checks.items():
            if not holds:
                raise InputError(f"simulator: {rule}")

    def run(self, problem: Problem, watch: Watch) -> Record:
        """Run ``problem`` to its end, asking ``watch`` after every wave whether to go on.

        Raises
        ------
        UnknownNameError
            If a slow or restarted host is not there.
        """
        return self.simulation(problem).run(watch)

    def simulation(self, problem: Problem) -> Simulation:
        """Return the run of ``problem`` at its start, to be looked into event by event."""
        slowest = self.compute * max(self.slow.values(), default=1.0)
        patience = Patience(4.0 * (self.latency.expected() + slowest), self.window)
        roster = Roster(problem, f"simulated-{self.seed}", self.placement, patience)
        for name in (*self.slow, *(restart.host for restart in self.restarts)):
            if name not in roster.members:
                hint = nearest(name, roster.members)
                raise UnknownNameError(f"simulator: no host {name!r}{hint}")
        return Simulation(self, roster, Trace(list(roster.members), self.trace))
