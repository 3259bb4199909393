# SPDX-License-Identifier: MIT
"""The same figure of generated, of real and of the floor's states."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Trio(NamedTuple):
    """A figure, or a set of states, of generated and of real states, and of the floor: other real states.

    real, floor: None where there is none.
    """

    generated: Any
    real: Any = None
    floor: Any = None

    def map(self, function: Callable[[Any], Any]) -> "Trio":
        """The function of each that there is."""
        return Trio(*(None if value is None else function(value) for value in self))

    def against_real(self, function: Callable[[Any, Any], Any]) -> "Trio":
        """The function of the generated and the real ones, and of the floor's and the real ones; ``real`` is None."""
        return Trio(None if self.generated is None else function(self.generated, self.real),
                    floor=None if self.floor is None else function(self.floor, self.real))  # fmt: skip
