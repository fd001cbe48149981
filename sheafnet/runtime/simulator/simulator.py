"""The simulator: a runtime of hosts that exchange frames of bytes in virtual time."""

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
    """A runtime of simulated hosts in one process. The same seed gives the same run, bit for bit.

    The hosts exchange frames of bytes over links with delays and faults. By default every link has
    a latency of 1.0 and no faults.

    Parameters
    ----------
    seed
        Seed of all random streams of the network, a whole number of at least 0 (default). Each
        direction of each link has its own streams.
    latency
        Probability law of the delay of a frame, in virtual time. ``latency``, ``loss``,
        ``duplication`` and ``bandwidth`` apply to each direction of a link that is not in
        ``channels``. The default is a constant 1.0.
    loss
        Probability that a frame is lost, at least 0 (default) and below 1.
    duplication
        Probability that a frame that is not lost arrives twice, from 0 (default) to 1.
    bandwidth
        Bytes that one direction carries in a unit of virtual time; positive and finite. With None
        (default) there is no limit.
    channels
        (Sending host, receiving host) → ``Channel`` of that direction. Empty by default.
    partitions
        ``Partition`` objects: periods in which frames between some hosts are lost. Messages
        from and to the coordinator are not lost. Empty by default.
    compute
        Virtual time that one update of a vertex takes: a positive number (default 1.0), or a
        ``ComputeTime``.
    slow
        Host → positive factor by which the durations of its steps are multiplied; 1 for hosts that
        are not listed. Empty by default.
    restarts
        ``Restart`` objects: crashes of hosts. Empty by default.
    pauses
        ``Pause`` objects: periods in which a host takes no step. Empty by default.
    placement
        Placement of the vertices on hosts: ``"by-layer"`` (default), ``"by-vertex"``, or a mapping
        host → its vertices; see ``sheafnet.runtime.hosts.placement.hosts_of``.
    window
        Largest number of frames that a host may have in flight (sent and not acknowledged) to each
        other host, at least 1. The default is 4.
    report_interval
        Virtual time from the end of one wave to the start of the next (a wave: the coordinator asks
        every host once for a report); positive and finite. The default is 20.
    report_latency
        Probability law of the delay of messages between hosts and coordinator, in virtual time.
        With None (default) it is ``latency``.
    shuffle_ties
        Whether events at the same time happen in a random order, drawn from the seed. Runs with
        several seeds show whether a result depends on this order. With False (default) the order is
        that of ``sheafnet.runtime.simulator.kernel.Priority``.
    trace
        Function that is called with every event of the trace, as a line of text. With None
        (default) the run computes only the digest of its trace.

    Raises
    ------
    InputError
        If ``seed`` is negative, if ``loss``, ``duplication`` or ``bandwidth`` is out of range, if
        ``compute`` or a factor in ``slow`` is not positive and finite, if ``window`` is below 1, if
        ``report_interval`` is not positive and finite, if ``at`` of a restart or pause is negative,
        or if ``down`` of a restart or ``lasts`` of a pause is negative or infinite.
    """

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record of the run.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Hooks that are called after every wave.

        Raises
        ------
        InputError
            If ``seed`` is not a whole number, if ``placement`` is an unknown string, or if it
            leaves out a vertex or lists a vertex twice.
        UnknownNameError
            If a setting names a host that does not exist, or if ``placement`` names a vertex that
            does not exist.
        RuleError
            If the rule cannot begin at a vertex.
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
            If ``seed`` is not a whole number, if ``placement`` is an unknown string, or if it
            leaves out a vertex or lists a vertex twice.
        UnknownNameError
            If a setting names a host that does not exist, or if ``placement`` names a vertex that
            does not exist.
        RuleError
            If the rule cannot begin at a vertex.
        """
        deployment = self.deployment(problem)
        sink = None if self.trace is None else TextSink(self.trace)
        return Simulation(self, deployment, Trace(deployment.members, sink))

    def deployment(self, problem: Problem) -> Deployment:
        """Return the deployment of ``problem``: the placement of its vertices on simulated hosts.

        A host sends a frame again if it is not acknowledged within a timeout. The first timeout of
        a host is four times ``step_time``. The placement is checked only if a setting names a host.

        Parameters
        ----------
        problem
            The problem to run.

        Raises
        ------
        InputError
            If a setting names a host, and ``placement`` is an unknown string, or leaves out a
            vertex, or lists a vertex twice.
        UnknownNameError
            If a setting names a host that does not exist, or if a setting names a host and
            ``placement`` names a vertex that does not exist.
        """
        send_policy = SendPolicy(4.0 * self.step_time(problem), self.window)
        deployment = Deployment(problem, f"simulated-{self.seed}", self.placement, send_policy)
        for name in self._named:
            if name not in deployment.members:
                hint = nearest(name, deployment.members)
                raise UnknownNameError(f"simulator: no host {name!r}{hint}")
        return deployment
