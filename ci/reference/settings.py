# SPDX-License-Identifier: MIT
"""The page of a training's settings: each key of the YAML file with its kind, default and meaning."""

import ast
import dataclasses
import inspect
import re
import textwrap

from reference.text import note, table


def pages() -> dict[str, str]:
    """Path of the page below docs/api, and its text."""
    from icegen.training.config import Config

    text = "# Settings\n\n" + note("the classes of settings in python/icegen") + (
        "The keys of the YAML file that `--config` names. "
        "A key that the file leaves out has its default; a key that is not listed here is refused.\n\n"
    )
    config = Config()
    fields = dataclasses.fields(config)
    nested = [f for f in fields if dataclasses.is_dataclass(getattr(config, f.name))]
    text += f"## The file\n\n{rows(config, [f for f in fields if f not in nested])}\n"
    for field in nested:
        settings = getattr(config, field.name)
        summary = inspect.getdoc(type(settings)) or ""
        about = comments(type(config)).get(field.name, "")
        text += f"## `{field.name}`\n\n{sentence(about)}{summary}\n\n{rows(settings, list(dataclasses.fields(settings)))}\n"
    return {"settings.md": text}


def rows(settings: object, fields: list[dataclasses.Field]) -> str:
    """The table of some settings."""
    said = comments(type(settings))
    return table(
        ["key", "kind", "default", "meaning"],
        [
            [f"`{f.name}`", kind(f.type), f"`{plain(getattr(settings, f.name))}`", said.get(f.name, "").strip()]
            for f in fields
        ],
    )


def comments(cls: type) -> dict[str, str]:
    """The comment beside each field of a dataclass and of those that it extends."""
    found = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        source = textwrap.dedent(inspect.getsource(base))
        lines = source.splitlines()
        for node in ast.parse(source).body[0].body:
            if isinstance(node, ast.AnnAssign) and node.end_lineno is not None:
                after = lines[node.end_lineno - 1][node.end_col_offset :].strip()
                above = lines[node.lineno - 2].strip()
                comment = after if after.startswith("#") else above if above.startswith("#") else ""
                found[ast.unparse(node.target)] = sentence(comment.removeprefix("#").strip()).strip()
    return found


def sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop and a blank."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}. " if text else ""


def kind(annotation: object) -> str:
    """A type in words."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    if isinstance(annotation, type) is False:
        name = str(annotation)
    words = {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}
    item = re.match(r"tuple\[(\w+), \.\.\.\]", str(name))
    return f"list of {words[item[1]]}s" if item else words.get(str(name), str(name))


def plain(value: object) -> str:
    """A value as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(plain, value))}]"
    return str(value)
