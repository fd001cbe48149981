import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from sheafnet.cli import main

PUSH = ["--set", "light_cone.vertex=z1", "--set", "light_cone.at=30"]
SIMULATED = ["--set", "runtime=simulator", "--set", "runtime.placement=by-vertex"]


def test_a_table_a_picture_and_figures(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(main, ["run", "quickstart", *SIMULATED, *PUSH, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "no vertex changed before a frame could reach it" in done.output
    arrivals = json.loads((out / "result.json").read_text())["light_cone"]["arrivals"]
    assert arrivals["z1"]["changed"] == 30.0
    assert arrivals["a0"] == {"distance": 1, "earliest": 31.0, "frames": 1, "changed": None}
    picture = ElementTree.parse(out / "light-cone.svg").getroot()
    assert picture.tag.endswith("svg")
    repeated = CliRunner().invoke(main, ["replay", str(out)])
    assert repeated.exit_code == 0, repeated.output


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (PUSH, "a light cone is that of a simulated network"),
        ([*SIMULATED, *PUSH, "--set", "light_cone.vertex=z9"], "no vertex 'z9'"),
    ],
)
def test_a_push_that_cannot_be_is_refused_before_the_run(
    settings: list[str], expected: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(main, ["run", "quickstart", *settings, "--out", str(out)])
    assert done.exit_code == 2
    assert expected in done.output
    assert not out.exists()
