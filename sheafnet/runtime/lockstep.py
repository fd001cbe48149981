"""The lockstep runtime: all vertices step in rounds. Other runtimes are compared with it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.cochain import Cochain
from sheafnet.core.maps import RestrictionMap
from sheafnet.core.sheaf import Sheaf
from sheafnet.core.stalkpins import Pins
from sheafnet.dynamics.group import Group
from sheafnet.dynamics.rule import Rule
from sheafnet.errors import InputError, nearest
from sheafnet.runtime.divergence import DivergenceGuard
from sheafnet.runtime.interface import RunHooks
from sheafnet.runtime.problem import Problem
from sheafnet.runtime.progress import EdgeView, Progress
from sheafnet.runtime.run_record import Record, record_of
from sheafnet.runtime.snapshot import SnapshotAssembler
from sheafnet.runtime.stop import Outcome

Schedule = Literal["all", "alternating"]


@dataclass(frozen=True)
class Lockstep:
    """A runtime under which all vertices step in rounds, in the calling process.

    First, all vertices exchange their projections. Then every vertex steps once in each round
    (twice under ``sn.Nudged`` and ``sn.Relax``). The messages of the vertices that step together
    are delivered before any vertex steps again.

    Parameters
    ----------
    schedule
        ``"all"`` (default): all vertices step together and use the messages of the round before.
        ``"alternating"``: the graph is coloured so that neighbours differ (two colours on a path
        or grid). The vertices of one colour step together; then the vertices of the next colour
        step and use the new messages. A rule whose vertices take turns, such as ``sn.Sor``, always
        alternates. A rule may also fix the order itself: under ``sn.Nudged`` and ``sn.Relax`` the
        vertices step one after the other, from the input to the output and back, so that each
        vertex has two turns in a round.

    Raises
    ------
    InputError
        If ``schedule`` is neither ``"all"`` nor ``"alternating"``.
    """

    schedule: Schedule = "all"

    def __post_init__(self) -> None:
        schedules = get_args(Schedule)
        if self.schedule not in schedules:
            hint = nearest(self.schedule, schedules)
            raise InputError(f"lockstep: no schedule {self.schedule!r}{hint}")

    def run(self, problem: Problem, hooks: RunHooks) -> Record:
        """Run ``problem`` to its end and return the record.

        Parameters
        ----------
        problem
            The problem to run.
        hooks
            Hooks that are called between rounds.

        Raises
        ------
        RuleError
            If the rule has no program for a vertex; see ``sheafnet.dynamics.rule.Rule.start``.
        """
        # A run that diverges may overflow before the divergence guard checks the forces. The guard
        # ends such a run, so the warnings of NumPy are not needed.
        with np.errstate(over="ignore", invalid="ignore"):
            return _Rounds(problem, self.turns(problem.sheaf, problem.rule)).run(hooks)

    def turns(self, sheaf: Sheaf, rule: Rule) -> list[Sequence[str]]:
        """Return the turns of a round, in order of time.

        A turn is a list of vertices that step together.

        Parameters
        ----------
        sheaf
            The sheaf whose vertices step.
        rule
            The rule of the run; it may fix the turns.
        """
        turns = rule.turns(sheaf)
        if turns is not None:
            return turns
        if self.schedule == "all" and not rule.takes_turns:
            return [sheaf.vertices]
        colours = sheaf.graph.colouring()
        return [[v for v in sheaf.vertices if colours[v] == c] for c in sorted({*colours.values()})]


class _Rounds:
    """One run in lockstep: its vertices, its rounds so far, and its last finite stalks and maps."""

    def __init__(self, problem: Problem, turns: list[Sequence[str]]) -> None:
        self.problem = problem
        self.turns = turns
        self.group = Group(problem.vertices())
        self.rounds = 0
        self.finite: dict[str, Array] = self.group.stalks()
        self.maps = self.learned()
        # Largest number of batches that a vertex still has to learn from: after the last round, and
        # after the round before.
        self.left = 0
        self.before: float = np.inf
        self.snapshots = SnapshotAssembler(edge.name for edge in problem.sheaf.edges)
        self.digest = hashlib.blake2b(digest_size=16)

    def run(self, hooks: RunHooks) -> Record:
        self.group.deliver(self.group.start())
        self.measure()
        guard = DivergenceGuard(self.worst, self.problem.rule.growth_limit)
        while True:
            pins = hooks.new_pins()
            if pins is not None:
                self.set_pins(pins)
                guard = DivergenceGuard(self.worst, self.problem.rule.growth_limit)
            if guard.trips(self.worst):
                return self.record(Outcome.DIVERGED, self.divergence())
            self.keep()
            self.hand_over(hooks)
            outcome = self.outcome(hooks)
            if outcome is Outcome.CONVERGED and self.problem.stop.stay:
                hooks.on_settled(self.record(outcome, outcome.value))
                hooks.wait_for_change()
                if not hooks.stopping:
                    continue
            if outcome is not None:
                if self.problem.learns_in_steps and outcome is not Outcome.CONVERGED:
                    self.drain(hooks)
                    if guard.trips(self.worst):
                        return self.record(Outcome.DIVERGED, self.divergence())
                return self.record(outcome, outcome.value)
            self.advance()

    def advance(self) -> None:
        """Carry out one round: the vertices of each turn step, one turn after the other."""
        for turn in self.turns:
            self.group.deliver(self.group.step(turn))
        self.rounds += 1
        self.measure()

    def drain(self, hooks: RunHooks) -> None:
        """Finish the batches in flight, so that all maps are those after the same step."""
        self.group.drain()
        while np.isfinite(self.worst) and any(v.ready for v in self.group.vertices.values()):
            self.advance()
        self.keep()
        self.hand_over(hooks)

    def set_pins(self, pins: Pins) -> None:
        """Replace the pins of all vertices, before the next round."""
        self.problem = self.problem.with_pins(pins)
        constraints = {name: self.problem.constraint(name) for name in self.group.vertices}
        self.group.deliver(self.group.set_pins(constraints, self.problem.fitted_rule.start))
        self.measure()

    def keep(self) -> None:
        """Store the present stalks and maps as the last finite ones.

        Under a rule that learns from batches they are stored only after a round that has completed
        a step of training. The result of an unfinished step may turn out not to be finite.
        """
        if not self.problem.learns_in_steps or (
            np.isfinite(self.worst) and self.left < self.before
        ):
            self.finite, self.maps = self.group.stalks(), self.learned()
        self.before = self.left

    def hand_over(self, hooks: RunHooks) -> None:
        """Pass complete snapshots to the hooks, and drop their edge states at the vertices."""
        if self.problem.learns_in_steps:
            for snapshot in self.snapshots.add(self.group.edge_states(), float(self.rounds)):
                hooks.on_snapshot(snapshot)
                self.group.forget(snapshot.step)

    def learned(self) -> dict[str, RestrictionMap]:
        """Return edge → the map at its tail; an empty dict if the rule does not change maps."""
        return self.group.maps() if self.problem.learns else {}

    def measure(self) -> None:
        """Measure every vertex, and add the measurements to the digest.

        Called when all messages have been delivered. The stationarity of each vertex is stored,
        and the largest number of batches from which a vertex still has to learn. The digest
        receives one number for each vertex: the stationarity or, under a rule that learns in
        steps, the larger of the stationarity and the number of batches left.
        """
        self.stationarity = self.group.stationarity()
        ahead = list(self.stationarity.values())
        # NaN counts as infinite. Every comparison with NaN is false, so ``max`` could miss it.
        self.worst = max(np.inf if force != force else force for force in ahead)
        if self.problem.learns_in_steps:
            left = self.group.batches_left().values()
            self.left = max(left)
            ahead = list(map(max, ahead, left))
        self.digest.update(struct.pack(f"<{len(ahead)}d", *ahead))

    def outcome(self, hooks: RunHooks) -> Outcome | None:
        """Return the outcome if the run ends after this round; None if it continues."""
        stop = self.problem.stop
        done = self.worst <= self.problem.tolerance and not self.left
        if self.problem.ends_when_stationary and done:
            return Outcome.CONVERGED
        if self.rounds >= stop.max_rounds:
            return Outcome.BUDGET_EXHAUSTED
        if stop.max_time is not None and self.rounds >= stop.max_time:
            return Outcome.BUDGET_EXHAUSTED
        hooks.on_round(self.rounds, self.progress)
        return Outcome.STOPPED if hooks.stopping else None

    def progress(self) -> Progress:
        view = EdgeView.of(self.group, self.group.counters(), self.maps)
        return Progress.of(
            [view],
            [view.counters],
            rounds=self.rounds,
            stationarity=self.stationarity,
            batches_left=self.left,
            time=float(self.rounds),
        )

    def divergence(self) -> str:
        """Return a message about the vertex with the largest force; NaN counts as infinite."""
        name = max(
            self.stationarity,
            key=lambda v: s if (s := self.stationarity[v]) == s else np.inf,
        )
        return self.problem.divergence(self.group.vertices[name].trouble)

    def record(self, outcome: Outcome, message: str) -> Record:
        cochain = Cochain(self.finite)
        digest = self.digest.copy()
        for vertex in cochain:
            digest.update(cochain[vertex].tobytes())
        for learned in self.maps.values():
            digest.update(learned.contents())
        return record_of(
            self.group.counters(),
            self.rounds,
            float(self.rounds),
            outcome=outcome,
            message=message,
            cochain=cochain,
            trace_digest=digest.hexdigest(),
            pins=self.problem.pins,
            maps=self.maps,
        )
