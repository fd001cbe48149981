"""The arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

C = TypeVar("C", bound=Callable[..., object])

config_argument = click.argument("config", metavar="CONFIG")


def override_option(command: C) -> C:
    """Add the option ``--set KEY=VALUE`` to a command; it may be given any number of times.

    Parameters
    ----------
    command
        Function with a parameter ``overrides``, which receives the values of all ``--set`` options
        as a tuple of strings.

    Returns
    -------
    C
        The command with the option.
    """
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Replace a value of the configuration, e.g. stop.max_rounds=1000.",
    )(command)
