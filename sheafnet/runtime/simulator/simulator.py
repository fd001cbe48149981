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
        Probability law of the delay of a frame, in virtual time. This setting and the next three
        apply to each direction of a link that is not in ``channels``. The default is a constant
        1.0.
    loss
        Probability that a frame is lost, at least 0 (default) and below 1.
    duplication
        Probability that a frame that is not lost arrives twice, from 0 (default) to 1.
    bandwidth
        Bytes that one direction carries in a unit of virtual time; positive and finite. None
        (default) sets no limit.
    channels
        (Sending host, receiving host) → ``Channel`` of that direction. Empty by default.
    partitions
        ``Partition`` objects: periods in which frames between some hosts are lost. The coordinator
        is never cut off. Empty by default.
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
        None (default) uses ``latency``.
    shuffle_ties
        Whether the order of events at the same time is drawn from the seed. This shows whether a
        result depends on this order. False (default) uses the fixed order of
        ``sheafnet.runtime.simulator.kernel.Priority``.
    trace
        Function that is called with every event as a line of text. With None (default) the events
        only enter the digest of the run.

    Raises
    ------
    InputError
        If ``seed`` is negative, if ``loss``, ``duplication`` or ``bandwidth`` is out of range, if
        ``compute`` or a factor in ``slow`` is not positive and finite, if ``window`` is below 1, if
        ``report_interval`` is not positive and finite, or if a restart or pause has a negative time
        ``at``, or a length that is negative or infinite.
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
            leaves out a vertex or lists one twice.
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
            leaves out a vertex or lists one twice.
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

        The first timeout of a host, after which it sends an unacknowledged frame again, is four
        times ``step_time``. If a setting names a host, the placement is checked as well.

        Parameters
        ----------
        problem
            The problem to run.

        Raises
        ------
        InputError
            If a setting names a host, and ``placement`` is an unknown string, leaves out a vertex
            or lists one twice.
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
