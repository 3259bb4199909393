# SPDX-License-Identifier: MIT
"""The loss of draws: how well two draws and the truth could be of one distribution.

The continuous ranked probability score is least on average if a draw has the distribution of the truth; in its fair
form (Ferro 2014, doi:10.1002/qj.2270) this holds for two draws. A score of each cell alone would not notice a wrong
texture. Therefore fields are also scored at coarser scales and after random filters, which combine cells and fields.

Each score is divided by the departure from mu that can be expected at its place, so that all fields and places count
alike, however little is left open of them. Its size comes from the error of mu in the whole batch, its place and state
from how far mu moves with the noise of the latent. The divisor does not depend on the draws, and hardly on the
departure of one truth from mu, so the loss stays proper, and noise where there should be none costs much. Divided by
the error for the state itself, the loss would be least for draws that are too weak, because small errors would count
more.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from icegen.training.share import Share

LEAST_CELLS = 16  # of the coarsest scale, along an edge
PLACE = 32  # cells along an edge, which count as one place
LEAST_ERROR = 1e-4  # of mu, that divides a score
LEAST_SHARE = 0.03  # of the error, at any place
FILTERS, EDGE = 16, 5  # random filters at a scale, and their edge in cells
COARSEST_FILTERED = 8  # cells


def draw_loss(
    first: Tensor,
    second: Tensor,
    truth: Tensor,
    means: tuple[Tensor, Tensor],
    seen: Tensor,
    filtered: int,
    share: Share,
) -> tuple[Tensor, Tensor]:
    """The loss of two draws [n, field, y, x] of each truth, and their spread over their error.

    means: the same fields of the decoder's mu, of which the draws are draws, and of mu for another noise of the latent;
    seen: 1 where the truth counts, else 0, [n, 1, y, x];
    filtered: how many of the fields, the first ones, the filters combine;  share: of the batch that the truth is.
    Collective: the mean over ranks is the loss of the whole batch. Spread and error are mean absolute differences,
    between the draws and from the truth. Their ratio is 1 for perfect draws.
    """
    losses, ratios = [], []
    places = max(1, min(truth.shape[2:]) // PLACE)
    pool = 1
    while pool == 1 or min(truth.shape[2:]) >= LEAST_CELLS * pool:
        weight = F.avg_pool2d(seen, pool)
        fields = [F.avg_pool2d(x * seen, pool) / weight.clamp(min=1e-6) for x in (first, second, truth, *means)]
        weight = (weight > 0.3).to(truth.dtype)
        scored = [(fields, weight)]
        if pool <= COARSEST_FILTERED and min(weight.shape[2:]) >= EDGE:
            kernels = random_filters(filtered).to(truth)
            inside = (F.avg_pool2d(weight, EDGE, 1) > 0.99).to(truth.dtype)
            scored.append(([F.conv2d(x[:, :filtered] * weight, kernels) for x in fields], inside))
        for (one, other, wanted, mean, moved), counted in scored:
            error = at_places(0.5 * ((one - wanted).abs() + (other - wanted).abs()), counted, places)
            spread = at_places((one - other).abs(), counted, places)
            of_mean = over_batch((mean - wanted).abs(), counted, share)
            movement = (mean - moved).abs()
            relative = at_places(movement, counted, places) / over_batch(movement, counted, share).clamp(min=1e-30)
            expected = of_mean * (relative + LEAST_SHARE) + LEAST_ERROR
            losses.append(((error - 0.5 * spread) / expected).mean())
            ratios.append(
                (
                    share.mean(spread.detach().mean((0, 2, 3)))
                    / share.mean(error.detach().mean((0, 2, 3))).clamp(min=1e-30)
                ).mean()
            )
        pool *= 2
    return torch.stack(losses).sum(), torch.stack(ratios).mean()


def over_batch(field: Tensor, counted: Tensor, share: Share) -> Tensor:
    """Mean [1, field, 1, 1] of what counts of a field [n, field, y, x], over the batch that is shared."""
    total = share.mean((field * counted).sum((0, 2, 3)).detach())
    return (total / share.mean(counted.sum()).clamp(min=1e-6))[None, :, None, None]


def at_places(field: Tensor, counted: Tensor, places: int) -> Tensor:
    """Means [n, field, place, place] of what counts of a field [n, field, y, x], 0 where nothing does."""
    weight = F.adaptive_avg_pool2d(counted, places)
    return F.adaptive_avg_pool2d(field * counted, places) / weight.clamp(min=1e-6)


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
