# SPDX-License-Identifier: MIT
"""The page of a training's settings: each key of the YAML file with its kind, default and meaning."""

import ast
import dataclasses
import inspect
import textwrap
import typing
from typing import Any

from reference.text import note, table

KINDS = {str: "text", int: "integer", float: "number", bool: "true or false"}
LIMITS = {"ge": "at least ", "gt": "more than ", "le": "at most ", "lt": "less than ", "multiple_of": "a multiple of "}
INTRODUCTION = """The keys of the YAML file that `--config` names.
A key that the file leaves out has its default; a key that is not listed here is refused.
The key `base` names another configuration, shipped or a file, on which the file builds.
The file's keys replace those of its base.
`--set KEY=VALUE`, such as `--set sampler.steps=12`, replaces a single value.

"""


def pages() -> dict[str, str]:
    """Path of the page below docs/api, and its text."""
    from icegen.training.config import Config

    text = "# Settings\n\n" + note("the classes of settings in python/icegen") + INTRODUCTION
    config = Config()
    names = [field.name for field in dataclasses.fields(config)]
    sections = [name for name in names if dataclasses.is_dataclass(getattr(config, name))]
    text += f"## The file\n\n{rows(config, [name for name in names if name not in sections])}\n"
    for section in sections:
        settings = getattr(config, section)
        about = meanings(Config)[section] + (inspect.getdoc(type(settings)) or "")
        keys = [field.name for field in dataclasses.fields(settings)]
        text += f"## `{section}`\n\n{about}\n\n{rows(settings, keys)}\n"
    return {"settings.md": text}


def rows(settings: object, names: list[str]) -> str:
    """The table of some settings."""
    fields = {field.name: field for field in dataclasses.fields(settings)}
    said = meanings(type(settings))
    return table(
        ["key", "kind", "default", "meaning"],
        [
            [f"`{name}`", kind(fields[name].type), f"`{plain(getattr(settings, name))}`", said[name].strip()]
            for name in names
        ],
    )


def meanings(cls: type) -> dict[str, str]:
    """What each key of some settings means, and which values it takes."""
    found = dict.fromkeys((field.name for field in dataclasses.fields(cls)), "") | comments(cls)
    for name, field in getattr(cls, "__pydantic_fields__", {}).items():
        wanted = ", ".join(LIMITS[limit] + str(value) for limit, value in limits(field))
        found[name] = sentence(field.description or "") + sentence(wanted)
    return found


def limits(field: Any) -> list[tuple[str, Any]]:
    """The limits of a key's values, by name."""
    return [(name, getattr(bound, name)) for bound in field.metadata for name in LIMITS if hasattr(bound, name)]


def comments(cls: type) -> dict[str, str]:
    """The comment beside each field of a dataclass and of those that it extends."""
    found = {}
    for base in filter(dataclasses.is_dataclass, reversed(cls.__mro__)):
        source = textwrap.dedent(inspect.getsource(base))
        lines = source.splitlines()
        for node in ast.parse(source).body[0].body:
            if isinstance(node, ast.AnnAssign):
                comment = lines[node.end_lineno - 1][node.end_col_offset :].strip()
                found[ast.unparse(node.target)] = sentence(comment.removeprefix("#").strip())
    return found


def sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop and a blank."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}. " if text else ""


def kind(annotation: Any) -> str:
    """A type in words."""
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        item, *bounds = typing.get_args(typing.get_args(annotation)[0]) or typing.get_args(annotation)[:1]
        least = [LIMITS[name] + str(getattr(b, name)) for b in bounds for name in LIMITS if hasattr(b, name)]
        return f"list of {KINDS[item]}s" + (f", each {least[0]}" if least else "")
    return KINDS[annotation]


def plain(value: object) -> str:
    """A value as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(plain, value))}]"
    return str(value)
