# SPDX-License-Identifier: MIT
"""The loss of draws: how well two draws and the truth could be of one distribution.

The continuous ranked probability score is least on average if a draw has the distribution of the truth; in its fair
form (Ferro 2014, doi:10.1002/qj.2270) this holds for two draws. A score of each cell alone would not notice a wrong
texture. Therefore fields are also scored at coarser scales and after random filters, which combine cells and fields.

Each score is divided by the mean spread of the draws, which does not depend on the truth, so that all fields count
alike and the loss stays proper.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from icegen.training.share import Share

LEAST_CELLS = 16  # of the coarsest scale, along an edge
LEAST_SPREAD = 1e-3  # that divides a score, so that equal draws give a finite one
FILTERS, EDGE = 16, 5  # random filters at a scale, and their edge in cells
COARSEST_FILTERED = 2  # cells


def draw_loss(
    first: Tensor, second: Tensor, truth: Tensor, seen: Tensor, filtered: int, share: Share
) -> tuple[Tensor, Tensor]:
    """The loss of two draws [n, field, y, x] of each truth, and their spread over their error.

    seen: 1 where the truth counts, else 0, [n, 1, y, x];  filtered: how many of the fields, the first ones, the filters
    combine;  share: of the batch that the truth is. Collective: the mean over ranks is the loss of the whole batch.
    Spread and error are mean absolute differences, between the draws and from the truth. Their ratio is 1 for perfect
    draws.
    """
    losses, ratios = [], []
    pool = 1
    while pool == 1 or min(truth.shape[2:]) >= LEAST_CELLS * pool:
        weight = F.avg_pool2d(seen, pool)
        fields = [F.avg_pool2d(x * seen, pool) / weight.clamp(min=1e-6) for x in (first, second, truth)]
        weight = (weight > 0.3).to(truth.dtype)
        scored = [(fields, weight)]
        if pool <= COARSEST_FILTERED and min(weight.shape[2:]) >= EDGE:
            kernels = random_filters(filtered).to(truth)
            inside = (F.avg_pool2d(weight, EDGE, 1) > 0.99).to(truth.dtype)
            scored.append(([F.conv2d(x[:, :filtered] * weight, kernels) for x in fields], inside))
        for (one, other, wanted), counted in scored:
            count = share.mean(counted.sum()).clamp(min=1)
            error = (0.5 * ((one - wanted).abs() + (other - wanted).abs()) * counted).sum((0, 2, 3)) / count
            spread = ((one - other).abs() * counted).sum((0, 2, 3)) / count
            of_all = share.mean(spread.detach())
            losses.append(((error - 0.5 * spread) / (of_all + LEAST_SPREAD)).mean())
            ratios.append((of_all / share.mean(error.detach()).clamp(min=1e-30)).mean())
        pool *= 2
    return torch.stack(losses).sum(), torch.stack(ratios).mean()


def random_filters(fields: int) -> Tensor:
    """Filters [filter, field, edge, edge] of random numbers, whose sum is 0 for each field.

    Every second one only fills the inner 3 x 3 cells. Two of three see one field alone, in turn, so that rough fields
    do not hide smooth ones.
    """
    kernels = torch.randn(FILTERS, fields, EDGE, EDGE)
    inner = torch.ones_like(kernels)
    inner[::2, :, [0, -1], :] = 0
    inner[::2, :, :, [0, -1]] = 0
    kernels = (kernels - (kernels * inner).sum((2, 3), keepdim=True) / inner.sum((2, 3), keepdim=True)) * inner
    first = int(torch.randint(fields, ()))
    for turn, i in enumerate(i for i in range(FILTERS) if i % 3):
        kernels[i] *= F.one_hot(torch.tensor((first + turn) % fields), fields)[:, None, None]
    return kernels
