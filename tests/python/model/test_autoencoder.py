# SPDX-License-Identifier: MIT
"""Building blocks and the autoencoder made of them."""

import dataclasses

import pytest
import torch

from icegen.model.autoencoder import Autoencoder, AutoencoderConfig, IdentityDecoder, IdentityEncoder
from icegen.model.layers import ChannelNorm, ConvBlock, ModulatedConvBlock, TransformerBlock

CONFIG = AutoencoderConfig(latent_channels=3, widths=(8, 8, 12), blocks=(1, 1, 1))


def shake(module):
    """Random weights everywhere, since fresh residual branches and heads are zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


@pytest.fixture(params=["variable", "cell"])
def model(request):
    return shake(Autoencoder(2, dataclasses.replace(CONFIG, scale=request.param)))


def fields(ny=48, nx=80, n=2):
    generator = torch.Generator().manual_seed(1)
    ocean = (torch.rand(n, 1, ny, nx, generator=generator) < 0.7).float()
    return torch.randn(n, 2, ny, nx, generator=generator) * ocean, ocean


def test_channel_norm_has_zero_mean_and_unit_variance_in_each_pixel():
    y = ChannelNorm(16)(3 + 5 * torch.randn(2, 16, 4, 6, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(y.mean(1), torch.zeros(2, 4, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(1, unbiased=False), torch.ones(2, 4, 6), atol=1e-3, rtol=0)


def blocks():
    image, tokens, embedding = torch.randn(2, 8, 6, 10), torch.randn(2, 15, 8), torch.randn(2, 16)
    return {
        "conv": (ConvBlock(8), (image,)),
        "modulated": (ModulatedConvBlock(8, 16), (image, embedding)),
        "transformer": (TransformerBlock(8, 16, 2, 0.5), (tokens, embedding)),
    }


@pytest.mark.parametrize("name", ["conv", "modulated", "transformer"])
def test_block(name):
    """Fresh, it is the identity; trained, it is not, listens to its embedding, and scripts to the same bits."""
    torch.manual_seed(0)
    block, inputs = blocks()[name]
    assert torch.equal(block(*inputs), inputs[0])
    shake(block)
    y = block(*inputs)
    assert y.shape == inputs[0].shape
    assert not torch.allclose(y, inputs[0], atol=1e-3)
    if len(inputs) == 2:
        assert not torch.allclose(block(inputs[0], inputs[1] + 1), y, atol=1e-4)
    assert torch.equal(torch.jit.script(block)(*inputs), y)


def test_dropout_rests_in_evaluation():
    torch.manual_seed(0)
    block, inputs = blocks()["transformer"]
    shake(block)
    assert torch.equal(block(*inputs), block(*inputs))
    block.train()
    assert not torch.equal(block(*inputs), block(*inputs))


def test_attention_follows_its_tokens():
    """A permutation of the tokens permutes the result: position is told by inputs, not by order."""
    torch.manual_seed(0)
    block, (x, embedding) = blocks()["transformer"]
    shake(block)
    order = torch.randperm(x.shape[1])
    torch.testing.assert_close(block(x[:, order], embedding), block(x, embedding)[:, order], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(48, 80), (16, 8)])
def test_shapes(model, shape):
    x, ocean = fields(*shape)
    mean, log_var = model.encoder(x, ocean)
    assert mean.shape == log_var.shape == (2, 3, shape[0] // 8, shape[1] // 8)
    mu, relative = model.decoder(mean, ocean, torch.zeros(2))
    assert mu.shape == relative.shape == x.shape
    assert model.decoder.log_s.shape == (2, 1, 1)
    assert (relative.std() > 0) == model.decoder.scale_of_cells


def test_first_scale_is_the_configured_one():
    model = Autoencoder(2, AutoencoderConfig(initial_scale=0.05))
    torch.testing.assert_close(model.decoder.log_s.exp().flatten(), torch.full((2,), 0.05))


def test_log_variance_is_kept_in_range(model):
    x, ocean = fields()
    _, log_var = model.encoder(1e4 * x, ocean)
    with torch.no_grad():
        model.encoder.head.bias[3:] = torch.tensor([1e3, -1e3, 0.0])
    _, log_var = model.encoder(x, ocean)
    assert (log_var[:, 0] == 10).all()
    assert (log_var[:, 1] == -20).all()


def test_every_input_and_parameter_matters(model):
    x, ocean = fields()
    x.requires_grad_()
    ocean.requires_grad_()
    mean, log_var = model.encoder(x, ocean)
    mu, relative = model.decoder(mean, ocean, torch.zeros(2))
    loss = (mu.square() + (model.decoder.log_s + relative).square()).sum() + log_var.square().sum()
    loss.backward()
    for name, tensor in {"x": x, "ocean": ocean, **dict(model.named_parameters())}.items():
        assert tensor.grad is not None, name
        assert tensor.grad.abs().sum() > 0, name


def test_cases_of_a_batch_do_not_mix(model):
    x, ocean = fields()
    together = model.encoder(x, ocean)[0]
    alone = model.encoder(x[1:], ocean[1:])[0]
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)


def test_is_local_so_that_crops_serve(model):
    """Far from its edges, a crop gives the latents of the whole."""
    x, ocean = fields(128, 160, n=1)
    whole = model.encoder(x, ocean)[0]
    crop = model.encoder(x[..., 16:112, 32:144], ocean[..., 16:112, 32:144])[0]
    torch.testing.assert_close(crop[..., 4:-4, 4:-4], whole[..., 6:10, 8:14], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(crop[..., 4:-4, 4:-4], whole[..., 5:9, 8:14], atol=1e-3)


def test_scripted_gives_the_same_bits(model):
    x, ocean = fields()
    mean, _ = model.encoder(x, ocean)
    assert torch.equal(torch.jit.script(model.encoder)(x, ocean)[0], mean)
    inputs = mean, ocean, torch.tensor([0.0, 0.1])
    for scripted, wanted in zip(torch.jit.script(model.decoder)(*inputs), model.decoder(*inputs), strict=True):
        assert torch.equal(scripted, wanted)


def test_a_decoder_can_be_told_of_noise():
    torch.manual_seed(0)
    told = Autoencoder(2, dataclasses.replace(CONFIG, latent_noise=0.2)).decoder
    z, ocean = torch.randn(2, 3, 4, 4), torch.ones(2, 1, 32, 32)
    shake(told)
    clean, noisy = told(z, ocean, torch.tensor([0.0, 0.0]))[0], told(z, ocean, torch.tensor([0.0, 0.2]))[0]
    assert torch.equal(clean[0], noisy[0])
    assert not torch.allclose(clean[1], noisy[1], atol=1e-3)


def test_in_data_space_the_state_is_its_own_latent():
    x, ocean = fields()
    assert torch.equal(IdentityEncoder()(x, ocean)[0], x)
    assert torch.equal(IdentityDecoder()(x, ocean, torch.zeros(2))[0], x)
