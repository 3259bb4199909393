# SPDX-License-Identifier: MIT
"""What the times of data are for, and over how long their states average."""

import numpy as np

SPLITS = {"training": b"t", "validation": b"v", "test": b"x"}  # in the variable split of a source or prepared file


def several_averagings(averaging: np.ndarray | None) -> bool:
    """Whether the states of some data average over times of different length, such as days and months.

    averaging: days, float64 [time], NaN where unknown; None if nothing is known.
    """
    if averaging is None or np.isnan(averaging).all():
        return False
    return bool(np.nanmax(averaging) > 1.5 * np.nanmin(averaging))
