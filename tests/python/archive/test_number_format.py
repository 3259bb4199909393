# SPDX-License-Identifier: MIT
"""Archives store large matrices of the denoiser in eight bits, and the reader gets the numbers of the fitted model."""

import torch

from icegen import archive
from icegen.archive.number_format import EIGHT_BITS, EIGHT_BITS_OF_SMALL, HALF, LARGE, round_parameters, stored_in


def test_large_matrices_of_the_denoiser_take_eight_bits(tiny):
    stored = dict(torch.jit.load(str(tiny / "tiny.pt")).named_parameters())
    large = {name for name, tensor in stored.items() if tensor.numel() >= LARGE and name.endswith(".weight")}
    of_denoiser = {name for name in large if name.startswith("denoiser.")}
    assert of_denoiser
    for name, tensor in stored.items():
        assert (tensor.dtype == EIGHT_BITS) == (name in of_denoiser | {"covariance.anomalies"}), name
        assert tensor.dtype in (HALF, EIGHT_BITS) or not tensor.float().any(), name


def test_large_maps_of_zeros_take_eight_bits():
    assert stored_in("gain", torch.zeros(2, LARGE)) == EIGHT_BITS_OF_SMALL
    assert stored_in("gain", torch.full((2, LARGE), 1e-3)) == HALF
    assert stored_in("gain", torch.zeros(2, 8)) == HALF


def test_large_matrices_of_detail_take_eight_bits():
    assert stored_in("detail.stem.weight", torch.ones(64, 64)) == EIGHT_BITS
    assert stored_in("detail.head.weight", torch.ones(8, 8)) == HALF


def test_eofs_take_eight_bits_that_hold_small_numbers():
    """An EOF of a hundred thousand cells has numbers of a thousandth."""
    network = torch.nn.ParameterDict({"eofs": 1e-3 * torch.randn(8, LARGE)})
    before = network["eofs"].detach().clone()
    round_parameters(torch.nn.ModuleDict({"denoiser": network}))
    large = before.abs() > 2.0**-14
    assert large.float().mean() > 0.9
    assert ((network["eofs"] - before).abs() / before.abs())[large].max() <= 1 / 8
    assert stored_in("denoiser.eofs", network["eofs"]) == EIGHT_BITS_OF_SMALL
    assert stored_in("denoiser.eofs", torch.zeros(2, 8)) == HALF


def test_rounded_parameters_come_back_as_they_are(tiny):
    module = archive.load(tiny / "tiny.pt").module
    before = {name: tensor.clone() for name, tensor in module.named_parameters()}
    round_parameters(module)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.named_parameters())


def test_rounding_moves_a_number_by_at_most_a_sixteenth():
    network = torch.nn.ModuleDict({"denoiser": torch.nn.Linear(64, 64)})
    torch.nn.init.normal_(network["denoiser"].weight, std=0.05)
    before = network["denoiser"].weight.detach().clone()
    round_parameters(network)
    after = network["denoiser"].weight.detach()
    assert not torch.equal(after, before)
    normal = before.abs() > 2.0**-6
    assert ((after - before).abs() / before.abs())[normal].max() <= 1 / 16
