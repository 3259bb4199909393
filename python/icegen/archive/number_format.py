# SPDX-License-Identifier: MIT
"""The number formats in which an archive stores its model. Readers convert all of them to float32."""

import torch
from torch import Tensor, nn

HALF = torch.float16
EIGHT_BITS = torch.float8_e4m3fn
EIGHT_BITS_OF_SMALL = torch.float8_e5m2  # for numbers down to 1e-5
FORMATS = tuple(  # as the metadata name them
    str(dtype).removeprefix("torch.") for dtype in (HALF, EIGHT_BITS, EIGHT_BITS_OF_SMALL)
)
LARGE = 4096  # numbers of a matrix that is worth eight bits


@torch.no_grad()
def round_parameters(module: nn.Module) -> None:
    """Round the float32 parameters of a model in place to what its archive will store."""
    for name, parameter in module.named_parameters():
        parameter.copy_(parameter.to(stored_in(name, parameter)))


def stored_in(name: str, parameter: Tensor) -> torch.dtype:
    """The format of a model's parameter: half precision, and eight bits for what is most of an archive.

    These are the large matrices of the denoiser and of the detail network, the EOFs, the anomalies of which
    observations take covariances, and large maps of zeros, such as the gain where there is none.
    Rounding to eight bits moves a number by 3 %, one of the EOFs by 5 %, and sums over many numbers by less: the
    networks' own errors are larger.
    """
    large = parameter.numel() >= LARGE
    if large and (name == "denoiser.eofs" or not parameter.any()):
        return EIGHT_BITS_OF_SMALL
    matrix = large and name.startswith(("denoiser.", "detail.")) and name.endswith(".weight")
    return EIGHT_BITS if matrix or name == "covariance.anomalies" else HALF
