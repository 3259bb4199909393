# SPDX-License-Identifier: MIT
"""Settings as dataclasses, built strictly: a misspelt key or a value of the wrong type is refused."""

import dataclasses
import math
import types
import typing
from typing import Any, TypeVar

Settings = TypeVar("Settings")


def require(condition: bool, message: str) -> None:
    """Raise ValueError with a message unless a condition holds."""
    if not condition:
        raise ValueError(message)


def at_least_one(config: object, *names: str) -> None:
    """Raise ValueError for a setting of these names below 1."""
    for name in names:
        require(getattr(config, name) >= 1, f"{name} is {getattr(config, name)}; wanted at least 1")


def one_of(config: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError for a setting that is none of its choices."""
    value = getattr(config, name)
    require(value in choices, f"{name} is {value!r}; wanted one of {', '.join(choices)}")


def increasing_gamma(config: Any) -> None:
    """Raise ValueError unless the range of log-SNR of some settings, gamma_low to gamma_high, increases."""
    require(config.gamma_low < config.gamma_high,
            f"gamma_low is {config.gamma_low}; wanted less than gamma_high, {config.gamma_high}")  # fmt: skip


def from_dict(cls: type[Settings], tree: Any, where: str = "") -> Settings:
    """Build dataclass ``cls`` from nested dictionaries; ``where`` is the path of keys for messages."""
    require(isinstance(tree, dict), f"{where or 'the configuration'} is {tree!r}; wanted a mapping")
    hints = typing.get_type_hints(cls)
    unknown = [key for key in tree if key not in hints]
    require(not unknown, f"unknown key {where}{unknown[0] if unknown else ''}; known: {', '.join(sorted(hints))}")
    return cls(**{key: _convert(hints[key], value, where + key) for key, value in tree.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return from_dict(kind, value, where + ".")
    if isinstance(kind, types.GenericAlias):  # tuple[item, ...]
        require(isinstance(value, list | tuple), f"{where} is {value!r}; wanted a list")
        return tuple(_convert(typing.get_args(kind)[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    require(type(value) is kind, f"{where} is {value!r}; wanted {kind.__name__}")
    require(kind is not float or math.isfinite(value), f"{where} is {value!r}; wanted a number with an end")
    return value
