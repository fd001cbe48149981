"""The lockstep runtime: one group of vertices in rounds, the reference for other runtimes."""

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
    """A runtime that works in rounds, in this process.

    First, all vertices exchange their projections. Then, in each round, every vertex steps once.
    The messages of the vertices that step together are delivered before any vertex steps again.

    Parameters
    ----------
    schedule
        ``"all"`` (default): all vertices step together, from the same messages.
        ``"alternating"``: the colours of the graph step one after the other (two colours on a path
        or grid), each from the messages of those before. A rule whose vertices take turns, such as
        ``sn.Sor``, always alternates. A rule may also fix the order itself: under ``sn.Nudged`` and
        ``sn.Relax`` the vertices step one after the other, from the input to the output and back.

    Raises
    ------
    InputError
        If there is no such schedule.
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
            What to run.
        hooks
            Hooks that are called between rounds.

        Raises
        ------
        RuleError
            If the rule cannot begin at a vertex.
        """
        # A run that diverges overflows before the guard is asked; the guard then reports it.
        with np.errstate(over="ignore", invalid="ignore"):
            return _Rounds(problem, self.turns(problem.sheaf, problem.rule)).run(hooks)

    def turns(self, sheaf: Sheaf, rule: Rule) -> list[Sequence[str]]:
        """Return the turns of a round: for each, the vertices that step together.

        Parameters
        ----------
        sheaf
            The sheaf whose vertices step.
        rule
            The rule, which may require turns.
        """
        turns = rule.turns(sheaf)
        if turns is not None:
            return turns
        if self.schedule == "all" and not rule.takes_turns:
            return [sheaf.vertices]
        colours = sheaf.graph.colouring()
        return [[v for v in sheaf.vertices if colours[v] == c] for c in sorted({*colours.values()})]


class _Rounds:
    """The state of one run in rounds."""

    def __init__(self, problem: Problem, turns: list[Sequence[str]]) -> None:
        self.problem = problem
        self.turns = turns
        self.group = Group(problem.vertices())
        self.rounds = 0
        self.finite: dict[str, Array] = self.group.stalks()
        self.maps = self.learned()
        # Largest number of batches that a vertex still has to learn from, now and one round ago.
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
        """Do one round."""
        for turn in self.turns:
            self.group.deliver(self.group.step(turn))
        self.rounds += 1
        self.measure()

    def drain(self, hooks: RunHooks) -> None:
        """Finish the batches in flight, so that all maps have taken the same steps."""
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
        """Keep the stalks and maps as the last finite ones.

        Under a rule that learns in steps this waits for a round that completes a step, since a
        step under way may turn out not to be finite.
        """
        if not self.problem.learns_in_steps or (
            np.isfinite(self.worst) and self.left < self.before
        ):
            self.finite, self.maps = self.group.stalks(), self.learned()
        self.before = self.left

    def hand_over(self, hooks: RunHooks) -> None:
        """Pass complete snapshots to the hooks; then the vertices drop their states of them."""
        if self.problem.learns_in_steps:
            for snapshot in self.snapshots.add(self.group.edge_states(), float(self.rounds)):
                hooks.on_snapshot(snapshot)
                self.group.forget(snapshot.step)

    def learned(self) -> dict[str, RestrictionMap]:
        """Return the maps at the tails; none if the rule does not change maps."""
        return self.group.maps() if self.problem.learns else {}

    def measure(self) -> None:
        """Measure the stationarity and the batches left, after all messages are delivered."""
        self.stationarity = self.group.stationarity()
        ahead = list(self.stationarity.values())
        # A NaN compares as false, so ``max`` could miss it.
        self.worst = max(np.inf if force != force else force for force in ahead)
        if self.problem.learns_in_steps:
            left = self.group.batches_left().values()
            self.left = max(left)
            ahead = list(map(max, ahead, left))
        self.digest.update(struct.pack(f"<{len(ahead)}d", *ahead))

    def outcome(self, hooks: RunHooks) -> Outcome | None:
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
        """Return a message that names the vertex with the largest force; NaN counts as infinite."""
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
