"""The sections of a configuration about samples."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from sheafnet.config.schema.section import ExistingFile, Section
from sheafnet.datasets import Task


class FileData(Section):
    """Samples from an .npz file."""

    kind: Literal["file"]
    path: ExistingFile
    inputs: str = Field(description="name of the array of inputs, shape (n_0, samples)")
    labels: str | None = Field(
        default=None, description="name of the array of class labels, (samples,)"
    )
    targets: str | None = Field(
        default=None, description="name of the array of targets, (n_out, samples)"
    )
    subset: str | None = Field(
        default=None, description="name of an array of sample indices to use"
    )
    limit: PositiveInt | None = Field(
        default=None, description="use this many samples, from the first"
    )
    scale: PositiveFloat = Field(default=1.0, description="inputs are multiplied by this")


class CsvData(Section):
    """Samples from a table with a line of column names, one row a sample."""

    kind: Literal["csv"]
    path: ExistingFile
    inputs: Annotated[list[str], Field(min_length=1)] = Field(description="names of columns")
    labels: str | None = Field(default=None, description="name of the column of class labels")
    targets: list[str] | None = Field(default=None, description="names of columns")
    limit: PositiveInt | None = Field(
        default=None, description="use this many samples, from the first"
    )
    scale: PositiveFloat = Field(default=1.0, description="inputs are multiplied by this")


class InlineData(Section):
    """Samples written out in the file."""

    kind: Literal["inline"]
    inputs: list[list[float]] = Field(
        min_length=1, description="one row a sample, n_0 numbers each"
    )
    labels: list[Annotated[int, Field(ge=0, le=2**31)]] | None = Field(
        default=None, description="one class label a sample"
    )
    targets: list[list[float]] | None = Field(
        default=None, description="one row a sample, n_out numbers each"
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
    """Samples of a made-up task of Bosca & Ghrist 2026, drawn anew."""

    kind: Literal["task"]
    name: Task
    samples: PositiveInt = 300
    test: PositiveInt = 100
    seed: Annotated[int, Field(ge=0)] = 0


class TestSection(Section):
    """Other samples of the same data."""

    __test__ = False  # for pytest

    subset: str | None = Field(default=None, description="name of an array of sample indices")
    path: ExistingFile | None = Field(default=None, description="of another file of that kind")

    @model_validator(mode="after")
    def _something(self) -> TestSection:
        if self.subset is None and self.path is None:
            raise ValueError("name a subset of the data, or another file")
        return self


DataSection: TypeAlias = Annotated[
    FileData | CsvData | InlineData | TaskData, Field(discriminator="kind")
]
