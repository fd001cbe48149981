"""The representation of state, as far as types alone cannot check it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import numpy as np

import sheafnet as sn
from sheafnet.core import naming
from sheafnet.dynamics.program import BatchStep, Step
from sheafnet.dynamics.rule import Rule
from sheafnet.dynamics.rules import RULES
from sheafnet.dynamics.training.learning_rule import BatchRule, LearningRule
from sheafnet.runtime.hosts.deployment import Deployment
from sheafnet.runtime.hosts.send_policy import SendPolicy
from sheafnet.runtime.problem import Problem

PACKAGE = Path(sn.__file__).parent
X = np.random.default_rng(0).standard_normal((3, 6))
LABELS = np.arange(6) % 2


def calls(name: str) -> Iterator[Path]:
    """Yield the files of the package that call ``name``."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield path.relative_to(PACKAGE)


def training(rule: Rule) -> Problem:
    net = sn.ReluNetwork.random([3, 4, 2], seed=0, output="softmax")
    return sn.prepare_training(
        net, X, LABELS, rule=rule, optimiser=sn.Adam(0.1), rounds=4, batch_size=2
    ).problem


def test_a_step_keeps_what_only_batches_use_in_one_field() -> None:
    assert Step._fields == ("stalk", "messages", "final", "maps", "at_least", "batch")
    assert BatchStep._fields == ("star", "edges", "tag", "pins")


def test_forces_and_batches_are_counted_apart() -> None:
    vertices = {vertex.name: vertex for vertex in training(sn.Nudged()).vertices()}
    assert {vertex.stationarity for vertex in vertices.values()} == {0.0}
    assert {vertex.batches_left for vertex in vertices.values()} == {4}
    relaxed = sn.prepare(sn.ReluNetwork.random([3, 2], seed=0).to_sheaf(), [sn.Pin("a0", X)])
    assert {vertex.batches_left for vertex in relaxed.problem.vertices()} == {0}


def test_learning_is_a_type() -> None:
    flags = {"learns", "by_batch", "sweeps", "learns_in_steps"}
    assert not flags & set(vars(Rule))
    learning = {rule for rule in RULES.values() if issubclass(rule, LearningRule)}
    assert learning == {sn.Nudged, sn.Relax}
    assert issubclass(sn.Joint, LearningRule)
    assert not issubclass(sn.Joint, BatchRule)
    assert training(sn.Relax()).learns_in_steps


def test_a_host_is_complete_when_it_is_built() -> None:
    sheaf = sn.ReluNetwork.random([3, 4, 2], seed=0).to_sheaf()
    problem = sn.prepare(sheaf, [sn.Pin("a0", X)]).problem
    deployment = Deployment(problem, "run", "by-layer", SendPolicy())
    host = deployment.host_spec("layer_1", send_threshold=0.25).build()
    assert {vertex.star.send_threshold for vertex in host.group.vertices.values()} == {0.25}


def test_the_actors_of_a_run_come_with_it() -> None:
    from sheafnet.runtime.cluster import environment

    environment.stay_offline()
    from sheafnet.runtime.cluster.coordinator_actor import CoordinatorActor, Waves

    assert list(signature(Waves).parameters) == ["cluster", "run", "actors"]
    asked = signature(CoordinatorActor.execute).parameters
    # Ray adds a parameter to the methods of a class that was used as an actor before.
    assert [name for name in asked if not name.startswith("_ray")] == ["self"]


def test_records_and_progress_are_built_in_one_file() -> None:
    # A solution can return the record that it extends.
    assert set(calls("Record")) == {Path("runtime/run_record.py"), Path("runtime/jobs/results.py")}
    assert not list(calls("Progress"))  # only Progress.of() builds one
    assert "return cls(" in (PACKAGE / "runtime" / "progress.py").read_text()


def test_the_names_of_a_network_are_made_in_one_file() -> None:
    net = sn.ReluNetwork.random([2, 3, 3, 2], seed=0, output="softmax")
    sheaf = net.to_sheaf()
    assert [naming.vertex_layer(vertex) for vertex in sheaf.vertices] == list("0112233")
    assert [tuple(naming.edge_operation(edge.name)) for edge in sheaf.edges] == [
        ("weight", "1"), ("activation", "1"), ("weight", "2"), ("activation", "2"),
        ("weight", "3"), ("output", ""),
    ]  # fmt: skip
    made = re.compile(r"""f?["'](?:[az]\{|a0["']|weight_\{|activation_\{)|\[az\]""")
    makers = [
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if made.search(without_docstring(path.read_text()))
    ]
    assert makers == [Path("core/naming.py")]


def without_docstring(source: str) -> str:
    """Return the text of a module without its docstring, whose examples name vertices."""
    docstring = ast.get_docstring(ast.parse(source), clean=False)
    return source.replace(docstring, "", 1) if docstring else source
