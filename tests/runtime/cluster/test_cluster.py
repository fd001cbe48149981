"""The cluster runtime beyond the contract tests: processes, strangers, losses, errors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sheafnet as sn
from sheafnet.core.arrays import Array
from sheafnet.errors import ClusterError, InputError
from sheafnet.observe.jsonlines import JsonLines
from sheafnet.runtime.cluster.cluster import WarmCluster
from sheafnet.runtime.hosts.control import StatusRequest
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.problem import Problem
from sheafnet.wire.codec import Codec
from sheafnet.wire.frame import Frame
from tests.campaigns.kills import Onlooker, kill_in_training, kill_one, pid_of
from tests.support import golden
from tests.support.processes import sheafnet

SMALL = golden.load("2-4-1-identity")
ENDLESS = sn.Stop(1e-300, max_rounds=10**9)
ONE = [sn.Pin("u", [[1.0]])]
APART = {"v": ("v",), "others": ("u", "w")}
"""Placement with the faulty vertex of ``chain`` on a host of its own."""


class Moving(sn.Observer):
    """An observer that lets a test wait until a run has made its first updates."""

    def __init__(self) -> None:
        self.moving = threading.Event()

    def progressed(self, progress: sn.Progress) -> None:
        if progress.updates > 0:
            self.moving.set()


def actors() -> set[str]:
    """Return the names of the actors that are alive."""
    import ray

    return {actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True)}


@pytest.mark.usefixtures("warm_cluster")
class TestOnOneRay:
    def test_each_host_is_a_process_and_the_answer_is_the_simulators(
        self, warm_cluster: WarmCluster
    ) -> None:
        reference = golden.load("64-32-32-10-softmax")
        stop = sn.Stop(1e-8, max_rounds=10**6)
        ours, simulated = (
            sn.infer(reference.sheaf, reference.pins, runtime=runtime, stop=stop)
            for runtime in (warm_cluster, sn.Simulator())
        )
        assert ours.outcome is simulated.outcome is sn.Outcome.CONVERGED
        for vertex in reference.sheaf.vertices:
            assert np.abs(ours.cochain[vertex] - simulated.cochain[vertex]).max() <= 1e-6
        pids = {process.pid for process in ours.processes.values()}
        assert set(ours.processes) == {"layer_0", "layer_1", "layer_2", "layer_3"}
        assert len(pids) == 4
        assert os.getpid() not in pids

    def test_a_frame_from_a_stranger_is_refused_and_counted(self) -> None:
        import ray

        from sheafnet.runtime.cluster.host_actor import Handle, HostActor

        problem = sn.prepare(SMALL.sheaf, SMALL.pins, init=SMALL.cochain("")).problem
        spec = Deployment(problem, "run", "by-layer", SendPolicy()).host_spec("layer_1")
        actor: Handle = ray.remote(HostActor).options(num_cpus=0).remote()
        silent: Handle = ray.remote(HostActor).options(num_cpus=0).remote()
        ray.get(actor.bind.remote(spec, dict.fromkeys(spec.peers, silent)))
        for sender, receiver, run in (
            ("layer_9", "layer_1", "run"),
            ("layer_0", "layer_2", "run"),
            ("layer_0", "layer_1", "another"),
        ):
            frame = Frame(run, sender, receiver, 0, 1, 0, (), ())
            actor.push.remote(Codec().encode(frame))
        report = ray.get(actor.report.remote(StatusRequest(1)))
        assert report.view.counters.refused == {"stranger": 2, "run": 1}
        for each in (actor, silent):
            ray.kill(each)

    @pytest.mark.parametrize("batch", [1_000, 16_000, 25_000])
    def test_a_frame_of_any_size_arrives_whole(self, warm_cluster: WarmCluster, batch: int) -> None:
        edge = sn.Edge("activation_1", "z1", "a1", sn.ReluGate(), sn.Identity())
        x = np.random.default_rng(0).standard_normal((8, batch))
        solution = sn.infer(
            sn.Sheaf({"z1": 8, "a1": 8}, [edge]),
            [sn.Pin("z1", x)],
            runtime=replace(warm_cluster, cluster=sn.Cluster(placement="by-vertex")),
        )
        assert solution.outcome is sn.Outcome.CONVERGED
        assert np.abs(solution.cochain["a1"] - np.maximum(x, 0.0)).max() <= 1e-6
        assert solution.stats.bytes > x.nbytes

    def test_a_host_that_is_killed_comes_back_and_the_answer_is_the_same(
        self, warm_cluster: WarmCluster
    ) -> None:
        kill = kill_one(seed=0, runtime=warm_cluster)
        assert kill.outcome is sn.Outcome.CONVERGED
        assert kill.deviation <= 1e-6
        assert [(r.host, r.incarnation) for r in kill.recoveries] == [(kill.host, 1)]
        assert kill.restarts == 1

    def test_a_host_that_is_killed_in_training_changes_nothing(
        self, warm_cluster: WarmCluster
    ) -> None:
        killed = kill_in_training(seed=0, runtime=warm_cluster, rounds=200)
        assert [(r.host, r.incarnation) for r in killed.recoveries] == [(killed.host, 1)]
        assert killed.deviation <= 1e-12

    def test_a_host_that_may_not_come_back_ends_the_run(self, tmp_path: Path) -> None:
        moving = Moving()
        log = JsonLines(tmp_path / "events.jsonl")
        from sheafnet.observe.composite import CompositeObserver

        run = sn.start(
            SMALL.sheaf, SMALL.pins, runtime=sn.Cluster(max_restarts=0), stop=ENDLESS,
            observer=CompositeObserver([moving, log]),
        )  # fmt: skip
        assert moving.moving.wait(60)
        os.kill(pid_of("layer_1"), signal.SIGKILL)
        with pytest.raises(ClusterError, match="host 'layer_1' is lost for good, after 0 restarts"):
            run.result(60)
        assert '"event": "run_failed"' in (tmp_path / "events.jsonl").read_text(encoding="utf-8")

    def test_a_coordinator_that_is_killed_ends_the_run(self, tmp_path: Path) -> None:
        from sheafnet.observe.composite import CompositeObserver

        moving, note = Moving(), tmp_path / "pid"
        before = actors()
        run = sn.start(
            SMALL.sheaf, SMALL.pins, runtime=sn.Cluster(), stop=ENDLESS,
            observer=CompositeObserver([moving, Noting(note)]),
        )  # fmt: skip
        assert moving.moving.wait(60)
        os.kill(int(note.read_text(encoding="ascii")), signal.SIGKILL)
        with pytest.raises(ClusterError, match="the coordinator is lost"):
            run.result(60)
        assert actors() == before

    def test_a_host_that_never_answers_ends_the_run(self, warm_cluster: WarmCluster) -> None:
        patient = replace(warm_cluster, cluster=sn.Cluster(placement=APART, silence=3.0))
        with pytest.raises(ClusterError, match="host 'v' has not answered for 3 s"):
            sn.infer(chain(Hanging(after=5)), ONE, runtime=patient, stop=ENDLESS)

    def test_a_run_elsewhere_is_refused_while_connected_here(self) -> None:
        with pytest.raises(ClusterError, match=r"connected to the Ray at .* already"):
            sn.infer(SMALL.sheaf, SMALL.pins, runtime=sn.Cluster(address="127.0.0.1:1"))

    def test_what_an_observer_beside_the_coordinator_raises_comes_out(
        self, warm_cluster: WarmCluster
    ) -> None:
        with pytest.raises(PermissionError, match="no"):
            sn.infer(SMALL.sheaf, SMALL.pins, runtime=warm_cluster, observer=Refusing())


class TestWarm:
    def test_the_next_run_has_the_same_processes(self, warm_cluster: WarmCluster) -> None:
        other = golden.load("2-25-1-sigmoid")
        first, second = (
            sn.infer(each.sheaf, each.pins, rule="sor", runtime=warm_cluster)
            for each in (SMALL, other)
        )
        assert second.processes == first.processes
        assert len(set(second.processes.values())) == 3
        assert second.outcome is sn.Outcome.CONVERGED
        forward = other.cochain("")
        assert max(float(np.abs(second.cochain[v] - forward[v]).max()) for v in forward) <= 1e-6

    def test_runs_that_overlap_live_apart(self, warm_cluster: WarmCluster) -> None:
        stay = sn.Stop(stay=True)
        runs = [
            sn.start(SMALL.sheaf, SMALL.pins, rule="sor", runtime=warm_cluster, stop=stay)
            for _ in range(2)
        ]
        settled = [run.settle(60) for run in runs]
        assert all(solution.outcome is sn.Outcome.CONVERGED for solution in settled)
        processes = [process for solution in settled for process in solution.processes.values()]
        assert len(set(processes)) == 6
        for run in runs:
            run.stop()
            run.result(60)

    def test_a_host_that_was_lost_is_replaced(self, warm_cluster: WarmCluster) -> None:
        onlooker = Onlooker(0)
        run = sn.start(
            SMALL.sheaf, SMALL.pins, runtime=warm_cluster, stop=sn.Stop(stay=True),
            observer=onlooker,
        )  # fmt: skip
        before = run.settle(60).processes
        os.kill(before["layer_1"].pid, signal.SIGKILL)
        assert onlooker.recovered.wait(60)
        run.stop()
        after = run.result(60).processes
        assert after["layer_1"] != before["layer_1"]
        again = sn.infer(SMALL.sheaf, SMALL.pins, rule="sor", runtime=warm_cluster)
        assert again.recoveries == ()
        assert again.processes["layer_1"] not in (before["layer_1"], after["layer_1"])
        assert again.processes["layer_0"] == before["layer_0"]

    def test_actors_that_ended_while_idle_are_replaced(
        self, warm_cluster: WarmCluster, tmp_path: Path
    ) -> None:
        note = Noting(tmp_path / "pid")
        first = sn.infer(SMALL.sheaf, SMALL.pins, rule="sor", runtime=warm_cluster, observer=note)
        for pid in (int(note.path.read_text()), first.processes["layer_1"].pid):
            os.kill(pid, signal.SIGKILL)
        second = sn.infer(SMALL.sheaf, SMALL.pins, rule="sor", runtime=warm_cluster)
        assert second.outcome is sn.Outcome.CONVERGED
        assert second.recoveries == ()
        assert second.processes["layer_0"] == first.processes["layer_0"]
        assert second.processes["layer_1"] != first.processes["layer_1"]

    def test_an_error_in_a_map_names_the_host_and_the_next_run_has_others(
        self, warm_cluster: WarmCluster
    ) -> None:
        apart = replace(warm_cluster, cluster=sn.Cluster(placement=APART))
        # Actors have the home folder of the user, not the one that Ray was started with.
        expected = re.escape(f"host 'v' failed: ZeroDivisionError('at apply 6 in {Path.home()}'")
        with pytest.raises(ClusterError, match=expected):
            sn.infer(chain(Failing(after=5)), ONE, runtime=apart, stop=ENDLESS)
        solution = sn.infer(chain(sn.Identity()), ONE, rule="sor", runtime=apart)
        assert solution.outcome is sn.Outcome.CONVERGED

    @pytest.mark.usefixtures("warm_cluster")
    def test_its_actors_end_with_the_context(self) -> None:
        before = actors()
        with sn.Cluster(placement={"all": ("u", "v", "w")}).warm() as warm:
            sn.infer(chain(sn.Identity()), ONE, rule="sor", runtime=warm)
            assert len(actors() - before) == 1
        assert actors() == before
        with pytest.raises(ClusterError, match="the warm cluster is closed"):
            sn.infer(chain(sn.Identity()), ONE, runtime=warm)


class Refusing(sn.Observer):
    travels = True

    def started(self, problem: Problem) -> None:  # noqa: ARG002
        raise PermissionError("no")


class Noting(sn.Observer):
    """An observer that writes the process id of the coordinator to a file."""

    travels = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def started(self, problem: Problem) -> None:  # noqa: ARG002
        self.path.write_text(str(os.getpid()), encoding="ascii")


class Counting(sn.Identity):
    """The identity, until it has been applied ``after`` times; then ``at_the_end``."""

    left: int

    def __init__(self, after: int) -> None:
        object.__setattr__(self, "left", after)

    def apply(self, x: Array) -> Array:
        object.__setattr__(self, "left", self.left - 1)
        return self.at_the_end(x) if self.left < 0 else x

    def at_the_end(self, x: Array) -> Array:
        return x


class Failing(Counting):
    def at_the_end(self, x: Array) -> Array:  # noqa: ARG002
        raise ZeroDivisionError(f"at apply 6 in {Path.home()}")


class Hanging(Counting):
    def at_the_end(self, x: Array) -> Array:
        time.sleep(10_000)
        return x


def chain(fault: sn.RestrictionMap) -> sn.Sheaf:
    same = sn.Identity()
    edges = [sn.Edge("e", "u", "v", same, same), sn.Edge("f", "v", "w", fault, sn.Linear([[2.0]]))]
    return sn.Sheaf({"u": 1, "v": 1, "w": 1}, edges)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("address", "nowhere"),
        ("window", 0),
        ("max_restarts", -1),
        ("report_interval", 0.0),
        ("startup", 0.0),
        ("silence", 0.0),
        ("cpus", -1.0),
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"cluster: {setting}"):
        sn.Cluster(**{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "error: no Ray head at 127.0.0.1:1"),
        ("auto", "error: no Ray head at 127.0.0.1:2"),
    ],
)
def test_a_cluster_that_is_not_there_is_a_fault(address: str, message: str, tmp_path: Path) -> None:
    command = sheafnet(
        "run", "quickstart", "--set", "runtime=cluster", "--set", f"runtime.address={address}",
        "--out", str(tmp_path / "run"), environment={"RAY_ADDRESS": "127.0.0.1:2"},
    )  # fmt: skip
    code, _, err = command.finish(60)
    assert code == 3
    assert message in err


def test_a_missing_ray_is_a_fault_that_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['ray'] = None\n"
        "import sheafnet as sn\n"
        "net = sn.ReluNetwork.random([1, 1], seed=0)\n"
        "sn.infer(net.to_sheaf(), [sn.Pin('a0', [[1.0]])], runtime=sn.Cluster())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr.endswith("ClusterError: Ray is not installed: pip install ray\n")
