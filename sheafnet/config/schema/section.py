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
    """A mapping of keys to values in the file; a key that is not a field is a fault."""

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
    """Return a validator that reports one fault for a value that fits no member of a union.

    Without it pydantic reports one fault for each member.

    Parameters
    ----------
    what
        Text for the fault: "expected <what>, got <value>".
    """

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"expected {what}, got {value}") from None

    return WrapValidator(validate)


ExistingFile: TypeAlias = Annotated[Path, AfterValidator(_existing)]
"""Path of an existing file, relative to the configuration file; its value is absolute."""

Hosts: TypeAlias = Annotated[
    Scheme | dict[str, tuple[str, ...]],
    expecting("by-layer, by-vertex, or each host with a list of its vertices"),
]
"""Placement of vertices on hosts; see ``sheafnet.runtime.hosts.placement.hosts_of``."""


def as_section(value: Any) -> Any:
    """Return ``{"kind": value}`` for a string, which stands for that section with its defaults.

    Any other value is returned as it is.
    """
    return {"kind": value} if isinstance(value, str) else value
