"""The sections of a configuration about samples."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from sheafnet.config.schema.section import ExistingFile, Section
from sheafnet.datasets import Task


class FileData(Section):
    """Samples from an ``.npz`` file."""

    kind: Literal["file"]
    path: ExistingFile
    """The ``.npz`` file, relative to the configuration file."""
    inputs: str = Field(description="Name of the array of inputs, of shape (n_0, samples).")
    labels: str | None = Field(
        default=None,
        description="Name of the array of integer class labels, of shape (samples,). By default "
        "there are none.",
    )
    targets: str | None = Field(
        default=None,
        description="Name of the array of targets, of shape (n_out, samples). By default there "
        "are none.",
    )
    subset: str | None = Field(
        default=None,
        description="Name of an array of the sample indices to use, from 0. By default all "
        "samples are used.",
    )
    limit: PositiveInt | None = Field(
        default=None,
        description="Number of samples to use, the first ones of the subset; at least 1. By "
        "default all.",
    )
    scale: PositiveFloat = Field(
        default=1.0, description="Positive factor by which all inputs are multiplied; by default 1."
    )


class CsvData(Section):
    """Samples from a CSV table: a first line of column names, then one row a sample."""

    kind: Literal["csv"]
    path: ExistingFile
    """The CSV file, relative to the configuration file."""
    inputs: Annotated[list[str], Field(min_length=1)] = Field(
        description="Names of the columns of inputs, at least one; n_0 is their number."
    )
    labels: str | None = Field(
        default=None,
        description="Name of the column of integer class labels. By default there are none.",
    )
    targets: list[str] | None = Field(
        default=None,
        description="Names of the columns of targets; n_out is their number. By default there are "
        "none.",
    )
    limit: PositiveInt | None = Field(
        default=None,
        description="Number of samples to use, the first rows of the table; at least 1. By "
        "default all.",
    )
    scale: PositiveFloat = Field(
        default=1.0, description="Positive factor by which all inputs are multiplied; by default 1."
    )


class InlineData(Section):
    """Samples written out in the configuration."""

    kind: Literal["inline"]
    inputs: list[list[float]] = Field(
        min_length=1, description="At least one row, one for each sample, of n_0 numbers each."
    )
    labels: list[Annotated[int, Field(ge=0, le=2**31)]] | None = Field(
        default=None,
        description="One integer class label for each sample, from 0. By default there are none.",
    )
    targets: list[list[float]] | None = Field(
        default=None,
        description="One row for each sample, of n_out numbers each. By default there are none.",
    )

    @field_validator("inputs", "targets")
    @classmethod
    def _rows_alike(cls, rows: list[list[float]] | None) -> list[list[float]] | None:
        if rows is None:
            return None
        widths = sorted({len(row) for row in rows})
        if len(widths) > 1:
            raise ValueError(f"the rows have different lengths: {widths}")
        return rows


class TaskData(Section):
    """Samples of one of the four tasks of Bosca & Ghrist 2026; see ``sheafnet.datasets.task``."""

    kind: Literal["task"]
    name: Task
    """Name of the task: ``paraboloid``, ``saddle``, ``circular`` or ``blobs``."""
    samples: PositiveInt = 300
    """Number of training samples; at least 1."""
    test: PositiveInt = 100
    """Number of test samples, drawn from the same distribution; at least 1."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of all samples; 0 or more."""


class TestSection(Section):
    """Other samples of the same kind of data, to evaluate a network on while it is trained."""

    __test__ = False  # for pytest

    subset: str | None = Field(
        default=None,
        description="Name of an array of sample indices in the data file. By default all samples "
        "of ``path``; one of the two must be given.",
    )
    path: ExistingFile | None = Field(
        default=None,
        description="Another file of the same kind as the data. By default the file of the data "
        "itself.",
    )

    @model_validator(mode="after")
    def _something(self) -> TestSection:
        if self.subset is None and self.path is None:
            raise ValueError("name a subset of the data, or another file")
        return self


DataSection: TypeAlias = Annotated[
    FileData | CsvData | InlineData | TaskData, Field(discriminator="kind")
]
