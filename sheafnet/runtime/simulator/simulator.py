"""The simulator: a runtime of hosts that exchange frames of bytes under virtual time."""

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
    """A runtime of simulated hosts, in one process: the same seed gives the same run, bit for bit.

    The hosts exchange frames of real bytes over links with delays and faults. By default every link
    has a latency of 1.0 and no faults.

    Parameters
    ----------
    seed
        Seed of all random streams of the network, a whole number of at least 0 (default). Each
        direction of each link has its own streams.
    latency
        Law of the delay of a frame, in virtual time, for each direction without a channel of its
        own. The default is a constant 1.0.
    loss
        Probability that a frame is lost, at least 0 (default) and below 1, for the same directions.
    duplication
        Probability that a frame arrives twice, from 0 (default) to 1, for the same directions.
    bandwidth
        Bytes in a unit of virtual time, positive and finite, for the same directions. None
        (default) sets no limit.
    channels
        (Sender, receiver) → ``Channel`` of that direction, with names of hosts. Empty by default.
    partitions
        ``Partition`` objects: periods in which frames between some hosts are lost. The coordinator
        is never cut off. Empty by default.
    compute
        Virtual time that one update of a vertex takes: a positive number (default 1.0), or a
        ``ComputeTime``.
    slow
        Host → positive factor by which its updates take longer. Empty by default.
    restarts
        ``Restart`` objects: crashes of hosts. Empty by default.
    pauses
        ``Pause`` objects: periods in which a host takes no step. Empty by default.
    placement
        Placement of the vertices: ``"by-layer"`` (default), ``"by-vertex"``, or host → its
        vertices; see ``sheafnet.runtime.hosts.placement.hosts_of``.
    window
        Number of unacknowledged frames that a host may have in flight to each peer, at least 1. The
        default is 4.
    report_interval
        Virtual time between the waves of the coordinator, positive and finite. The default is 20.
    report_latency
        Law of the delay of messages between hosts and coordinator. None (default) uses ``latency``.
    shuffle_ties
        Whether the seed draws the order of events at the same time, to expose dependence on this
        order. False (default) uses the fixed order of
        ``sheafnet.runtime.simulator.kernel.Priority``.
    trace
        Function that is called with every event as a line of text. None (default) computes only the
        digest of the events.

    Raises
    ------
    InputError
        If ``seed`` is negative; ``loss``, ``duplication`` or ``bandwidth`` is out of range;
        ``compute`` or a factor in ``slow`` is not positive and finite; ``window`` is below 1;
        ``report_interval`` is not positive and finite; or a restart or pause has a negative time or
        an infinite length.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Called after every wave.

        Raises
        ------
        InputError
            If ``seed`` is not a whole number, if there is no such placement, or if the placement
            leaves out a vertex or has one twice.
        UnknownNameError
            If the settings name an unknown host, or if the placement names an unknown vertex.
        """
        return self.simulation(problem).run(hooks)

    def simulation(self, problem: Problem) -> Simulation:
        """Return the simulation of ``problem`` before its first event.

        Parameters
        ----------
        problem
            The problem to run.

        Raises
        ------
        InputError
            If ``seed`` is not a whole number, if there is no such placement, or if the placement
            leaves out a vertex or has one twice.
        UnknownNameError
            If the settings name an unknown host, or if the placement names an unknown vertex.
        """
        deployment = self.deployment(problem)
        sink = None if self.trace is None else TextSink(self.trace)
        return Simulation(self, deployment, Trace(deployment.members, sink))

    def deployment(self, problem: Problem) -> Deployment:
        """Return the deployment of ``problem``.

        Its hosts wait four step times for their first acknowledgements.

        Parameters
        ----------
        problem
            The problem to run.

        Raises
        ------
        InputError
            If the settings name a host, and the placement is not valid for the sheaf.
        UnknownNameError
            If the settings name a host that does not exist.
        """
        send_policy = SendPolicy(4.0 * self.step_time(problem), self.window)
        deployment = Deployment(problem, f"simulated-{self.seed}", self.placement, send_policy)
        for name in self._named:
            if name not in deployment.members:
                hint = nearest(name, deployment.members)
                raise UnknownNameError(f"simulator: no host {name!r}{hint}")
        return deployment
