"""The two READMEs, with the code blocks and commands of the main one."""

from __future__ import annotations

import re
from pathlib import Path

import sheafnet

ROOT = Path(sheafnet.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEPLOY_README = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of the main README in ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands(*, on_ray: bool) -> list[str]:
    """Return the ``sheafnet`` commands in the shell blocks: those that start Ray, or the rest."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    found = [part.split("#")[0].strip() for line in lines for part in line.split("&&")]
    ours = [command for command in found if command.startswith("sheafnet ")]
    return [command for command in ours if ("runtime.kind=cluster" in command) is on_ray]
