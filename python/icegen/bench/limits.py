# SPDX-License-Identifier: MIT
"""What a device can do at most, as measured, and what a sample asks of it, as counted."""

import copy
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from icegen.bench.rows import timed
from icegen.model.denoiser import ocean_inputs
from icegen.model.generative_model import GenerativeModel

RUNS = 7  # of which the median counts
PRODUCT = {"cuda": 8192, "cpu": 512}  # edge of the square matrices
COPY = {"cuda": 2**30, "cpu": 2**24}  # bytes of the array
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Limits:
    """Of a device: floating-point operations a second in matrix products, and bytes a second read and written."""

    operations: float
    bandwidth: float

    def seconds(self, work: "Work") -> float:
        """The least time of some work."""
        return max(work.operations / self.operations, work.bytes / self.bandwidth)


@dataclass(frozen=True)
class Work:
    """Of a batch of samples: floating-point operations of its products, and bytes of weights that have to be read."""

    operations: float
    bytes: float


def waiting_for(device: torch.device, work: Callable[[], object]) -> Callable[[], None]:
    """The same work, done when it returns: a GPU's goes on after the call that starts it."""

    def wait() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return wait


def limits(device: torch.device, precision: str) -> Limits:
    """Measure a device, with products of a precision of `icegen.archive.PRECISIONS`.

    Products of float32 are of TF32 where torch lets convolutions be of it.
    """
    edge, size = PRODUCT[device.type], COPY[device.type]
    a, b = (torch.randn(edge, edge, device=device).to(DTYPES[precision]) for _ in range(2))
    product = torch.empty_like(a)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        operations = 2 * edge**3 / _median(waiting_for(device, lambda: torch.mm(a, b, out=product)))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Limits(operations, 2 * size / _median(waiting_for(device, lambda: target.copy_(source))))


def _median(work: Callable[[], None]) -> float:
    return statistics.median([timed(work) for _ in range(RUNS + 2)][2:])


def work_of(model: GenerativeModel, evaluations: int, members: int, precision: str) -> Work:
    """What a batch of members asks for: evaluations of the denoiser, and one of the decoder in float32."""
    z, y, x = model.latent_mean.shape
    latents = torch.zeros(members, z, y, x, device="meta")
    ocean = model.ocean.to("meta")
    inputs = (torch.zeros(members, device="meta"), torch.zeros(members, model.denoiser.conditions, device="meta"))
    coarse = ocean_inputs(ocean, model.factor)[0]
    noise = torch.zeros(members, device="meta")
    denoising = _operations(model.denoiser, latents, *inputs, coarse)
    decoding = _operations(model.decoder, latents, ocean.expand(members, -1, -1, -1), noise)
    weights, decoder_weights = (sum(p.numel() for p in net.parameters()) for net in (model.denoiser, model.decoder))
    return Work(
        operations=evaluations * denoising + decoding,
        bytes=evaluations * weights * DTYPES[precision].itemsize + 4 * decoder_weights,
    )


def _operations(network: nn.Module, *inputs: Tensor) -> int:
    """Of one evaluation."""
    network = copy.deepcopy(network).to("meta")
    # Attention as two products, which the counter knows on any device.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network(*inputs)
    return counter.get_total_flops()
