# SPDX-License-Identifier: MIT
"""A rank's share of a training on several devices.

All ranks draw the random numbers of the whole batch and take their own part, so that a training does not depend on how
many devices share it, but for rounding.
"""

import torch
import torch.distributed as dist
from torch import Tensor


class Share:
    """The part of each batch that rank ``rank`` of ``size`` has. Methods that say so are collective.

    device: that of the ranks' exchange, the GPU of a rank that has one.
    """

    def __init__(self, rank: int = 0, size: int = 1, device: torch.device | str = "cpu"):
        self.rank, self.size, self.device = rank, size, device

    def part(self, count: int) -> slice:
        """This rank's part of a whole batch of ``count``."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def randn_like(self, x: Tensor) -> Tensor:
        """Normal random numbers for this rank's part ``x`` [n, ...] of a batch."""
        return torch.randn(len(x) * self.size, *x.shape[1:], dtype=x.dtype, device=x.device)[self.part_of(x)]

    def rand_like(self, x: Tensor) -> Tensor:
        """Uniform random numbers likewise."""
        return torch.rand(len(x) * self.size, *x.shape[1:], dtype=x.dtype, device=x.device)[self.part_of(x)]

    def part_of(self, x: Tensor) -> slice:
        """Where this rank's part ``x`` [n, ...] is in the whole batch."""
        return self.part(len(x) * self.size)

    def leave_common_randomness(self) -> None:
        """From here on, random numbers differ between ranks, such as those of dropout."""
        if self.rank:
            torch.manual_seed(torch.initial_seed() + self.rank)

    @torch.no_grad()
    def mean(self, value: Tensor) -> Tensor:
        """The mean over ranks. Collective."""
        if self.size == 1:
            return value
        total = value.detach().to(self.device, copy=True)
        dist.all_reduce(total)
        return (total / self.size).to(value.device)

    @torch.no_grad()
    def whole(self, values: Tensor) -> Tensor:
        """The values [n, ...] of the whole batch, in its order. Collective."""
        if self.size == 1:
            return values.detach()
        parts = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(parts, values.detach().contiguous())
        return torch.cat(parts)

    def agree(self, failure: Exception | None, device: torch.device) -> None:
        """Raise a failure of one rank on all, with its message. Collective."""
        if self.size == 1:
            if failure:
                raise failure
            return
        failed = torch.tensor(float(failure is not None), device=device)
        dist.all_reduce(failed)
        if failed > 0:
            messages: list[str] = [""] * self.size
            dist.all_gather_object(messages, str(failure or ""))
            rank = next(i for i, message in enumerate(messages) if message)
            raise ValueError(f"rank {rank}: {messages[rank]}") from failure
