"""The pins section: every source of a value, coordinates, strength, and every fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from sheafnet.config.builders.job import build_inference
from sheafnet.config.load import dump_config, load_config
from sheafnet.core.pins import Pin
from sheafnet.errors import ConfigError

X = np.arange(10.0).reshape(2, 5)
LABELS = np.array([0, 1, 0, 1, 1])
FILE = """
network: {kind: random, widths: [2, 3, 2]}
data: {kind: file, path: d.npz, inputs: x, labels: y, subset: s, scale: 0.5}
"""
INLINE = """
network: {kind: random, widths: [2, 3, 1]}
data: {kind: inline, inputs: [[0.5, -1.0], [2.0, 3.0]], labels: [1, 0]}
"""
RUN = np.array([[2.0, 1.0], [4.5, 3.5]])
"""The inputs of a run on FILE: samples 4 and 2, times the scale."""


@pytest.fixture(autouse=True)
def _arrays(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "d.npz",
        x=X,
        y=LABELS,
        s=np.array([4, 2]),
        first=np.array([0, 1, 3]),
        far=np.array([5]),
        halves=np.array([0.5]),
        none=np.array([], dtype=int),
    )
    np.savez(
        tmp_path / "v.npz",
        a0=np.array([7.0, 8.0]),
        each=np.array([[1.0, 2.0], [3.0, 4.0]]),
        one=np.array(6.0),
        three=np.ones((2, 3)),
        tall=np.ones(4),
        words=np.array(["a", "b"]),
        nan=np.array([1.0, np.nan]),
    )
    (tmp_path / "broken.npz").write_bytes(b"not an archive")


def write(folder: Path, pins: str, job: str = FILE) -> Path:
    path = folder / "job.yaml"
    path.write_text(f"{job}pins: {pins}\n", encoding="utf-8")
    return path


def build(folder: Path, pins: str, job: str = FILE) -> tuple[Pin, ...]:
    return build_inference(load_config(write(folder, pins, job))).pins


def faults(folder: Path, pins: str, job: str = FILE) -> list[str]:
    path = write(folder, pins, job)
    with pytest.raises(ConfigError) as caught:
        build_inference(load_config(path))
    return [str(fault).removeprefix(f"{path}: ") for fault in caught.value.faults]


SOURCES: dict[str, tuple[str, ArrayLike]] = {
    "the samples": ("{vertex: a0, data: inputs}", RUN),
    "labels, one-hot": ("{vertex: z2, data: labels}", [[0.0, 1.0], [1.0, 0.0]]),
    "mean of the samples": ("{vertex: a0, data: mean}", [[1.5, 1.5], [4.0, 4.0]]),
    "mean over others": (
        "{vertex: a0, data: mean, over: first}",
        [[2 / 3, 2 / 3], [19 / 6, 19 / 6]],
    ),
    "one number": ("{vertex: z1, value: -1}", np.full((3, 2), -1.0)),
    "a number a coordinate": ("{vertex: a0, value: [1, 2.5]}", [[1.0, 1.0], [2.5, 2.5]]),
    "a file, by the name of the vertex": ("{vertex: a0, file: v.npz}", [[7.0, 7.0], [8.0, 8.0]]),
    "a file, by name": ("{vertex: a0, file: v.npz, array: each}", [[1.0, 2.0], [3.0, 4.0]]),
    "a file with one number": ("{vertex: a0, file: v.npz, array: one}", np.full((2, 2), 6.0)),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_a_value_for_every_sample(tmp_path: Path, source: str) -> None:
    text, expected = SOURCES[source]
    (pin,) = build(tmp_path, f"[{text}]")
    np.testing.assert_allclose(np.asarray(pin.value), np.asarray(expected), rtol=1e-15)
    assert (pin.coords, pin.strength) == (None, None)


def test_one_output_takes_the_labels_of_two_classes_as_they_are(tmp_path: Path) -> None:
    (pin,) = build(tmp_path, "[{vertex: z2, data: labels}]", INLINE)
    np.testing.assert_array_equal(pin.value, [[1.0, 0.0]])


def test_without_the_section_the_inputs_are_pinned(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(FILE, encoding="utf-8")
    (pin,) = build_inference(load_config(path)).pins
    assert pin.vertex == "a0"
    np.testing.assert_array_equal(pin.value, RUN)


@pytest.mark.parametrize(
    ("coords", "expected"),
    [
        ("[1]", [1]),
        ("[1, 0]", [1, 0]),
        ('"0:1"', [0]),
        ('"1:"', [1]),
        ('":1"', [0]),
        ('":"', [0, 1]),
    ],
)
def test_coordinates_are_a_list_or_a_slice(
    tmp_path: Path, coords: str, expected: list[int]
) -> None:
    (pin,) = build(tmp_path, f"[{{vertex: a0, data: inputs, coords: {coords}}}]")
    assert pin.coords == expected
    np.testing.assert_array_equal(pin.value, RUN[expected])


def test_coordinates_pick_from_whole_stalks_and_take_values_in_their_order(tmp_path: Path) -> None:
    pins = build(
        tmp_path,
        """
  - {vertex: a0, file: v.npz, array: each, coords: [1]}
  - {vertex: a0, file: v.npz, array: one, coords: [0], strength: 2}
  - {vertex: z2, data: labels, coords: [1]}
  - {vertex: z1, value: [5, 6], coords: [2, 0]}
  - {vertex: z1, value: 7, coords: "1:2", strength: 0.1}
