# SPDX-License-Identifier: MIT
"""Whether the members of a date spread as far as the truth differs from them.

Arguments: members [date, member, value] and the truth [date, value]. Sums are in float64.
"""

import numpy as np


def fair_crps(members: np.ndarray, truth: np.ndarray) -> float:
    """Continuous ranked probability score, in the values' unit, without the bias of few members.

    mean |x_i - y| - sum_ij |x_i - x_j| / (2 m (m - 1)) (Ferro 2014, doi:10.1002/qj.2270), averaged over all values.
    """
    m = members.shape[1]
    error = np.abs(members - truth[:, None]).mean()
    ordered = np.sort(members.astype(np.float64), axis=1)
    weights = 2 * np.arange(m) - m + 1.0  # sum over pairs of |x_i - x_j| = 2 sum_i (2 i - m + 1) x_(i)
    spread = np.tensordot(ordered, weights, (1, 0)).mean() / (m * (m - 1))
    return float(error - spread)


def spread_over_error(members: np.ndarray, truth: np.ndarray) -> float:
    """Spread of the members over the error of their mean, as root mean squares; 1 if truth is like a member."""
    m = members.shape[1]
    variance = members.var(1, ddof=1, dtype=np.float64).mean() * (1 + 1 / m)
    error = np.square(members.mean(1, dtype=np.float64) - truth).mean()
    return float(np.sqrt(variance / error)) if error else float("nan")


def outside(members: np.ndarray, truth: np.ndarray) -> float:
    """How often the truth lies outside of all members, over how often a member would: 1 if truth is like a member.

    Where the truth equals members, as in open water, its rank is any of theirs with the same probability.
    """
    m = members.shape[1]
    below, equal = (members < truth[:, None]).sum(1), (members == truth[:, None]).sum(1)
    extreme = ((below == 0) + (below + equal == m).astype(float)) / (equal + 1)
    return float(extreme.mean() * (m + 1) / 2)
