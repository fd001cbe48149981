"""The command line: one module for each verb, imported when the verb is used.

| verb | task |
|---|---|
| `run CONFIG` | run the job of a configuration, inference or training, and write a run directory |
| `sweep CONFIG` | repeat an inference with many seeds and settings, in parallel |
| `replay RUN_DIR` | repeat a run and compare digests, and events if the run used `--trace` |
| `check CONFIG` | validate a configuration and check the paper's theorems on its network |
| `schema` | print the JSON schema of configurations |

`CONFIG` is a YAML file or the name of a shipped configuration, such as `quickstart` or `digits`.
`--set KEY=VALUE` replaces one value: the key is a dotted path, the value is YAML. For `rule` and
`runtime` the value may be the kind alone, as in `--set runtime=simulator`. If `--set` gives a
section another kind, the settings that the file has for the former kind are discarded.

```sh
sheafnet check quickstart --set network.widths=[2,16,16,1]
sheafnet run quickstart --set runtime=simulator --set light_cone.vertex=z1 --set light_cone.at=30
sheafnet sweep quickstart --set runtime=simulator --seeds 0:2 --vary runtime.loss=0,0.2
```

A sweep runs every combination of the values of `--vary` with every seed, in as many processes as
there are processors. It prints medians and worst values for each setting, and writes a CSV file
with a row for every run. For each run that did not converge it prints the command that repeats the
run. `--draw FILE` plots energy against virtual time. In the configuration `delay-sweep`, twenty
agents seek consensus; the logarithm of the energy falls along a straight line for every upper bound
on the delays.

Ctrl-C and SIGTERM end a training when the batches in flight are finished, and a checkpoint is
written. `run --resume RUN_DIR` continues from the last checkpoint, also after the process was
killed. The result is equal, bit for bit, to the result of a training that was not interrupted. The
rule `joint` has no checkpoints. If the configuration has a section `light_cone`, as in the second
command above, `run` reports how a push of one stalk spreads; see `sheafnet.api.light_cone`.
`--costs` prints the messages and bytes on each edge. It also prints for each host how long it was
busy, waiting for messages, and away (down or paused).

| exit code | meaning |
|---|---|
| 0 | the job is done and converged; all checks hold |
| 1 | the job did not converge, or the check of a theorem, digest or light cone failed |
| 2 | wrong configuration or usage |
| 3 | an error while the job ran |
| 130 | interrupted before there was a result |

Invariants: verbs only parse options and print; `sheafnet.config` and `sheafnet.api` do the work.
Results go to standard output, progress and errors to standard error.
"""

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
    "sweep": "Run CONFIG with many seeds and settings, in parallel.",
    "replay": "Repeat the run in RUN_DIR and compare every event.",
    "check": "Validate CONFIG and check the theorems on its network.",
    "schema": "Print the JSON schema of a configuration.",
}


class Verbs(click.Group):
    """The group of verbs. It imports each verb when needed, and turns errors into exit codes."""

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
        except Exception:  # Uncaught, it would give exit code 1, the code for "not converged".
            click.echo(traceback.format_exc(), err=True, nl=False)
            ctx.exit(FAULT)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(sheafnet.__version__, prog_name="sheafnet")
def main() -> None:
    """Neural sheaves, relaxed by messages between neighbours.

    CONFIG is a YAML file, or the name of a configuration that comes with sheafnet (quickstart,
    digits).

    Exit codes: 0 done and converged; 1 did not converge, or a check failed; 2 wrong configuration
    or usage; 3 an error while the job ran; 130 interrupted before there was a result.
    """
