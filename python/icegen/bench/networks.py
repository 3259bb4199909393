# SPDX-License-Identifier: MIT
"""Measurements of the time of a sample: the archive, its sampler, its latent space, the bridge."""

import itertools
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from icegen.archive import Archive, load
from icegen.archive.observations import Observations
from icegen.bench.eager import eager
from icegen.bench.limits import waiting_for
from icegen.bench.rows import Row, Work, paired
from icegen.host.backend import Backend
from icegen.model.denoiser import DenoiserConfig, UViT, ocean_inputs
from icegen.model.sampler import SamplerName
from icegen.validation.generated import BridgeSampleSource, SampleKey

CPU = torch.device("cpu")
PAPER_STEPS = 20  # of Heun's method: 39 evaluations
FEW_STEPS = 10  # of DPM-Solver++(2M): 10 evaluations
# Diffusion in data space with about as many weights as the shipped latent model.
DATA_SPACE = DenoiserConfig(widths=(32, 64, 128, 256, 256), blocks=(2, 2, 2, 2, 6), eofs=0)


def through_bridge(archive: Archive, pairs: int) -> Row:
    """Time of a sample through the bridge, over that of the archive. Raises ImportError without the bridge."""
    steps, members = archive.default_steps, itertools.count(1)
    with TemporaryDirectory() as folder, closing(BridgeSampleSource(archive, 0, steps, Path(folder))) as host:
        # A new member each time, since the source keeps earlier ones.
        return paired(
            *("a sample through the bridge, received at every cell", lambda: host.sample(SampleKey(next(members)))),
            *("the archive's `generate` in a Python process", lambda: archive.generate([next(members)])),
            *(pairs, 1.02),
        )


def perturbation(archive: Archive, level: float, pairs: int) -> Row:
    """Time of a member near a given state, over that of a sample. Raises ValueError if the archive cannot perturb,
    FileNotFoundError without the compiled backend."""
    with Backend(archive.path, threads=torch.get_num_threads()) as model:
        given = model.generate([1])[0]
        weight = np.broadcast_to(archive.grid.ocean, given.shape)
        return paired(
            *(f"a member near given ice, at level {level:g}", lambda: model.perturb(given, weight, level, [1])),
            *("a sample of the same backend", lambda: model.generate([1])),
            *(pairs, 3.0),
        )


def agreement(archive: Archive, observed: int, members: int, pairs: int) -> Row:
    """Time of members that agree with observations of some cells, over that of samples. Raises ValueError if the
    archive takes no observations."""
    random = np.random.default_rng(0)
    value, precision = np.zeros((2, len(archive.variables), archive.grid.ocean.size), np.float32)
    cells = random.choice(np.flatnonzero(archive.grid.ocean), observed)
    value[0, cells], precision[0, cells] = 0.5, 0.05**-2
    shape = (len(archive.variables), *archive.grid.shape)
    numbers = list(range(1, members + 1))
    date = {e["id"]: e["range"][0] for e in archive.metadata["condition"]}

    def agreeing() -> torch.Tensor:  # with new observations each time, as at each date of a host
        observations = Observations(value.reshape(shape), precision.reshape(shape))
        return archive.generate(numbers, **date, observations=observations)

    return paired(
        *(f"{members} members that agree with {observed} observations", agreeing),
        *(f"{members} samples", lambda: archive.generate(numbers, **date)),
        *(pairs, 4.0),
    )


def against_eager(archive: Archive, pairs: int) -> Row:
    """The archive with its own sampler, over its modules in plain PyTorch with the sampler of the paper."""
    return paired(
        *("a sample of the archive", lambda: archive.generate([1])),
        f"the same modules in eager PyTorch, float32, default layout, {2 * PAPER_STEPS - 1} evaluations",
        _sampling(archive, "heun", PAPER_STEPS),
        *(pairs, 0.5),
    )


def few_evaluations(archive: Archive, pairs: int) -> Row:
    """A sampler with few evaluations over one with many, with the same modules."""
    return paired(
        f"a sample of {FEW_STEPS} evaluations (DPM-Solver++(2M)), eager",
        _sampling(archive, "dpmpp_2m", FEW_STEPS),
        f"one of {2 * PAPER_STEPS - 1} (Heun)",
        _sampling(archive, "heun", PAPER_STEPS),
        *(pairs, None),
    )


def half_precision(archive: Archive, pairs: int) -> Row:
    """Time of a sample in bfloat16 over that in float32."""
    half = load(archive.path, precision="bfloat16")
    return paired(
        *("a sample of the archive in bfloat16", lambda: half.generate([1])),
        *("one in float32", lambda: archive.generate([1])),
        *(pairs, None),
    )


def _sampling(archive: Archive, sampler: SamplerName, steps: int) -> Work:
    plain = eager(archive, sampler)
    member, condition, time = torch.tensor([1]), torch.zeros(1, 0, dtype=torch.int64), torch.tensor([0])

    @torch.inference_mode()
    def sample() -> torch.Tensor:
        return plain.generate(0, member, condition, time, False, steps)

    return sample


def against_data_space(archive: Archive, pairs: int, device: torch.device = CPU) -> Row:
    """One evaluation of the denoiser of latents, over that of a similar denoiser of states."""
    plain = eager(archive).to(device)
    shape = (len(archive.variables), *archive.grid.shape)
    data = UViT(shape[0], 1, shape[1:], DATA_SPACE).eval().to(device)
    weights = [sum(p.numel() for p in model.parameters()) / 1e6 for model in (plain.denoiser, data)]
    return paired(
        f"one evaluation of the latent model ({weights[0]:.1f} M weights)",
        _evaluation(plain.denoiser, plain.latent_mean.shape, plain.ocean),
        f"one of a model in data space ({weights[1]:.1f} M)",
        _evaluation(data, shape, plain.ocean),
        *(pairs, 1 / 25),
    )


def _evaluation(model: UViT, shape: tuple[int, ...], ocean: torch.Tensor) -> Work:
    """One evaluation of a denoiser of states [channel, y, x]."""
    device = ocean.device
    z, gamma = torch.randn(1, *shape, device=device), torch.zeros(1, device=device)
    condition_inputs = torch.zeros(1, model.conditions, device=device)
    coarse = ocean_inputs(ocean, ocean.shape[2] // shape[1])[0]

    @torch.inference_mode()
    def evaluate() -> torch.Tensor:
        return model(z, gamma, condition_inputs, coarse)

    return waiting_for(device, evaluate)
