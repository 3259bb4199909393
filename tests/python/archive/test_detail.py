# SPDX-License-Identifier: MIT
"""An archive with a detail network: sampled states have detail, encoded ones and means have none."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

import tiny as making
from icegen import archive
from icegen.archive import export
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.data.consistency import contradictions
from icegen.model.sampler import SamplerConfig
from icegen.training import trainings

KEY = {"seed": 3, "year": 2001, "day_of_year": 75}


@pytest.fixture(scope="module")
def loaded(detailed):
    return archive.load(detailed / "detailed.pt")


@pytest.fixture(scope="module")
def plain(tiny):
    return archive.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def state(detailed):
    return np.array(prepared_file.load(detailed / "prepared.nc").state[2], np.float32)


def noise(loaded, history=True):
    return loaded.module.noise(3, torch.tensor([1]), torch.tensor([730000]), history)


@pytest.mark.parametrize("history", [True, False])
def test_the_noise_of_the_latent_stays_and_that_of_the_detail_follows(loaded, plain, history):
    whole, alone = noise(loaded, history), plain.module.noise(3, torch.tensor([1]), torch.tensor([730000]), history)
    channels = alone.shape[1]
    assert whole.shape[1] == channels + 2 * 8**2
    detail = whole[:, channels:]
    assert float(detail.mean()) == pytest.approx(0, abs=0.05)
    assert float(detail.std()) == pytest.approx(1, abs=0.05)
    if not history:  # with it, time scales of the latent's noise are fitted anew
        assert torch.equal(whole[:, :channels], alone)


def test_samples_are_consistent_and_within_bounds(loaded):
    states = loaded.generate([1, 2, 3], **KEY).numpy()
    sic, sit = states[:, 0][:, loaded.grid.ocean], states[:, 1][:, loaded.grid.ocean]
    assert ((sic >= 0) & (sic <= 1)).all()
    assert not contradictions(sic.ravel(), sit.ravel(), loaded.thickness).any()
    assert (states[..., ~loaded.grid.ocean] == 0).all()


def test_a_sample_is_its_mean_and_detail(loaded):
    latent = loaded.module.sample_latent(3, torch.tensor([1]), torch.tensor([[2001, 75]]), torch.tensor([9]), False, 3)
    channels = loaded.metadata["latent"]["shape"][0]
    assert not torch.equal(loaded.decode(latent), loaded.decode(latent[:, :channels]))


def test_encoded_states_get_no_detail(loaded, plain, state):
    states = torch.from_numpy(state)[None]
    assert torch.equal(loaded.decode(loaded.encode(states)), plain.decode(plain.encode(states)))


def test_level_0_is_the_state_itself(loaded, state):
    members = loaded.near(state, [0, 1], level=0.0, **KEY).numpy()
    assert (members[1] == members[0]).all()
    assert not (loaded.near(state, [1], level=0.5, **KEY).numpy()[0] == members[0]).all()


def test_rebuilt_and_exported_again_it_is_the_same(loaded, detailed, tmp_path):
    model, config = rebuild(loaded)
    assert config.detail == making.CONFIG.detail
    bands = loaded.metadata["history"]["bands"]
    assert bands[-1]["size"] == model.detail_channels * model.latent_mean[0].numel()
    prepared = prepared_file.load(detailed / "prepared.nc")
    export.export_again(loaded, prepared, tmp_path / "again.pt", name="detailed")
    again = archive.load(tmp_path / "again.pt")
    assert again.metadata["history"]["bands"] == bands
    assert torch.equal(again.generate([1], **KEY), loaded.generate([1], **KEY))


def test_the_archive_says_how_the_network_was_trained(loaded):
    training = loaded.metadata["provenance"]["trainings"]["detail"]
    assert training["steps_done"] == making.CONFIG.detail_training.steps
    assert training["settings"] == json.loads(json.dumps(dataclasses.asdict(making.CONFIG.detail_training)))


def test_refuses_a_network_of_another_decoder(tiny, detailed, tmp_path):
    prepared = prepared_file.load(detailed / "prepared.nc")
    shutil.copy(detailed / "detail.pt", tmp_path)
    checkpoint = torch.load(tmp_path / "detail.pt", weights_only=True)
    torch.save(checkpoint | {"autoencoder": "0" * 64}, tmp_path / "detail.pt")
    with pytest.raises(ValueError, match=r"detail.pt was trained for another decoder than that of .*tiny.pt"):
        export.export_again(archive.load(tiny / "tiny.pt"), prepared, tmp_path / "x.pt", "x", detail=tmp_path)
    assert not (tmp_path / "x.pt").exists()


def test_the_sampler_becomes_the_one_that_the_network_was_trained_for(tiny, detailed, tmp_path):
    prepared = prepared_file.load(detailed / "prepared.nc")
    source = archive.load(tiny / "tiny.pt")
    rebuilt = rebuild(source, SamplerConfig(steps=3, gamma_high=1.0))[0]
    trainings.train_detail(
        dataclasses.replace(making.CONFIG, sampler=SamplerConfig(steps=3, gamma_high=1.0)),
        rebuilt,
        prepared,
        trainings.Run(tmp_path, accelerator="cpu"),
    )
    export.export_again(source, prepared, tmp_path / "x.pt", "x", detail=tmp_path)
    made = archive.load(tmp_path / "x.pt")
    assert made.metadata["sampler"]["steps"] == 3
    assert made.module.gamma_high == 1.0


@pytest.mark.parametrize(("name", "value", "wanted"), [("gamma_high", 1.0, 12.0), ("latent_noise", 0.2, 0.0)])
def test_refuses_another_end_of_the_sampler(tiny, detailed, tmp_path, name, value, wanted):
    prepared = prepared_file.load(detailed / "prepared.nc")
    sampler = dataclasses.replace(making.CONFIG.sampler, **{name: value})
    settings = dataclasses.replace(making.CONFIG, sampler=sampler)
    source = archive.load(tiny / "tiny.pt")
    refusal = rf"sampler.{name} is {value}; wanted {wanted}, for which the detail of .*detail"
    with pytest.raises(ValueError, match=refusal):
        export.export_again(source, prepared, tmp_path / "x.pt", "x", settings=settings, detail=detailed)
    with pytest.raises(ValueError, match=refusal):
        export.export_again(archive.load(detailed / "detailed.pt"), prepared, tmp_path / "x.pt", "x", settings=settings)
    assert not (tmp_path / "x.pt").exists()


def test_refuses_data_space(plain, detailed, tmp_path):
    config = dataclasses.replace(making.CONFIG, space="data")
    prepared = prepared_file.load(detailed / "prepared.nc")
    with pytest.raises(ValueError, match="space is data; wanted latent, because only a decoder leaves detail open"):
        trainings.train_detail(config, rebuild(plain)[0], prepared, trainings.Run(tmp_path))
