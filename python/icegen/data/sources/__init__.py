# SPDX-License-Identifier: MIT
"""Where the states of a prepared file come from: one module for each source, all with one interface."""

from typing import Protocol

import numpy as np

from icegen.data.consistency import ThicknessRange
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable


class Source(Protocol):
    """States on one grid, which are read one time after the other.

    times: dates with ``year``, ``month`` and ``day`` (``datetime`` or ``cftime``), strictly increasing.
    attributes: ``title``, ``source`` and ``references`` for the prepared file, as far as they are known.
    thickness: the range of sit / sic that its states are brought to.
    split: the source's own split of its times, S1 [time] of ``icegen.data.times.SPLITS``; None if it has none.
    """

    variables: tuple[Variable, ...]
    times: list
    attributes: dict[str, str]
    split: np.ndarray | None
    thickness: ThicknessRange

    @property
    def averaging(self) -> np.ndarray | None:
        """Days that each state is a mean over, float64 [time], NaN where unknown; None if nothing is known of it."""

    @property
    def grid(self) -> Grid | CurvilinearGrid:
        """Where the states are."""

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float [variable, y, x] in our units, NaN where there is no value."""
