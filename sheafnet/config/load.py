"""The reading of a configuration: YAML, overrides, and validation that reports all errors."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sheafnet.config.schema.job import Config
from sheafnet.errors import ConfigError, Fault, nearest

OVERRIDE = "--set"
SHORTHANDS = ("rule", "runtime")
"""Sections that may be written as their kind alone, as in ``rule: prox``."""


@dataclass(frozen=True)
class Loaded:
    """A valid configuration, with the source of its values.

    Attributes
    ----------
    config
        The validated configuration, with all defaults.
    path
        The file from which the configuration was read.
    overridden
        Dotted paths of the keys whose values ``--set`` gave, in the order of the options.
    """

    config: Config
    path: Path
    overridden: tuple[str, ...] = ()

    def fault(self, key: str, message: str) -> Fault:
        """Return a fault that reports the value at ``key`` and the source of this value.

        The source is ``--set`` if the value was given there, and the file otherwise.

        Parameters
        ----------
        key
            Dotted path of the key.
        message
            Text that says what is wrong with the value.
        """
        return _fault(self.path, self.overridden, key, message)


def _fault(path: Path, overridden: Sequence[str], key: str, message: str) -> Fault:
    set_here = any(key == o or key.startswith(f"{o}.") for o in overridden)
    return Fault(OVERRIDE if set_here else str(path), key, message)


def load_config(path: Path, overrides: Iterable[str] = ()) -> Loaded:
    """Read and validate a configuration, and return it with the source of its values.

    Parameters
    ----------
    path
        A YAML file; paths inside it are relative to its folder.
    overrides
        Strings ``key.path=value`` that replace or add values; each value is YAML. If an override
        gives a section another ``kind``, the settings that the file has for the former kind are
        discarded.

    Raises
    ------
    ConfigError
        If the file cannot be read; if it is not YAML or has a key twice; if an override is not of
        the form ``key.path=value``; or if a key or a value does not fit the schema. The error lists
        every fault.
    """
    document = _read(path)
    overridden, faults = _apply(document, overrides)
    try:
        config = Config.model_validate(document, context={"base": path.parent})
    except ValidationError as error:
        details = error.errors()
        for detail in details:
            if not _follows(detail, details):
                faults.append(_fault(path, overridden, _key(detail["loc"]), _message(detail)))
    if faults:
        raise ConfigError(faults)
    return Loaded(config, path, tuple(overridden))


def alternatives(option: str) -> tuple[str, ...]:
    """Return the overrides that ``key=value,value,…`` stands for, one for each value.

    Parameters
    ----------
    option
        Text of the form ``key=value,value,…``, where each value is YAML. A value that contains a
        comma must be in quotes, or in brackets if it is a list.

    Raises
    ------
    ConfigError
        If ``option`` has no ``=``, no key or no value, or if the values are not YAML.
    """
    key, equals, text = option.partition("=")
    try:
        values = [json.dumps(value) for value in yaml.safe_load(f"[{text}]")]
    except _UNREADABLE:
        values = []
    if not key or not equals or not values:
        example = "expected KEY=VALUE,VALUE, for example runtime.loss=0,0.1,0.4"
        raise ConfigError([Fault("--vary", key, example)])
    return tuple(f"{key.strip()}={value}" for value in values)


def dump_config(config: Config) -> str:
    """Return ``config`` as YAML that includes every default; ``load_config`` can read this text."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


_UNREADABLE = (yaml.YAMLError, RecursionError, TypeError, ValueError)
"""Exceptions of PyYAML for malformed text, or for a value that does not fit its YAML tag."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """A YAML loader that refuses a repeated key. PyYAML itself would use the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} occurs twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise ConfigError([Fault(str(path), "", "no such file")]) from None
    except (OSError, UnicodeError) as error:
        raise ConfigError([Fault(str(path), "", f"cannot be read: {error}")]) from None
    except _UNREADABLE as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError([Fault(str(path), "", f"{where}not valid YAML: {problem}")]) from None
    if not isinstance(document, dict):
        raise ConfigError([Fault(str(path), "", "expected a mapping of keys to values")])
    return document


