# SPDX-License-Identifier: MIT
"""Settings: every one is described; those that an earlier version stored can be read."""

import dataclasses

import pytest

from icegen.data.variables import variables
from icegen.training.config import Config, from_stored


def settings(cls=Config, path=()):
    for name, setting in cls.__pydantic_fields__.items():
        if dataclasses.is_dataclass(setting.annotation):
            yield from settings(setting.annotation, (*path, name))
        else:
            yield ".".join((*path, name)), setting


def test_every_setting_is_described():
    described = {name: setting.description for name, setting in settings()}
    assert "diffusion_training.year_jitter" in described
    assert [name for name, text in described.items() if not text] == []


def test_a_stored_configuration_comes_back():
    stored = dataclasses.asdict(Config())
    del stored["sampler"]["latent_noise"], stored["calibration"]
    assert from_stored(stored, "a.pt") == Config(), "settings of a later version have their defaults"


def test_a_retired_setting_is_taken_where_it_changed_nothing():
    stored = {"denoiser": {"eofs": 4, "filtered_eofs": 0}}
    assert from_stored(stored, "a.pt").denoiser.eofs == 4
    assert stored["denoiser"] == {"eofs": 4, "filtered_eofs": 0}, "the archive's metadata stay as they are"
    stored["denoiser"]["filtered_eofs"] = 8
    assert from_stored({"detail": {"noise_channels": [4, 8], "widths": [8], "blocks": [1]}}, "a.pt").detail.widths == (
        8,
    )
    message = r"^a\.pt is of another version of icegen: denoiser\.filtered_eofs is 8; wanted 0, since"
    with pytest.raises(ValueError, match=message):
        from_stored(stored, "a.pt")


def test_refuses_a_setting_of_another_version():
    with pytest.raises(ValueError, match=r"^a\.pt is of another version of icegen: unknown key denoiser\.width; known"):
        from_stored({"denoiser": {"width": 3}}, "a.pt")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["sic", "ice"], "unknown variable 'ice'; wanted one of sic, sit"),
        (["sic", "sit", "sic"], "variables are sic, sit, sic; wanted each once"),
        ([], "no variable given"),
    ],
)
def test_variables_refuse(ids, message):
    with pytest.raises(ValueError, match=message):
        variables(ids)


def test_variables_keep_their_order_and_bounds():
    sit, sic = variables(["sit", "sic"])
    assert (sit.id, sit.units, sit.lower, sit.upper) == ("sit", "m", 0.0, None)
    assert (sic.id, sic.units, sic.lower, sic.upper) == ("sic", "1", 0.0, 1.0)
