# SPDX-License-Identifier: MIT
"""Building blocks shared by the autoencoder and the diffusion model. All of them can be scripted."""

from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

# Parameters that consist of parts which differ from network to network, by name: the dimension, and the parts' sizes
# along it. What a parameter has beyond its parts belongs to EOFs, which follow from the data.
Parts = dict[str, tuple[int, list[int]]]


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel of [n, c, y, x]."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zero_init(layer: Layer) -> Layer:
    """Start a residual branch at zero, so that a fresh block is the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ConvBlock(nn.Module):
    """Residual block: norm, 3x3 convolution, SiLU, 3x3 convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = zero_init(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.conv1(self.norm(x))))


class ModulatedConvBlock(nn.Module):
    """ConvBlock whose normalised input is scaled and shifted by an embedding (FiLM)."""

    def __init__(self, channels: int, embedding: int):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.film = zero_init(nn.Linear(embedding, 2 * channels))
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = zero_init(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.norm(x) * (1.0 + scale) + shift
        return x + self.conv2(F.silu(self.conv1(h)))


class Level(nn.Module):
    """Blocks at one resolution."""

    def __init__(self, blocks: list[nn.Module]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h, e)
        return h


class TransformerBlock(nn.Module):
    """Self-attention and MLP over tokens [n, t, c], both modulated by an embedding (FiLM)."""

    def __init__(self, channels: int, embedding: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.film = zero_init(nn.Linear(embedding, 4 * channels))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.attention_out = zero_init(nn.Linear(channels, channels))
        self.mlp_in = nn.Linear(channels, 4 * channels)
        self.mlp_out = zero_init(nn.Linear(4 * channels, channels))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        n, t, c = x.shape
        scale1, shift1, scale2, shift2 = self.film(embedding)[:, None].chunk(4, dim=2)
        h = self.norm1(x) * (1.0 + scale1) + shift1
        q, k, v = self.qkv(h).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c)
        x = x + self.dropout(self.attention_out(h))
        h = self.norm2(x) * (1.0 + scale2) + shift2
        return x + self.dropout(self.mlp_out(F.gelu(self.mlp_in(h))))
