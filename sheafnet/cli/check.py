"""The verb ``sheafnet check``: validation of a configuration, and the theorems on its network."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from sheafnet.cli.options import config_argument, override_option
from sheafnet.cli.printing import show
from sheafnet.config.builders.job import build_job
from sheafnet.config.load import load_config
from sheafnet.config.shipped import find_config
from sheafnet.core.theorems import check_theorems

SAMPLES = 3


@click.command()
@config_argument
@override_option
@click.pass_context
def check(ctx: click.Context, config: str, overrides: Sequence[str]) -> None:
    """Validate CONFIG and check the theorems on its network.

    The theorems are checked with the input pinned to the first three samples of the data. The
    exit code is 1 if a theorem does not hold.
    """
    path = find_config(config)
    job = build_job(load_config(path, overrides))
    show(f"{path}: valid")
    if job.network is None or job.samples is None:
        return  # The theorems are about networks only.
    table = Table("theorem", "holds", "figure")
    with Console(stderr=True).status("checking the theorems"):
        findings = check_theorems(job.network, job.samples.inputs[:, :SAMPLES])
    for finding in findings:
        table.add_row(finding.statement, "yes" if finding.holds else "NO", finding.figure)
    show(table)
    ctx.exit(0 if all(finding.holds for finding in findings) else 1)
