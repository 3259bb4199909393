# SPDX-License-Identifier: MIT
"""Values in the gaps of a field, from the known ones around them (pull-push; Gortler et al. 1996,
doi:10.1145/237170.237200, section 3.4).

The field is averaged over squares of cells that double in size. A gap takes what the smallest square with known cells
says of it, a part of which comes from larger squares.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def spread_into_gaps(values: Tensor, known: Tensor) -> Tensor:
    """Fill the gaps of fields.

    values: float32 [n, variable, y, x], 0 in gaps;  known: the same shape, 1 where the value is known, 0 in gaps.
    Returns values that are smooth in gaps and fall towards 0 far from all known ones.
    """
    averages = [values]
    parts = [known]  # of each square that is known
    while max(values.shape[2], values.shape[3]) > 1:
        values = F.avg_pool2d(values, 2, ceil_mode=True)
        known = F.avg_pool2d(known, 2, ceil_mode=True)
        averages.append(values)
        parts.append(known)
    filled = torch.zeros_like(values)
    for i in range(len(averages)):
        average, part = averages[len(averages) - 1 - i], parts[len(averages) - 1 - i]
        around = F.interpolate(filled, size=average.shape[2:], mode="bilinear", align_corners=False)
        filled = average + (1.0 - part) * around
    return filled
