"""The base of every section of a configuration, and types that several of them share."""

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
    """A mapping in the file; a key that it does not know is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    """Have a value of none of several types refused once, not once a type."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"expected {what}, got {value}") from None

    return WrapValidator(validate)


ExistingFile: TypeAlias = Annotated[Path, AfterValidator(_existing)]
"""A path, relative to the configuration file."""

Hosts: TypeAlias = Annotated[
    Scheme | dict[str, tuple[str, ...]],
    expecting("by-layer, by-vertex, or each host with a list of its vertices"),
]
"""Which vertices share a host."""


def as_section(value: Any) -> Any:
    """Return the section that a word alone stands for: one of that kind, with its defaults."""
    return {"kind": value} if isinstance(value, str) else value