""",
    )
    assert [(pin.vertex, pin.coords, pin.strength) for pin in pins] == [
        ("a0", [1], None),
        ("a0", [0], 2.0),
        ("z2", [1], None),
        ("z1", [2, 0], None),
        ("z1", [1], 0.1),
    ]
    for pin, expected in zip(
        pins, ([[3, 4]], [[6, 6]], [[1, 0]], [[5, 5], [6, 6]], [[7, 7]]), strict=True
    ):
        np.testing.assert_array_equal(pin.value, expected)


def test_the_batch_is_that_of_the_data_even_if_no_pin_is_by_sample(tmp_path: Path) -> None:
    (pin,) = build(tmp_path, "[{vertex: z2, value: 0}]")
    assert np.shape(pin.value) == (2, 2)


def test_the_resolved_pins_read_back_the_same_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path, '[{vertex: a0, file: v.npz, coords: "1:", strength: 0.5}]')
    loaded = load_config(path)
    copy = tmp_path / "elsewhere" / "job.yaml"
    copy.parent.mkdir()
    copy.write_text(dump_config(loaded.config), encoding="utf-8")
    again = load_config(copy)
    assert again.config == loaded.config
    (pin,) = build_inference(again).pins
    np.testing.assert_array_equal(pin.value, [[8.0, 8.0]])


ONE_OF = "pins.0: a pin takes its value from one of data, value and file"
COORDS = "pins.0.coords: expected a list of whole numbers or first:end, got"
VALUE = "pins.0.value: expected a number or a list of them, got"


@pytest.mark.parametrize(
    ("pin", "expected"),
    [
        ("{vertex: a7, value: 1}", "pins.0: no vertex 'a7'; did you mean 'a1'?"),
        ("{value: 1}", "pins.0.vertex: this key is required"),
        ("{vertex: a0}", ONE_OF),
        ("{vertex: a0, data: inputs, value: 1}", ONE_OF),
        ("{vertex: a0, value: 1, file: v.npz}", ONE_OF),
        ("{vertex: a0, data: inputs, coord: [1]}", "pins.0.coord: no such key; did you mean 'co"),
        ("{vertex: a0, data: input}", "pins.0.data: no choice 'input'; did you mean 'inputs'?"),
        # Arrays.
        ("{vertex: a0, file: w.npz}", "pins.0.file: no such file: "),
        ("{vertex: a0, file: v.npz, array: eahc}", "v.npz: no array 'eahc'; did you mean 'each'?"),
        ("{vertex: z1, file: v.npz}", "v.npz: no array 'z1'"),
        ("{vertex: a0, file: broken.npz}", "broken.npz: damaged, or not an .npz file"),
        ("{vertex: a0, file: v.npz, array: words}", "pin on 'a0': expected real numbers"),
        ("{vertex: a0, file: v.npz, array: nan}", "pin on 'a0': 1 value(s) are NaN or infinite"),
        ("{vertex: a0, value: 1, array: each}", "pins.0: array goes with file"),
        # Means.
        ("{vertex: a0, data: mean, over: frist}", "d.npz: no array 'frist'; did you mean 'first'?"),
        ("{vertex: a0, data: mean, over: far}", "over 'far': indices run past the 5 samples"),
        ("{vertex: a0, data: mean, over: halves}", "over 'halves': expected a list of sample ind"),
        ("{vertex: a0, data: mean, over: x}", "over 'x': expected a list of sample indices"),
        ("{vertex: a0, data: mean, over: none}", "over 'none': no samples"),
        ("{vertex: a0, data: inputs, over: first}", "pins.0: over goes with data: mean"),
        # Shapes.
        ("{vertex: z1, data: inputs}", "pin on 'z1': expected shape (3, any), got (2, 2)"),
        ("{vertex: z1, data: mean, coords: [0]}", "pin on 'z1': expected shape (3), got (2,)"),
        ("{vertex: a0, file: v.npz, array: tall}", "pin on 'a0': expected shape (2), got (4,)"),
        ("{vertex: a0, file: v.npz, array: tall, coords: [0]}", "expected shape (2), got (4,)"),
        ("{vertex: a0, file: v.npz, array: three}", "3 samples, but the run has 2"),
        ("{vertex: a0, value: [1]}", "pin on 'a0': expected shape (2), got (1,)"),
        ("{vertex: a0, value: [1, 2], coords: [0]}", "pin on 'a0': expected shape (1), got (2,)"),
        # Coordinates.
        ("{vertex: a0, data: inputs, coords: [2]}", "no coordinate 2; the stalk has 0 to 1"),
        ("{vertex: a0, value: 1, coords: [-1]}", "no coordinate -1; the stalk has 0 to 1"),
        ('{vertex: a0, data: inputs, coords: "1:3"}', "no coordinate 2; the stalk has 0 to 1"),
        (f'{{vertex: a0, value: 1, coords: "0:{10**30}"}}', "no coordinate 2; the stalk has 0"),
        ("{vertex: a0, value: 1, coords: [0, 0]}", "coordinate 0 is named twice"),
        ("{vertex: a0, value: 1, coords: []}", "coords are []; expected whole numbers"),
        ('{vertex: a0, value: 1, coords: "1:1"}', "coords are []; expected whole numbers"),
        ("{vertex: a0, value: 1, coords: 1-2}", f"{COORDS} 1-2"),
        ("{vertex: a0, value: 1, coords: 1}", f"{COORDS} 1"),
        ("{vertex: a0, value: 1, coords: [0.5]}", f"{COORDS} [0.5]"),
        # Numbers.
        ("{vertex: a0, value: much}", f"{VALUE} much"),
        ("{vertex: a0, value: [1, much]}", f"{VALUE} [1, 'much']"),
        ("{vertex: a0, value: .inf}", f"{VALUE} inf"),
        ("{vertex: a0, value: 1, strength: 0}", "pins.0.strength: input should be greater than 0"),
        ("{vertex: a0, value: 1, strength: .inf}", "pins.0.strength: input should be a finite nu"),
        ("{vertex: a0, value: 1, strength: firm}", "pins.0.strength: input should be a valid num"),
    ],
)
def test_every_fault_is_one_line_under_the_number_of_its_pin(
    tmp_path: Path, pin: str, expected: str
) -> None:
    (fault,) = faults(tmp_path, f"[{pin}]")
    assert fault.startswith("pins.0")
    assert expected in fault


def test_labels_that_are_not_there_or_do_not_fit_are_refused(tmp_path: Path) -> None:
    pins = "[{vertex: z2, data: labels}]"
    (fault,) = faults(tmp_path, pins, FILE.replace("labels: y, ", ""))
    assert fault == "pins.0: the data have no labels; name them in data.labels"
    many = FILE.replace("[2, 3, 2]", "[2, 2, 5]").replace("labels: y", "labels: first5")
    np.savez(tmp_path / "d.npz", x=X, first5=np.arange(5), s=np.array([4, 2]))
    (fault,) = faults(tmp_path, "[{vertex: z1, data: labels}]", many)
    assert fault == "pins.0: labels run to 4, but there are 2 classes"


def test_a_mean_over_an_array_needs_a_data_file(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "[{vertex: a0, data: mean, over: first}]", INLINE)
    assert fault == "pins.0: over names an array of a data file, but the data are inline"


def test_faults_of_several_pins_are_reported_together(tmp_path: Path) -> None:
    found = faults(
        tmp_path, "[{vertex: q, value: 1}, {vertex: a0, value: 1}, {vertex: z1, value: []}]"
    )
    assert [fault.split(":")[0] for fault in found] == ["pins.0", "pins.2"]
    found = faults(tmp_path, "[{vertex: a0}, {vertex: a0, value: 1, strength: -1}]")
    assert [fault.split(":")[0] for fault in found] == ["pins.0", "pins.1.strength"]
    assert faults(tmp_path, "[]")[0].startswith("pins: a network needs at least one pin")


def test_pins_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "[{vertex: a0, data: inputs}, {vertex: a0, value: 1, coords: [0]}]")
    assert fault.startswith("pins: two hard pins hold 'a0' at different values")
    pins = build(tmp_path, "[{vertex: a0, data: inputs}, {vertex: a0, value: 1, strength: 1}]")
    assert len(pins) == 2
