"""Configurations: every fault at once, overrides, round trip, building."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sheafnet.config.builders.job import build_inference, build_job, build_rule
from sheafnet.config.load import dump_config, load_config
from sheafnet.config.schema.job import Config
from sheafnet.config.shipped import find_config, shipped_configs
from sheafnet.core.network import ReluNetwork
from sheafnet.dynamics.rules import Coboundary, Heat, Prox
from sheafnet.errors import ConfigError, FileError
from tests.support.configs import faults, write

GOOD = """
network: {kind: random, widths: [2, 3, 2]}
data: {kind: inline, inputs: [[0.5, -1.0]], labels: [1]}
"""


def test_every_fault_is_reported_at_once_with_key_and_nearest_name(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """
        jbo: infer
        network: {kind: file, path: missing.npz, width: 3}
        data: {kind: inline, inputs: [[0.5, x]], lables: [1]}
        rule: {kind: heat, dtt: 0.01}
        runtime: {kind: lockstep, schedule: alternatin}
        stop: {stationarity: -1, max_round: 5}
        init: randm
        seed: -1
        dtype: float16
        """,
    )
    assert found == [
        f"network.path: no such file: {tmp_path / 'missing.npz'}",
        "network.width: no such key; valid: kind, path",
        "data.inputs.0.1: input should be a valid number, unable to parse string as a number, "
        "got x",
        "data.lables: no such key; did you mean 'labels'?",
        "rule.dtt: no such key; did you mean 'dt'?",
        "runtime.schedule: no choice 'alternatin'; did you mean 'alternating'?",
        "stop.stationarity: input should be greater than 0, got -1",
        "stop.max_round: no such key; did you mean 'max_rounds'?",
        "init: no choice 'randm'; did you mean 'random'?",
        "seed: input should be greater than or equal to 0, got -1",
        "dtype: no choice 'float16'; did you mean 'float64'?",
        "jbo: no such key; did you mean 'job'?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping of keys to values"),
        ("- 1", "expected a mapping of keys to values"),
        ("a: [", "line 1: not valid YAML"),
        ("seed: 1\nseed: 2", "line 2: not valid YAML: the key 'seed' occurs twice"),
        ("seed: !!python/object:os.system {}", "line 1: not valid YAML"),
        ("seed: 2020-13-45", "not valid YAML: month must be in 1..12"),
        ("seed: " + "[" * 3000, "not valid YAML"),
        ("? [a]\n: 1", "line 1: not valid YAML"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert faults(tmp_path, text)[0].startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data: {kind: inline, inputs: [[1.0]]}", "network: this key is required"),
        ("network: {widths: [2, 1]}\n", "network: this section needs a kind; valid: file, random"),
        ("network: {kind: rando}\n", "network: no choice 'rando'; did you mean 'random'?"),
        ("network: 3\n", "network: input should be a valid dictionary"),
        ("network: {kind: random, widths: [2]}\n", "network.widths: tuple should have at least 2"),
        (GOOD.replace("[[0.5, -1.0]]", "[]"), "data.inputs: list should have at least 1 item"),
        (GOOD + "rule: haet\n", "rule: no choice 'haet'; did you mean 'heat'?"),
        (GOOD + "runtime: clutser\n", "runtime: no choice 'clutser'; did you mean 'cluster'?"),
        (GOOD + "rule: {kind: heat, dt: .nan}\n", "rule.dt: input should be"),
    ],
)
def test_single_faults(tmp_path: Path, text: str, expected: str) -> None:
    assert any(fault.startswith(expected) for fault in faults(tmp_path, text))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: no such file"):
        load_config(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_overrides_replace_add_and_choose_kinds(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "rule: heat\n")
    config = load_config(path, ["rule.dt=0.01", "stop.max_rounds=7", "init=zeros"]).config
    assert (config.stop.max_rounds, config.init) == (7, "zeros")
    assert build_rule(config) == Heat(dt=0.01)
    bare = write(tmp_path, GOOD)
    assert build_rule(load_config(bare, ["rule.branch=keep"]).config) == Prox(branch="keep")
    merged = write(tmp_path, "a: &a {seed: 4}\n<<: *a\n" + GOOD)
    assert "a: no such key" in faults(tmp_path, merged.read_text())[0]
    path = write(tmp_path, GOOD + "rule: {kind: heat, dt: 0.5}\n")
    assert build_rule(load_config(path, ["rule.kind=coboundary"]).config) == Coboundary()
    assert build_rule(load_config(path, ["rule.dt=0.1", "rule.kind=heat"]).config) == Heat(dt=0.1)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "--set: seed: expected KEY=VALUE"),
        ("=3", "--set: =3: expected KEY=VALUE"),
        ("sed=3", "--set: sed: no such key; did you mean 'seed'?"),
        ("stop.max_rounds=many", "--set: stop.max_rounds: input should be a valid integer"),
        ("seed.deeper=3", "--set: seed.deeper: seed is a value, not a section"),
        ("seed=[", "--set: seed: while parsing"),
    ],
)
def test_faults_of_overrides_are_apart_from_those_of_the_file(
    tmp_path: Path, override: str, expected: str
) -> None:
    assert faults(tmp_path, GOOD + "seed: 1\n", override)[0].startswith(expected)


def test_the_resolved_config_is_complete_and_reads_back_the_same(tmp_path: Path) -> None:
    for path in shipped_configs().values():
        config = load_config(path, ["seed=3"]).config
        copy = tmp_path / path.name
        copy.write_text(dump_config(config), encoding="utf-8")
        assert load_config(copy).config == config


def test_paths_are_relative_to_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    network = ReluNetwork.random([2, 3, 2], seed=0)
    network.save(tmp_path / "data" / "net.npz")
    path = write(tmp_path, GOOD + "\n")
    monkeypatch.chdir("/")
    loaded = load_config(path, ["network.kind=file", "network.path=data/net.npz"])
    built = build_job(loaded).network
    assert built is not None
    np.testing.assert_array_equal(built.weights[0], network.weights[0])


def test_dtype_reaches_the_network(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    job = build_inference(load_config(path, ["dtype=float32"]))
    assert job.sheaf.dtype == np.float32


FILE = "network: {kind: random, widths: [2, 3, 2]}\ndata: {kind: file, path: d.npz, inputs: x, "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FILE + "labels: few}", "data.labels: expected shape (5,), got (2,)"),
        (FILE + "labels: words}", "data.labels: expected whole numbers, got <U"),
        (FILE + "subset: far}", "data.subset: indices run past the 5 samples"),
        (FILE + "subset: x}", "data.subset: expected a list of sample indices"),
        (
            FILE.replace("inputs: x", "inputs: one") + "}",
            "data.inputs: expected shape (n_0, samples)",
        ),
        (
            GOOD.replace("[[0.5, -1.0]]", "[[0.5], [1, 2]]"),
            "data.inputs: the rows have different lengths: [1, 2]",
        ),
        (
            GOOD.replace("[[0.5, -1.0]]", "[[0.5]]"),
            "data.inputs: the network takes 2 numbers a sample, got 1",
        ),
        (
            GOOD.replace("labels: [1]", "labels: [1, 0]"),
            "data.labels: expected 1, one a sample, got 2",
        ),
        (GOOD.replace("labels: [1]", "labels: []"), "data.labels: expected 1, one a sample, got 0"),
        (GOOD.replace("labels: [1]", "labels: [2]"), "data.labels: the network has classes 0 to 1"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    np.savez(
        tmp_path / "d.npz",
        x=np.ones((2, 5)),
        y=np.zeros(5, int),
        few=np.array([0, 1]),
        far=np.array([0, 9]),
        one=np.ones(2),
        words=np.array(list("abcde")),
    )
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(expected)
    text = FILE.replace("inputs: x", "inputs: xx") + "labels: yy, subset: w}"
    assert [fault.split(": ")[0] for fault in faults(tmp_path, text)] == [
        "data.inputs",
        "data.labels",
        "data.subset",
    ]
    named = faults(tmp_path, FILE + "}", "data.labels=wrods")
    assert named[0].startswith("--set: data.labels: ")
    assert named[0].endswith("no array 'wrods'; did you mean 'words'?")


def test_faults_of_network_and_data_are_reported_together(tmp_path: Path) -> None:
    for name in ("n.npz", "d.npz"):
        (tmp_path / name).write_bytes(b"not an archive")
    found = faults(
        tmp_path,
        """
        network: {kind: file, path: n.npz}
        data: {kind: file, path: d.npz, inputs: x}
        """,
    )
    assert [fault.split(":")[0] for fault in found] == ["network", "data.path"]
    assert all("damaged" in fault for fault in found)


def test_samples_are_chosen_scaled_and_limited(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(10.0).reshape(2, 5), y=np.array([0, 1, 0, 1, 1]),
             s=np.array([4, 2, 0]))  # fmt: skip
    path = write(tmp_path, FILE + "labels: y, subset: s, limit: 2, scale: 0.5}")
    samples = build_job(load_config(path)).samples
    assert samples is not None
    np.testing.assert_array_equal(samples.inputs, [[2.0, 1.0], [4.5, 3.5]])
    assert samples.labels is not None
    assert samples.labels.tolist() == [1, 0]


def test_shipped_configs_are_found_by_path_and_by_name(tmp_path: Path) -> None:
    assert {"quickstart", "digits"} <= set(shipped_configs())
    assert find_config("digits") == find_config("configs/digits.yaml").resolve() or find_config(
        "digits"
    ).samefile(find_config("configs/digits.yaml"))
    mine = write(tmp_path, GOOD)
    assert find_config(str(mine)) == mine
    with pytest.raises(FileError, match=r"digist: no such file.*did you mean 'digits'"):
        find_config("digist")
    with pytest.raises(FileError, match="no such file"):
        find_config("elsewhere/digits.yaml")


def test_the_schema_describes_every_key() -> None:
    sections = Config.model_json_schema()["$defs"] | {"Config": Config.model_json_schema()}
    silent = [
        f"{section}.{key}"
        for section, schema in sections.items()
        for key, facts in schema.get("properties", {}).items()
        if key != "kind" and not facts.get("description")
    ]
    assert silent == []
