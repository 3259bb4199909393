# SPDX-License-Identifier: MIT
"""The number formats in which an archive stores its model. Readers convert all of them to float32."""

import torch
from torch import Tensor, nn

HALF = torch.float16
EIGHT_BITS = torch.float8_e4m3fn
FORMATS = tuple(str(dtype).removeprefix("torch.") for dtype in (HALF, EIGHT_BITS))  # as the metadata name them
LARGE = 4096  # numbers of a matrix that is worth eight bits


@torch.no_grad()
def round_parameters(module: nn.Module) -> None:
    """Round the float32 parameters of a model in place to what its archive will store."""
    for name, parameter in module.named_parameters():
        parameter.copy_(parameter.to(stored_in(name, parameter)))


def stored_in(name: str, parameter: Tensor) -> torch.dtype:
    """The format of a model's parameter: half precision, and eight bits for what is most of an archive.

    These are the large matrices of the denoiser, and the anomalies of which observations take covariances. Rounding to
    eight bits moves a number by 3 %, and sums over many numbers by less: the denoiser's own errors are larger.
    """
    matrix = name.startswith("denoiser.") and name.endswith(".weight") and parameter.numel() >= LARGE
    return EIGHT_BITS if matrix or name == "covariance.anomalies" else HALF
