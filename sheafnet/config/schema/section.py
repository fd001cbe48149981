"""The base class of every section of a configuration, and types that several sections share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from sheafnet.runtime.hosts.placement import Scheme


class Section(BaseModel):
    """A section of a configuration. It maps keys to values; a key without a field is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _existing(path: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base", Path())
    try:
        resolved = (base / path).resolve()
        found = resolved.is_file()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"cannot be looked up: {error}") from None
    if not found:
        raise ValueError(f"no such file: {resolved}")
    return resolved


def expecting(what: str) -> WrapValidator:
    """Return a validator that reports one fault if a value fits no type of a union.

    Without this validator pydantic reports one fault for each type in the union.

    Parameters
    ----------
    what
        Text that describes the expected values. The message is "expected <what>, got <value>".
    """

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"expected {what}, got {value}") from None

    return WrapValidator(validate)


ExistingFile: TypeAlias = Annotated[Path, AfterValidator(_existing)]
"""Path of an existing file. In the document it is relative to the configuration file; validation
makes it absolute."""

Hosts: TypeAlias = Annotated[
    Scheme | dict[str, tuple[str, ...]],
    expecting("by-layer, by-vertex, or each host with a list of its vertices"),
]
"""Placement of vertices on hosts; see ``sheafnet.runtime.hosts.placement.hosts_of``."""


def as_section(value: Any) -> Any:
    """Return ``{"kind": value}`` if ``value`` is a string, else ``value`` itself.

    With this validator the kind alone may stand for a section of this kind with default settings.
    """
    return {"kind": value} if isinstance(value, str) else value