def _apply(document: dict[str, Any], overrides: Iterable[str]) -> tuple[list[str], list[Fault]]:
    """Write the overrides into ``document``.

    Returns
    -------
    tuple
        The list of the keys that were set, and a list with a fault for each override that could not
        be applied.

    Raises
    ------
    ValueError
        Never to the caller: the error of a malformed override is caught here and becomes a fault.
    """
    keys: list[str] = []
    faults = []
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        try:
            if not equals or not key:
                raise ValueError("expected KEY=VALUE, for example stop.max_rounds=1000")
            _assign(document, key.split("."), yaml.safe_load(text), keys)
        except _UNREADABLE as error:
            faults.append(Fault(OVERRIDE, key or override, str(error)))
        else:
            keys.append(key)
    return keys, faults


def _assign(
    document: dict[str, Any], parts: Sequence[str], value: Any, overridden: Sequence[str]
) -> None:
    section: Any = document
    for depth, part in enumerate(parts[:-1]):
        inner = section.get(part)
        if depth == 0 and part in SHORTHANDS and (inner is None or isinstance(inner, str)):
            inner = {"kind": inner or Config.model_fields[part].default.kind}
        inner = {} if inner is None else inner
        if not isinstance(inner, dict):
            raise ValueError(f"{'.'.join(parts[: depth + 1])} is a value, not a section")
        section[part] = inner
        section = inner
    # A section of another kind has other settings. Therefore the settings that the file gives for
    # the former kind are removed; those that an earlier override gave are kept.
    if parts[-1] == "kind" and section.get("kind") not in (None, value):
        prefix = ".".join(parts[:-1])
        kept = {key: v for key, v in section.items() if f"{prefix}.{key}" in overridden}
        section.clear()
        section.update(kept)
    section[parts[-1]] = value


def _follows(detail: ErrorDetails, details: Iterable[ErrorDetails]) -> bool:
    """Return whether a list counts as too short only because items of this list have faults."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in details
    )


def _key(loc: Sequence[int | str]) -> str:
    """Return the dotted path of the key at a location that pydantic reports.

    A location ``loc`` also contains the values of ``kind`` that select a section, such as ``prox``
    in a rule. The dotted path does not contain them.
    """
    parts, model = [], Config
    for part in loc:
        if model is not None and part in _kinds(model):
            model = _kinds(model)[str(part)]
            continue
        parts.append(str(part))
        model = _field_type(model, part)
    return ".".join(parts)


def _message(detail: ErrorDetails) -> str:
    """Return the message of a fault, in words that need no knowledge of pydantic."""
    kind, given = detail["type"], str(detail["input"])
    if kind == "extra_forbidden":
        name, section = str(detail["loc"][-1]), _section(detail["loc"][:-1])
        return f"no such key{nearest(name, section.model_fields if section else ())}"
    if kind == "missing":
        return "this key is required"
    if kind == "union_tag_not_found":
        return f"this section needs a kind{nearest('', _kinds(_field_at(detail['loc'])))}"
    if kind in ("literal_error", "union_tag_invalid"):
        context = detail["ctx"]
        valid = re.findall(r"'([^']*)'", str(context.get("expected") or context["expected_tags"]))
        shown = str(context.get("tag", given))
        return f"no choice {shown!r}{nearest(shown, valid)}"
    message = detail["msg"].removeprefix("Value error, ")
    return message if kind == "value_error" else f"{message[0].lower()}{message[1:]}, got {given}"


def _section(loc: Sequence[int | str]) -> type[BaseModel] | None:
    found = _field_at(loc)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _field_at(loc: Sequence[int | str]) -> Any:
    """Return the type of the key at a location that pydantic reports; None if no key is there."""
    found: Any = Config
    for part in loc:
        kinds = _kinds(found)
        found = kinds[str(part)] if part in kinds else _field_type(found, part)
    return found


def _field_type(model: Any, part: int | str) -> Any:
    if isinstance(part, int):  # ``part`` is the index of an item of a list.
        return next(iter(typing.get_args(model)), None)
    for member in (model, *typing.get_args(model)):  # ``X``, or the X of ``X | None``.
        if isinstance(member, type) and issubclass(member, BaseModel):
            field = member.model_fields.get(part)
            return field.annotation if field else None
    return None


def _kinds(annotation: Any) -> dict[str, Any]:
    """Return kind → class of the section for a union of sections; empty for any other type."""
    kinds: dict[str, Any] = {}
    for member in typing.get_args(annotation):
        if not isinstance(member, type):  # A union within ``X | None``.
            kinds |= _kinds(member)
        elif issubclass(member, BaseModel) and "kind" in member.model_fields:
            kinds[typing.get_args(member.model_fields["kind"].annotation)[0]] = member
    return kinds
