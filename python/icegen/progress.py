# SPDX-License-Identifier: MIT
"""How long work reports its progress: the caller passes a function that wraps a loop."""

from collections.abc import Callable, Iterable
from typing import Any

Wrap = Callable[[Any], Iterable[Any]]  # iterates over a sequence, and shows how far it came
Stages = Callable[[str], Wrap]  # gives the wrapper of a stage by the stage's name
