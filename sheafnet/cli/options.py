"""Arguments that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

C = TypeVar("C", bound=Callable[..., object])

config_argument = click.argument("config", metavar="CONFIG")


def override_option(command: C) -> C:
    """Add ``--set KEY=VALUE``, any number of times, as ``overrides``."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Replace a value of the configuration, e.g. stop.max_rounds=1000.",
    )(command)
