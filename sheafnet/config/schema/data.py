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
    inputs: str = Field(
        description="Name of the array of inputs, of shape (n_0, samples), where n_0 is the width "
        "of the input of the network."
    )
    labels: str | None = Field(
        default=None,
        description="Name of the array of integer class labels, of shape (samples,). By default "
        "the samples have no labels.",
    )
    targets: str | None = Field(
        default=None,
        description="Name of the array of targets, of shape (n_out, samples), where n_out is the "
        "width of the output. By default the samples have no targets.",
    )
    subset: str | None = Field(
        default=None,
        description="Name of an array with the indices of the samples to use, counted from 0. By "
        "default all samples are used.",
    )
    limit: PositiveInt | None = Field(
        default=None,
        description="Largest number of samples to use, at least 1. The first samples of the subset "
        "are used; by default all of them.",
    )
    scale: PositiveFloat = Field(
        default=1.0, description="Positive factor by which all inputs are multiplied; by default 1."
    )


class CsvData(Section):
    """Samples from a CSV table: first a line of column names, then one row for each sample."""

    kind: Literal["csv"]
    path: ExistingFile
    """The CSV file, relative to the configuration file."""
    inputs: Annotated[list[str], Field(min_length=1)] = Field(
        description="Names of the columns of inputs, at least one. Their number is n_0, the width "
        "of the input."
    )
    labels: str | None = Field(
        default=None,
        description="Name of the column of integer class labels. By default the samples have no "
        "labels.",
    )
    targets: list[str] | None = Field(
        default=None,
        description="Names of the columns of targets. Their number is n_out, the width of the "
        "output. By default the samples have no targets.",
    )
    limit: PositiveInt | None = Field(
        default=None,
        description="Largest number of samples to use, at least 1. The first rows of the table are "
        "used; by default all rows.",
    )
    scale: PositiveFloat = Field(
        default=1.0, description="Positive factor by which all inputs are multiplied; by default 1."
    )


class InlineData(Section):
    """Samples written out in the configuration."""

    kind: Literal["inline"]
    inputs: list[list[float]] = Field(
        min_length=1,
        description="One row for each sample, at least one row. The length of a row is the width "
        "of the input of the network.",
    )
    labels: list[Annotated[int, Field(ge=0, le=2**31)]] | None = Field(
        default=None,
        description="One integer class label for each sample, at least 0. By default the samples "
        "have no labels.",
    )
    targets: list[list[float]] | None = Field(
        default=None,
        description="One row for each sample. The length of a row is the width of the output. By "
        "default the samples have no targets.",
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
    """Seed of the training samples and the test samples; 0 or more."""


class TestSection(Section):
    """Test samples, on which a network is evaluated while it is trained.

    They are data of the same kind as the training samples.
    """

    __test__ = False  # for pytest

    subset: str | None = Field(
        default=None,
        description="Name of an array of sample indices in the data file. By default all samples "
        "of ``path`` are used. Either ``subset`` or ``path`` must be given, or both.",
    )
    path: ExistingFile | None = Field(
        default=None,
        description="Another file, of the same kind as the file in ``data``. By default the test "
        "samples are in the file in ``data``.",
    )

    @model_validator(mode="after")
    def _something(self) -> TestSection:
        if self.subset is None and self.path is None:
            raise ValueError("name a subset of the data, or another file")
        return self


DataSection: TypeAlias = Annotated[
    FileData | CsvData | InlineData | TaskData, Field(discriminator="kind")
]
