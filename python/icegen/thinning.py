# SPDX-License-Identifier: MIT
"""Thinning of long records."""

import numpy as np


def evenly(count: int, most: int) -> np.ndarray:
    """Indices of min(count, most) of ``count`` things in order, evenly spread and starting with the first; int64."""
    kept = min(count, most)
    return np.arange(kept) * count // max(kept, 1)
