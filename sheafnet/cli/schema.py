"""The verb ``sheafnet schema``, which prints the JSON schema of configurations."""

from __future__ import annotations

import json

import click

from sheafnet.config.schema.job import Config


@click.command()
def schema() -> None:
    """Print the JSON schema of a configuration."""
    click.echo(json.dumps(Config.model_json_schema(), indent=2))
