# SPDX-License-Identifier: MIT
"""Likelihoods of the decoder and the autoencoder's regularisation."""

import math

import torch
from torch import Tensor
from torch.special import log_ndtr


def gaussian_nll(x: Tensor, mu: Tensor, log_s: Tensor) -> Tensor:
    """Negative log-likelihood of x under N(mu, exp(log_s)^2), elementwise."""
    return 0.5 * ((x - mu) * torch.exp(-log_s)) ** 2 + log_s + 0.5 * math.log(2 * math.pi)


def censored_gaussian_nll(x: Tensor, mu: Tensor, log_s: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Negative log-likelihood of x = clip(y, lower, upper) with y ~ N(mu, s^2), elementwise.

    The probability beyond a bound lies on the bound (Finn et al. 2024, the censored Gaussian decoder):
    -log Phi((lower - mu)/s) at the lower bound, -log Phi((mu - upper)/s) at the upper bound, Gaussian between them.
    All arguments broadcast; an infinite bound has no effect.
    """
    s = torch.exp(log_s)
    at_lower = x <= lower
    at_upper = x >= upper
    # Unused branches get a finite argument, because the gradient of where() over an infinity is NaN.
    to_lower = torch.where(at_lower, (torch.where(at_lower, lower, 0.0) - mu) / s, 0.0)
    to_upper = torch.where(at_upper, (mu - torch.where(at_upper, upper, 0.0)) / s, 0.0)
    inside = gaussian_nll(torch.where(at_lower | at_upper, mu.detach(), x), mu, log_s)
    return torch.where(at_lower, -log_ndtr(to_lower), torch.where(at_upper, -log_ndtr(to_upper), inside))


def kl_to_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, 1)), elementwise."""
    return 0.5 * (mean**2 + torch.exp(log_var) - 1.0 - log_var)


def masked_mean(value: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``value`` where ``mask`` (broadcast to it) is true."""
    mask = mask.to(value.dtype).expand_as(value)
    return (value * mask).sum() / mask.sum().clamp(min=1.0)
