# SPDX-License-Identifier: MIT
"""What a change of a latent means for the variables, so that a sampler can inflate one variable and not another.

The mean of a variable over the cells of a latent cell follows, to a good approximation, from that cell's latent alone,
and linearly. Two linear regressions over training states therefore give a change of the latent for a change of means.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from icegen.data.prepared_file import PreparedData, by_season
from icegen.model.generative_model import GenerativeModel
from icegen.model.inflation import smoothed
from icegen.thinning import evenly

MOST_STATES = 200
LEAST_OCEAN = 0.9  # of a latent cell that counts


def fit_inflation(
    model: GenerativeModel, data: PreparedData, beyond: Sequence[float], fine: Sequence[float] = ()
) -> None:
    """Set how the model inflates the departure beyond its EOFs: the mean of each variable by its factor; and what the
    latent of open water is.

    beyond, fine: factors of the smoothed departure, and of the rest of it, one for each variable; none of them to
        inflate nothing.
    """
    model.inflation_beyond.zero_()
    model.inflation_fine.zero_()
    with torch.no_grad():
        model.open_water.copy_(model.encode(torch.zeros_like(model.gain)[None])[0])
    if not beyond and not fine:
        return
    read, write = means_of_latents(model, data)
    for matrix, factors in ((model.inflation_beyond, beyond), (model.inflation_fine, fine)):
        if factors:
            change = torch.tensor(factors, dtype=read.dtype) - 1.0
            matrix.copy_(read @ change.diag() @ write.t())


@torch.no_grad()
def means_of_latents(model: GenerativeModel, data: PreparedData) -> tuple[Tensor, Tensor]:
    """The linear relation of latents, and of means of the normalised variables over latent cells.

    Returns float64 [z, variable] twice: means are latents times the first; the second is the change of a latent
    that changes the mean of one variable by one, the others by none, and is the most likely such change.
    Both come from differences of training states of like dates, after means over 3 x 3 latent cells.
    """
    times = np.flatnonzero(data.training)
    times = by_season(data, times[evenly(len(times), MOST_STATES)])
    share = F.avg_pool2d(model.ocean, model.factor)
    z, variables = len(model.latent_mean), len(data.variables)
    square, product = torch.zeros(z, z).double(), torch.zeros(z, variables).double()
    before: Tensor | None = None
    for t in times:
        state = torch.from_numpy(np.array(data.state[t])).to(model.mean.device).float()[None]
        means = F.avg_pool2d(state / model.std * model.ocean, model.factor) / share.clamp(min=1e-6)
        now = smoothed(torch.cat([model.encode(state), means], 1), model.ocean_cells)[0]
        if before is not None:
            difference = (now - before).double()
            counts = (share[0, 0] >= LEAST_OCEAN) & (difference[z:] != 0).any(0)
            latent, mean = difference[:z, counts].cpu(), difference[z:, counts].cpu()
            square += latent @ latent.t()
            product += latent @ mean.t()
        before = now
    read = torch.linalg.lstsq(square, product, driver="gelsd").solution
    return read, square @ read @ torch.linalg.pinv(read.t() @ square @ read)
