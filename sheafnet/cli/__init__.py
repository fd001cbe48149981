"""The command line. Each verb has a file, imported when the verb is used."""

from __future__ import annotations

import importlib
import traceback
from typing import Any

import click

import sheafnet
from sheafnet.errors import InputError, SheafnetError

NOT_CONVERGED = 1
BAD_INPUT = 2
FAULT = 3
INTERRUPTED = 130

VERBS = {
    "run": "Do the job that CONFIG describes.",
    "sweep": "Do it with many seeds and settings, in parallel.",
    "replay": "Repeat the run in RUN_DIR and compare every event.",
    "check": "Validate CONFIG and check the theorems on its network.",
    "schema": "Print the JSON schema of a configuration.",
}


class Verbs(click.Group):
    """Verbs that are imported when used, and errors as one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"sheafnet.cli.{cmd_name}"), cmd_name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (click.Abort, KeyboardInterrupt):
            ctx.exit(INTERRUPTED)
        except SheafnetError as error:
            for line in str(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(BAD_INPUT if isinstance(error, InputError) else FAULT)
        except Exception:  # any other is a fault too, and must not exit as "not converged"
            click.echo(traceback.format_exc(), err=True, nl=False)
            ctx.exit(FAULT)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(sheafnet.__version__, prog_name="sheafnet")
def main() -> None:
    """Neural sheaves, relaxed by messages between neighbours.

    CONFIG is a YAML file, or the name of one that comes with sheafnet (quickstart, digits).

    Exit codes: 0 done and converged; 1 ran but did not converge; 2 bad configuration or
    usage; 3 a fault while running; 130 interrupted before there was anything to keep.
    """
