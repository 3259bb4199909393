# SPDX-License-Identifier: MIT
"""The page of a training's settings: each key of the YAML file with its kind, default and meaning."""

import dataclasses
import inspect
import typing
from typing import Any

from reference.text import note, table

KINDS = {str: "text", int: "integer", float: "number", bool: "true or false"}
LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "multiple_of": "a multiple of {}",
    "min_length": "at least {} items",
    "max_length": "at most {} items",
}
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
        about = [meaning(Config.__pydantic_fields__[section]), inspect.getdoc(type(settings)) or ""]
        keys = [field.name for field in dataclasses.fields(settings)]
        text += f"## `{section}`\n\n{' '.join(about).strip()}\n\n{rows(settings, keys)}\n"
    return {"settings.md": text}


def rows(settings: Any, names: list[str]) -> str:
    """The table of some settings."""
    fields = type(settings).__pydantic_fields__
    lines = [
        [f"`{n}`", kind(fields[n].annotation), f"`{plain(getattr(settings, n))}`", meaning(fields[n])] for n in names
    ]
    return table(["key", "kind", "default", "meaning"], lines)


def meaning(field: Any) -> str:
    """What a key means, and which values it takes."""
    limits = [(words, getattr(bound, name, None)) for bound in field.metadata for name, words in LIMITS.items()]
    wanted = ", ".join(words.format(limit) for words, limit in limits if limit is not None)
    return " ".join(sentence(text) for text in (field.description, wanted) if text)


def sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def kind(annotation: Any) -> str:
    """A type in words."""
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is typing.Annotated:
        return kind(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is tuple:
        return f"list of {kind(typing.get_args(annotation)[0])}s"
    return KINDS[annotation]


def plain(value: object) -> str:
    """A value as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(plain, value))}]"
    return str(value)
