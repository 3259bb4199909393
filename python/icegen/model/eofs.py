# SPDX-License-Identifier: MIT
"""Empirical orthogonal functions of training states."""

import torch
from torch import Tensor

from icegen.thinning import evenly


def leading_eofs(states: Tensor, count: int, most_states: int = 2000) -> tuple[Tensor, Tensor]:
    """Orthonormal EOFs [count, values] of states [time, ...], and their variances [count], largest first.

    From a long record, ``most_states`` evenly spread states are used. Raises ValueError if there are fewer states than
    EOFs.
    """
    if len(states) < count:
        raise ValueError(f"eofs is {count}; wanted at most the number of training states, {len(states)}")
    x = states[torch.from_numpy(evenly(len(states), most_states))].flatten(1).double()
    variance, vectors = torch.linalg.eigh(x @ x.t() / len(x))  # ascending
    variance, vectors = variance.flip(0)[:count], vectors.flip(1)[:, :count]
    eofs = vectors.t() @ x
    eofs = eofs / torch.linalg.vector_norm(eofs, dim=1, keepdim=True).clamp(min=1e-12)
    return eofs.float(), variance.clamp(min=0.0).float()
