# SPDX-License-Identifier: MIT
"""Settings: frozen dataclasses of pydantic, which refuse unknown keys, other types and numbers that are not finite.

A class of settings is declared with ``@dataclass(frozen=True, config=STRICT)`` of `pydantic.dataclasses`.
"""

import json
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

# What a message says was wanted, where pydantic's own words are not those of YAML.
WANTED = {
    "dataclass_type": "a mapping",
    "tuple_type": "a list",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "greater_than_equal": "at least {ge}",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
}

Settings = TypeVar("Settings")


def from_dict(cls: type[Settings], tree: Any) -> Settings:
    """Build the settings ``cls`` from nested dictionaries, such as YAML or JSON gives them.

    Raises ValueError with one line that names the key, the value seen and the value wanted.
    """
    try:
        # In JSON, strict types still allow a list for a tuple and a mapping for a dataclass.
        return TypeAdapter(cls).validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise ValueError(_message(cls, error.errors()[0])) from None


def require_increasing_gamma(low: float, high: float) -> None:
    """Raise ValueError unless a range of log-SNR increases."""
    if not low < high:
        raise ValueError(f"gamma_low is {low}; wanted less than gamma_high, {high}")


def _message(cls: Any, error: ErrorDetails) -> str:
    """One line for an error in the settings ``cls``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if error["type"] == "unexpected_keyword_argument":
        for part in error["loc"][:-1]:
            cls = cls.__pydantic_fields__[part].annotation
        return f"unknown key {path}; known: {', '.join(sorted(cls.__pydantic_fields__))}"
    context = error.get("ctx", {})
    if error["type"] == "value_error":  # raised by a check of several settings together, which names them
        return f"{path}: {context['error']}" if path else str(context["error"])
    template = WANTED.get(error["type"])
    wanted = template.format(**context) if template else error["msg"].removeprefix("Input should be ")
    return f"{path or 'the configuration'} is {error['input']!r}; wanted {wanted}"
