# SPDX-License-Identifier: MIT
"""Configurations in YAML: one file may build on another, and single values may be changed.

The key ``base`` of a file names the configuration that it builds on: a shipped one, or a file. Mappings are merged key
by key; any other value takes the place of the one in the base.
"""

import dataclasses
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from icegen.settings import from_dict
from icegen.training.config import Config

BASE = "base"


def load_config(source: str | Path, changes: Iterable[str] = ()) -> Config:
    """Read the configuration ``source``: the name of a shipped one, or the path of a YAML file.

    changes: values that replace those of the file, as texts such as ``sampler.steps=12``.
    Raises ValueError naming the file and the key that does not fit.
    """
    path = find(source)
    tree = merge(_read_with_bases(path, ()), changes_tree(changes))
    try:
        return from_dict(Config, tree)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def change(config: Config, changes: Iterable[str]) -> Config:
    """A copy of a configuration with ``changes`` as `load_config` takes them. Raises ValueError as that does."""
    return from_dict(Config, merge(dataclasses.asdict(config), changes_tree(changes)))


def find(source: str | Path) -> Path:
    """The path of a configuration: of the shipped one with that name, or else of the file."""
    shipped = Path(str(resources.files("icegen.training"))) / "configs" / f"{source}.yaml"
    return shipped if "/" not in str(source) and shipped.is_file() else Path(source)


def merge(base: dict, changes: dict) -> dict:
    """A copy of ``base`` with ``changes``; mappings that both have are merged likewise."""
    merged = base | changes
    for key in base.keys() & changes.keys():
        if isinstance(base[key], dict) and isinstance(changes[key], dict):
            merged[key] = merge(base[key], changes[key])
    return merged


def changes_tree(changes: Iterable[str]) -> dict[str, Any]:
    """Nested dictionaries of changes such as ``sampler.steps=12``; values are read as YAML.

    Raises ValueError for a text of another form.
    """
    tree: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not key.strip() or not equals:
            raise ValueError(f"setting is {change!r}; wanted KEY=VALUE such as sampler.steps=12")
        value = _parse(text, f"the value of {key}")
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        tree = merge(tree, value)
    return tree


def _read_with_bases(path: Path, above: tuple[Path, ...]) -> dict:
    """The mapping in a file, merged into that of its base. ``above``: files that build on this one."""
    if path.resolve() in above:
        raise ValueError(f"{path} builds on itself")
    tree = _read(path)
    if BASE not in tree:
        return tree
    base = tree.pop(BASE)
    if not isinstance(base, str):
        raise ValueError(f"{path}: {BASE} is {base!r}; wanted the name of a configuration or the path of a file")
    below = find(base)
    if not below.is_absolute():
        below = path.parent / below
    return merge(_read_with_bases(below, (*above, path.resolve())), tree)


def _read(path: Path) -> dict:
    """The mapping in a file."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise ValueError(f"configuration file {path} does not exist") from None
    except OSError as error:
        raise ValueError(f"configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"configuration file {path} is not text in UTF-8") from None
    tree = _parse(text, str(path))
    if tree is None:  # an empty file
        return {}
    if not isinstance(tree, dict):
        raise ValueError(f"{path}: the configuration is {tree!r}; wanted a mapping")
    return tree


def _parse(text: str, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from None


class _StrictLoader(yaml.SafeLoader):
    """Refuses a mapping with a key twice, of which YAML would keep the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key} appears twice", node.start_mark)
        return super().construct_mapping(node, deep)
