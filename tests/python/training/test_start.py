# SPDX-License-Identifier: MIT
"""Weights to start a training from: a grown network does what the smaller one did."""

import dataclasses

import pytest
import torch

import tiny as making
from icegen import archive
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.model.autoencoder import Autoencoder, IdentityEncoder
from icegen.model.denoiser import condition_inputs, with_averaging
from icegen.training import trainings
from icegen.training.checkpoints import fingerprint, load_autoencoder, load_checkpoint, make_denoiser
from icegen.training.start import start_from

SMALL = dataclasses.replace(
    making.CONFIG,
    autoencoder=dataclasses.replace(making.CONFIG.autoencoder, latent_channels=3, latent_noise=0.2),
    denoiser=dataclasses.replace(making.CONFIG.denoiser, eofs=2),
)
LARGE = dataclasses.replace(
    SMALL,
    averaging=1.0,
    autoencoder=dataclasses.replace(SMALL.autoencoder, latent_channels=5),
    denoiser=dataclasses.replace(SMALL.denoiser, eofs=4),
)


def networks(config):
    """An autoencoder and a denoiser whose weights are random, those of zero at first, too."""
    z = config.autoencoder.latent_channels
    made = Autoencoder(2, config.autoencoder), make_denoiser(config, torch.Size([z, 4, 6]))
    for network in made:
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        network.eval()
    return made


@pytest.fixture
def small_and_large():
    torch.manual_seed(0)
    return networks(SMALL), networks(LARGE)


def test_the_first_latents_of_a_larger_autoencoder_are_those_of_the_smaller(small_and_large):
    (small, _), (large, _) = small_and_large
    start_from(large.encoder, small.encoder)
    start_from(large.decoder, small.decoder)
    ocean = torch.ones(1, 1, 16, 24)
    for of_large, of_small in zip(
        large.encoder(torch.randn(1, 2, 16, 24, generator=torch.Generator().manual_seed(1)), ocean),
        small.encoder(torch.randn(1, 2, 16, 24, generator=torch.Generator().manual_seed(1)), ocean),
        strict=True,
    ):
        torch.testing.assert_close(of_large[:, :3], of_small)
    latent, noise = torch.randn(1, 5, 2, 3), torch.tensor([0.1])
    for of_large, of_small in zip(
        large.decoder(latent, ocean, noise), small.decoder(latent[:, :3], ocean, noise), strict=True
    ):
        torch.testing.assert_close(of_large, of_small)


def test_a_larger_denoiser_predicts_what_the_smaller_one_does(small_and_large):
    """Where there is nothing along EOFs: these follow from the data, and what belongs to them starts anew."""
    (_, small), (_, large) = small_and_large
    with torch.no_grad():
        for network in (small, large):
            network.eofs.zero_()
    start_from(large, small)
    z, gamma = torch.randn(1, 5, 4, 6), torch.tensor([1.0])
    date = condition_inputs(torch.tensor([[2000, 60]]), 2000.0, 10.0)
    mask = torch.ones(1, 64, 4, 6)
    v = large(z, gamma, with_averaging(date, torch.tensor([1.0])), mask)
    torch.testing.assert_close(v[:, :3], small(z[:, :3], gamma, date, mask))
    assert v[:, 3:].abs().max() > 0


def test_networks_that_do_not_fit_are_refused(small_and_large):
    (small, denoiser), (large, larger_denoiser) = small_and_large
    with pytest.raises(ValueError, match=r"head\.weight of the archive has the shape \(10, .*wanted at most \(6, "):
        start_from(small.encoder, large.encoder)
    with pytest.raises(ValueError, match=r"wanted at most"):
        start_from(denoiser, larger_denoiser)
    wider = Autoencoder(2, dataclasses.replace(SMALL.autoencoder, widths=(8, 8, 24)))
    with pytest.raises(ValueError, match=r"of the archive has the shape .*; wanted \("):
        start_from(large.encoder, wider.encoder)
    deeper = Autoencoder(2, dataclasses.replace(SMALL.autoencoder, blocks=(3, 3, 3)))
    with pytest.raises(ValueError, match="other layers"):
        start_from(large.decoder, deeper.decoder)
    with pytest.raises(ValueError, match="other layers"):
        start_from(large.encoder, IdentityEncoder())


def test_a_training_starts_from_an_archive(tiny, tmp_path):
    """With hardly any learning rate, it ends where it started; a run from elsewhere does not go on."""
    prepared = prepared_file.load(tiny / "prepared.nc")
    model, config = rebuild(archive.load(tiny / "tiny.pt"))
    parts = {
        name: dataclasses.replace(getattr(config, name), steps=1, learning_rate=1e-12)
        for name in ("autoencoder_training", "diffusion_training")
    }
    config = dataclasses.replace(config, **parts)
    trainings.train_autoencoder(config, prepared, trainings.Run(tmp_path), model)
    trained, _ = load_autoencoder(tmp_path)
    for part in ("encoder", "decoder"):
        torch.testing.assert_close(getattr(trained, part).state_dict(), getattr(model, part).state_dict())
    checkpoint = load_checkpoint(trainings.train_diffusion(config, prepared, trainings.Run(tmp_path), model))
    assert checkpoint["start"] == fingerprint(model.denoiser)
    for name in ("stem.weight", "head.weight", "embed.2.weight"):
        torch.testing.assert_close(checkpoint["ema"][name], model.denoiser.state_dict()[name])
    with pytest.raises(ValueError, match="from another start"):
        trainings.train_diffusion(config, prepared, trainings.Run(tmp_path, resume=True))
