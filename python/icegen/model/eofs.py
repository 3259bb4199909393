# SPDX-License-Identifier: MIT
"""Empirical orthogonal functions of training states.

A long record is read batch by batch: a randomised subspace iteration (Halko et al. 2011, doi:10.1137/090771806) applies
the covariance to a few patterns, so memory does not depend on the number of states.
"""

from typing import Protocol

import torch
from torch import Tensor

MOST_EXACT = 1000  # states from whose products with each other EOFs follow exactly
ITERATIONS = 4  # passes over a longer record
BATCH = 64  # states that are read together
SEED = 0


class States(Protocol):
    """States [time, ...], indexed by times."""

    def __len__(self) -> int: ...

    def __getitem__(self, times: Tensor) -> Tensor: ...


class Readers(Protocol):
    """Ranks that share the reading of a record."""

    rank: int
    size: int

    def mean(self, value: Tensor) -> Tensor:
        """The mean over ranks. Collective."""


def leading_eofs(
    states: States, count: int, times: Tensor | None = None, ranks: Readers | None = None
) -> tuple[Tensor, Tensor]:
    """Orthonormal EOFs [count, values] of states [time, ...], and their variances [count], largest first.

    times: int64, of the states to take; all by default.
    ranks: share a record of more than 1,000 states; without it, this process reads all.
    Raises ValueError if there are fewer states than EOFs.
    """
    times = torch.arange(len(states)) if times is None else times
    if len(times) < count:
        raise ValueError(f"eofs is {count}; wanted at most the number of training states, {len(times)}")
    if count == 0:
        return torch.zeros(0, states[times[:1]].numel()), torch.zeros(0)
    if len(times) > MOST_EXACT:
        return _by_iteration(states, count, times, ranks)
    x = states[times].flatten(1).double()
    variance, vectors = torch.linalg.eigh(x @ x.t() / len(x))  # ascending
    variance, vectors = variance.flip(0)[:count], vectors.flip(1)[:, :count]
    eofs = vectors.t() @ x
    eofs = eofs / torch.linalg.vector_norm(eofs, dim=1, keepdim=True).clamp(min=1e-12)
    return eofs.float(), variance.clamp(min=0.0).float()


def _by_iteration(states: States, count: int, times: Tensor, ranks: Readers | None) -> tuple[Tensor, Tensor]:
    """The same of a long record, in some passes over it."""
    values = states[times[:1]].numel()
    width = min(count + max(count // 2, 16), values)
    basis = torch.randn(values, width, generator=torch.Generator().manual_seed(SEED))
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(basis.double())[0].float()
        before, basis = basis, _covariance_times(states, times, basis, ranks)
    # Rayleigh and Ritz: the covariance among the patterns of the last pass.
    among = before.double().t() @ basis.double()
    variance, vectors = torch.linalg.eigh((among + among.t()) / 2)
    eofs = (before.double() @ vectors.flip(1)[:, :count]).t()
    return eofs.float(), variance.flip(0)[:count].clamp(min=0.0).float()


def _covariance_times(states: States, times: Tensor, basis: Tensor, ranks: Readers | None) -> Tensor:
    """The covariance [values, values] of the states, times patterns [values, n]."""
    mine = times if ranks is None else times[ranks.rank :: ranks.size]
    total = torch.zeros_like(basis)
    for batch in mine.split(BATCH):
        x = states[batch].flatten(1).float()
        total.addmm_(x.t(), x @ basis)
    total /= len(times)
    return total if ranks is None else ranks.mean(total) * ranks.size
