"""The pictures that the Markdown files show, each made by the command that they name.

    python -m tests.bench.gallery [NAME …]

Without a name every picture is made again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.support.processes import PATH

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "tests" / "bench" / "pictures"


class Picture(NamedTuple):
    """A command, and the picture that it leaves in its folder, as a pattern for ``glob``."""

    command: str
    left: str


LIGHT_CONE = (
    "sheafnet run digits --set runtime.placement=by-vertex"
    " --set light_cone.vertex=z1 --set light_cone.at=30"
)
DELAYS = (
    "sheafnet sweep delay-sweep --seeds 0:2 --vary runtime.latency.high=1,50,200"
    " --out delays.csv --draw energy.svg"
)
TRAININGS = ("blobs", "circular", "digits", "joint", "table")

GALLERY = {
    "light-cone.svg": Picture(LIGHT_CONE, "runs/*/light-cone.svg"),
    "delays.svg": Picture(DELAYS, "energy.svg"),
    **{
        f"train-{name}.svg": Picture(f"sheafnet run configs/train-{name}.yaml", "runs/*/losses.svg")
        for name in TRAININGS
    },
    "completion.png": Picture("python -m tests.bench.completion --out it.png", "it.png"),
    "training.png": Picture("python -m tests.bench.training nothing --draw it.png", "it.png"),
    "rates.png": Picture("python -m tests.bench.rates --draw it.png", "it.png"),
}
"""File in ``PICTURES`` → how it is made."""


def make(name: str, folder: Path) -> None:
    """Run the command of a picture in an empty folder and put the picture into ``folder``.

    Raises
    ------
    subprocess.CalledProcessError
        If the command fails.
    """
    command, left = GALLERY[name]
    environment = {**os.environ, "PATH": PATH, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(
            shlex.split(command), cwd=work, env=environment, stdout=subprocess.DEVNULL, check=True
        )
        (picture,) = Path(work).glob(left)
        shutil.copyfile(picture, folder / name)


def main() -> None:
    """Make the pictures that the command line names, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GALLERY))
    names = parser.parse_args().names or list(GALLERY)
    if unknown := set(names) - set(GALLERY):
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(GALLERY)}")
    for name in names:
        make(name, PICTURES)
        print(PICTURES / name, flush=True)


if __name__ == "__main__":
    main()
