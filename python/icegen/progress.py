# SPDX-License-Identifier: MIT
"""How long loops report progress: the caller passes a function that wraps the loop."""

from collections.abc import Callable, Iterable
from typing import Any

Wrap = Callable[[Any], Iterable[Any]]  # iterates over a sequence and shows how far it has come
Stages = Callable[[str], Wrap]  # returns the wrapper for a stage, given the name of the stage
