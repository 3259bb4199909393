# SPDX-License-Identifier: MIT
"""The decoder's mu of denoised states, made once by all devices and kept in a file beside the checkpoint.

They are what a detail network starts from. The file is an array of numpy, float16 [state, variable, y, x], normalised.
It is made anew whenever a training starts or resumes.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from icegen.data.prepared_file import PreparedData
from icegen.model.denoiser import ocean_inputs
from icegen.model.generative_model import GenerativeModel
from icegen.training.share import Share


@torch.no_grad()
def write_means(path: Path, model: GenerativeModel, data: PreparedData, times: np.ndarray, share: Share) -> None:
    """Write mu of the states at some times, int64 [n], as a sampler that ends near them decodes them.

    Collective: each rank makes its part. Raises ValueError if a state cannot be read, or the file not be written.
    """
    if not len(times):  # numpy maps no empty file
        return
    device = model.mean.device
    failure: Exception | None = None
    try:
        if share.rank == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # a training that is killed may still read the old one
            shape = (len(times), *data.state.shape[1:])
            np.lib.format.open_memmap(path, "w+", dtype="<f2", shape=shape).flush()
    except OSError as error:
        failure = error
    share.agree(failure, device)
    try:
        file = np.load(path, mmap_mode="r+")
        for i in np.array_split(np.arange(len(times)), share.size)[share.rank]:
            t = int(times[i])
            state = torch.from_numpy(np.array(data.state[t], np.float32))[None].to(device)
            date = torch.tensor([[int(data.year[t]), int(data.day_of_year[t])]], device=device)
            mu = mean_of(model, state, date, seed=t)
            file[i] = ((mu - model.mean) / model.std)[0].cpu().half().numpy()
        file.flush()
    except (ValueError, OSError, RuntimeError) as error:
        failure = error
    share.agree(failure, device)


def mean_of(model: GenerativeModel, state: Tensor, date: Tensor, seed: int) -> Tensor:
    """The decoder's mu [1, variable, y, x] where the last step of the sampler comes from near a state, physical units.

    state: [1, variable, y, x];  date: int64 [1, 2];  seed: of the noise that the last step removes.
    """
    latent = model.encode(state)
    s = math.exp(-0.5 * model.gamma_high)
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(seed)).to(latent)
    inputs = model.inputs_of(date if model.conditional else date[:, :0])
    mask = ocean_inputs(model.ocean, model.factor)[0]
    denoised = model.denoise((latent + s * noise) * model.ocean_cells, s, inputs, mask)
    return model.decode_mean(denoised, model.latent_noise)
