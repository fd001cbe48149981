"""The simulator: real hosts and real bytes under virtual time."""

from __future__ import annotations

from dataclasses import dataclass

from sheafnet.errors import UnknownNameError, nearest
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.run_record import Record
from sheafnet.runtime.simulator.settings import SimulatorSettings
from sheafnet.runtime.simulator.simulation import Simulation
from sheafnet.runtime.simulator.trace import TextSink, Trace


@dataclass(frozen=True)
class Simulator(SimulatorSettings):
    """Runs a problem on simulated hosts, bit for bit the same for the same seed.

    Attributes
    ----------
    seed
        Of every delay and loss; each direction of each link has streams of its own.
    latency, loss, duplication, bandwidth
        Of every link that has no channel of its own; see ``Channel``.
    channels
        (Sender, receiver) → what happens to frames in that direction.
    partitions
        Times in which some hosts do not reach others. The coordinator reaches everybody.
    compute
        Virtual time that one update of a vertex takes: always the same, or see ``ComputeTime``.
    slow
        Host → by what factor its updates take longer.
    restarts
        Hosts that crash and come back.
    pauses
        Hosts that stand still for a while.
    placement
        ``"by-layer"``, ``"by-vertex"``, or host → its vertices; see ``hosts_of``.
    window
        Unacknowledged frames that a host may have on its way to each peer.
    report_interval
        Virtual time between the waves of the coordinator.
    report_latency
        Delays of what passes between hosts and coordinator; None takes ``latency``.
    shuffle_ties
        Whether events at the same time happen in an order that the seed draws, to find what
        depends on it, instead of the fixed one of ``kernel.Priority``.
    trace
        Is handed every line of the full trace; None keeps its digest only.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end, calling ``hooks`` after every wave.

        Raises
        ------
        UnknownNameError
            If a host is named that is not there.
        """
        return self.simulation(problem).run(hooks)

    def simulation(self, problem: Problem) -> Simulation:
        """Return the run of ``problem`` at its start, to be looked into event by event."""
        deployment = self.deployment(problem)
        sink = None if self.trace is None else TextSink(self.trace)
        return Simulation(self, deployment, Trace(deployment.members, sink))

    def deployment(self, problem: Problem) -> Deployment:
        """Return the deployment of ``problem``.

        Raises
        ------
        UnknownNameError
            If a host is named that is not there.
        """
        send_policy = SendPolicy(4.0 * self.step_time(problem), self.window)
        deployment = Deployment(problem, f"simulated-{self.seed}", self.placement, send_policy)
        for name in self._named:
            if name not in deployment.members:
                hint = nearest(name, deployment.members)
                raise UnknownNameError(f"simulator: no host {name!r}{hint}")
        return deployment
