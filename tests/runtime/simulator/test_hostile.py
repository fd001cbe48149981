"""The random mix of faults: planted bugs that it must find, and reproducible runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sheafnet.cli import main
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Message
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.host import Host
from sheafnet.runtime.hosts.host_spec import HostSpec
from sheafnet.runtime.simulator.link import Link
from sheafnet.runtime.simulator.simulation import Simulation
from tests.campaigns import hostile
from tests.support.compiled import interpreted_only
from tests.support.scenario import attempt

ROOT = Path(__file__).parents[3]
WITHIN = 200
SMALL = range(0, WITHIN, 3)
"""Seeds with the smallest network, which take the least time."""


def incarnation_kept(patch: pytest.MonkeyPatch) -> None:
    write = Deployment.host_spec

    def host_spec(
        self: Deployment, name: str, incarnation: int = 0, send_threshold: float | None = None
    ) -> HostSpec:
        del incarnation
        return write(self, name, 0, send_threshold)

    patch.setattr(Deployment, "host_spec", host_spec)


def only_acknowledgements_partitioned(patch: pytest.MonkeyPatch) -> None:
    fate = Link.fate

    def spares_data(self: Link, now: float, size: int) -> tuple[float | None, ...]:
        partitions, self._partitions = self._partitions, self._partitions if size < 64 else ()
        try:
            return fate(self, now, size)
        finally:
            self._partitions = partitions

    patch.setattr(Link, "fate", spares_data)


def duplicate_counted_twice(patch: pytest.MonkeyPatch) -> None:
    accept = Inbox.accept

    def again(self: Inbox, message: Message, incarnation: int = 0) -> bool:
        entry = self.entries.get(message.key)
        same = entry is not None and entry[:2] == (incarnation, message.sequence)
        return accept(self, message, incarnation) or same

    patch.setattr(Inbox, "accept", again)


def stranger_read(patch: pytest.MonkeyPatch) -> None:
    everyone: dict[str, Host] = {}
    schedule, step = Simulation.step_host, Host.step

    def scheduled(self: Simulation, host: Host) -> None:
        everyone.clear()
        everyone.update({v: other for other in self.hosts.values() for v in other.group.vertices})
        schedule(self, host)

    def shortcut(self: Host, now: float) -> list[tuple[str, bytes]]:
        frames = step(self, now)
        if "z2" in self.group.vertices and "z1" in everyone:
            star, stranger = self.group.vertices["z2"].star, everyone["z1"].group.stalks()["z1"]
            star.move(star.stalk + 1e-12 * stranger.sum())
        return frames

    patch.setattr(Simulation, "step_host", scheduled)
    patch.setattr(Host, "step", shortcut)


@interpreted_only
@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (incarnation_kept, "budget|rounds|crossed|idle"),
        (only_acknowledgements_partitioned, "crossed the partition"),
        (duplicate_counted_twice, "counts .* messages and kept"),
        (stranger_read, "changed before a frame could tell"),
    ],
)
def test_planted_bugs_are_caught_by_the_mix(
    plant: Callable[[pytest.MonkeyPatch], None], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.campaigns.hostile.LONGEST", 1e5
    )  # the longest of these runs takes a third of this limit
    with monkeypatch.context() as patch:
        plant(patch)
        found = next(filter(None, map(failure, SMALL)), None)
    assert found is not None, f"not caught within {WITHIN} seeds"
    seed, message = found
    assert re.search(expected, message)
    hostile.play(seed)  # without the bug the seed passes


def failure(seed: int) -> tuple[int, str] | None:
    """Play a seed; return the seed and a description of its failure, or None if it passed."""
    well, line = attempt(hostile.play, seed)
    return None if well else (seed, line)


@pytest.mark.slow
def test_fifty_runs_repeat_themselves_elsewhere_and_from_their_run_directories() -> None:
    seeds = SMALL[:50]
    here = [hostile.digest(seed, through_its_run_directory=False) for seed in seeds]
    assert len(set(here)) == 50
    there = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.hostile", "digests", *map(str, seeds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert there.stdout.split() == here


def test_the_command_repeats_a_mix(tmp_path: Path) -> None:
    file, out = tmp_path / "config.yaml", tmp_path / "run"
    file.write_text(yaml.safe_dump(hostile.document(0, tmp_path)))
    done = CliRunner().invoke(main, ["run", str(file), "--trace", "--out", str(out)])
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(main, ["replay", str(out)])
    assert again.exit_code == 0, again.output
