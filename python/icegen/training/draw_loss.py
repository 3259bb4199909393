# SPDX-License-Identifier: MIT
"""The loss of draws: how well two draws and the truth could be of one distribution.

The continuous ranked probability score is least on average if a draw has the distribution of the truth; in its fair
form (Ferro 2014, doi:10.1002/qj.2270) this holds for two draws. A score of each cell alone would not notice a wrong
texture. Therefore fields are also scored at coarser scales and after random filters, which combine cells and variables.

Errors in quiet places are small beside those at the ice edge. Each score is therefore divided by the spread of the
draws around its place, which does not depend on the truth, so that the loss stays proper.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_CELLS = 16  # of the coarsest scale, along an edge
FILTERS, EDGE = 16, 5  # random filters at a scale, and their edge in cells
COARSEST_FILTERED = 8  # cells
AROUND = 9  # cells, over which the spread is averaged


def draw_loss(first: Tensor, second: Tensor, truth: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of two draws [n, variable, y, x] of each truth, and their spread over their error.

    seen: 1 where the truth counts, else 0, [n, 1, y, x].
    Spread and error are mean absolute differences, between the draws and from the truth. Their ratio is 1 for perfect
    draws.
    """
    losses, spreads, errors = [], [], []
    pool = 1
    while pool == 1 or min(truth.shape[2:]) >= LEAST_CELLS * pool:
        weight = F.avg_pool2d(seen, pool)
        fields = [F.avg_pool2d(x * seen, pool) / weight.clamp(min=1e-6) for x in (first, second, truth)]
        weight = (weight > 0.3).to(truth.dtype)
        scored = [(fields, weight)]
        if pool <= COARSEST_FILTERED and min(weight.shape[2:]) >= EDGE:
            kernels = random_filters(truth.shape[1]).to(truth)
            inside = (F.avg_pool2d(weight, EDGE, 1) > 0.99).to(truth.dtype)
            scored.append(([F.conv2d(x * weight, kernels) for x in fields], inside))
        for (one, other, wanted), counted in scored:
            error = 0.5 * ((one - wanted).abs() + (other - wanted).abs())
            spread = (one - other).abs()
            counted = counted / local_mean(spread.detach(), counted)
            count = (counted > 0).sum().clamp(min=1)
            losses.append(((error - 0.5 * spread) * counted).sum() / count)
            errors.append((error.detach() * counted).sum() / count)
            spreads.append((spread.detach() * counted).sum() / count)
        pool *= 2
    return torch.stack(losses).sum(), torch.stack(spreads).sum() / torch.stack(errors).sum().clamp(min=1e-30)


def local_mean(spread: Tensor, weight: Tensor) -> Tensor:
    """The mean of spreads [n, field, y, x] around each place, plus the mean over all places, which bounds weights.

    weight: 1 where a spread counts, else 0, [n, 1, y, x].
    """
    edge = min(AROUND, *(2 * ((n + 1) // 2) - 1 for n in spread.shape[2:]))
    total = F.avg_pool2d(spread * weight, edge, 1, edge // 2)
    local = total / F.avg_pool2d(weight, edge, 1, edge // 2).clamp(min=1e-3)
    mean = (spread * weight).sum((0, 2, 3), keepdim=True) / weight.sum().clamp(min=1)
    return local + mean + 1e-4


def random_filters(variables: int) -> Tensor:
    """Filters [filter, variable, edge, edge] of random numbers, whose sum is 0 for each variable.

    Every second one only fills the inner 3 x 3 cells. A third of them sees one variable alone.
    """
    kernels = torch.randn(FILTERS, variables, EDGE, EDGE)
    inner = torch.ones_like(kernels)
    inner[::2, :, [0, -1], :] = 0
    inner[::2, :, :, [0, -1]] = 0
    kernels = (kernels - (kernels * inner).sum((2, 3), keepdim=True) / inner.sum((2, 3), keepdim=True)) * inner
    for i in range(0, FILTERS, 3):
        alone = int(torch.randint(variables, ()))
        kernels[i] *= F.one_hot(torch.tensor(alone), variables)[:, None, None]
    return kernels
