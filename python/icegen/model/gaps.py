# SPDX-License-Identifier: MIT
"""Values in the gaps of a field, from the known ones around them (pull-push; Gortler et al. 1996,
doi:10.1145/237170.237200, section 3.4).

The field is averaged over squares of cells that double in size. A gap takes the mean of the known cells in the smallest
square that has some, interpolated between the squares.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def spread_into_gaps(values: Tensor, known: Tensor, doublings: int = 5) -> Tensor:
    """Fill the gaps of fields.

    values: float32 [n, variable, y, x], 0 in gaps;  known: the same shape, 1 where the value is known, 0 in gaps;
    doublings: the largest squares have 2^doublings cells a side.
    Returns the known values, smooth ones in gaps, and 0 far from all known cells.
    """
    means = [values]
    weights = [known]
    for _ in range(doublings):
        total = F.avg_pool2d(means[-1] * weights[-1], 2, ceil_mode=True)
        weight = F.avg_pool2d(weights[-1], 2, ceil_mode=True)
        means.append(torch.where(weight > 0, total / weight.clamp(min=1e-30), 0.0))
        weights.append((4.0 * weight).clamp(max=1.0))
    filled = torch.zeros_like(means[-1])
    for i in range(len(means)):
        mean, weight = means[doublings - i], weights[doublings - i]
        around = F.interpolate(filled, size=mean.shape[2:], mode="bilinear", align_corners=False)
        filled = torch.where(weight >= 1.0, mean, weight * mean + (1.0 - weight) * around)
    return filled
