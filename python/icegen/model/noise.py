# SPDX-License-Identifier: MIT
"""Counter-based noise: Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405) and Box-Muller.

Noise is a pure function of (seed, member, time, stream) and the position in the stream. A sample therefore does not
depend on what was drawn before, on the rank, or on the batch. Philox uses only integer tensor operations, so the same
code can be scripted and runs on CPU and GPU. Its words are unsigned 32-bit numbers in int64.
"""

import math

import torch
from torch import Tensor


def multiply_high_low(a: int, b: Tensor) -> tuple[Tensor, Tensor]:
    """High and low 32 bits of the 64-bit product of a and b, both below 2^32.

    The product is computed in 16-bit halves, because int64 would overflow.
    """
    mask16, mask32 = 0xFFFF, 0xFFFFFFFF
    low = (a & mask16) * b
    high = (a >> 16) * b
    middle = high + (low >> 16)
    return middle >> 16, ((middle & mask16) << 16 | low & mask16) & mask32


def philox4x32(
    c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor, k0: int, k1: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ten rounds of Philox4x32: counter (c0..c3) and key (k0, k1) to four random words."""
    for _ in range(10):
        high0, low0 = multiply_high_low(0xD2511F53, c0)
        high1, low1 = multiply_high_low(0xCD9E8D57, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def standard_normal(count: int, seed: int, member: int, time: int, stream: int, device: torch.device) -> Tensor:
    """``count`` standard normal numbers, float32 [count]; the numbers of a smaller count are the first of a larger one.

    key = seed (64 bits); counter = (block, member, time, stream), the low 32 bits of each.
    """
    blocks = (count + 3) // 4
    c0 = torch.arange(blocks, dtype=torch.int64, device=device)
    c1 = torch.full_like(c0, member & 0xFFFFFFFF)
    c2 = torch.full_like(c0, time & 0xFFFFFFFF)
    c3 = torch.full_like(c0, stream & 0xFFFFFFFF)
    words = torch.stack(philox4x32(c0, c1, c2, c3, seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF), dim=1)
    uniform = (words.to(torch.float64) + 0.5) * (1.0 / 4294967296.0)  # in (0, 1), never 0 or 1
    radius = torch.sqrt(-2.0 * torch.log(uniform[:, 0::2]))
    angle = (2.0 * math.pi) * uniform[:, 1::2]
    pairs = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=2)
    return pairs.reshape(-1)[:count].to(torch.float32)
