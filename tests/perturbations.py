# SPDX-License-Identifier: MIT
"""States near a given one, by the methods of an archive's module alone; and a host's own ice to give."""

import numpy as np
import torch

from icegen.archive.dates import time_of

UNIT = 2.0**30  # of the bridge's fixed-point numbers


def own_ice(lon: np.ndarray, lat: np.ndarray) -> dict[str, np.ndarray]:
    """Ice that a host may have of its own, float64 of the points' shape: a cap with waves that no archive has."""
    edge = 74 + 4 * np.cos(np.radians(lon - 30))
    sic = np.clip((lat - edge) / 4, 0, 1) * (0.9 + 0.1 * np.sin(np.radians(9 * lon)))
    return {"sic": sic, "sit": sic * (1.5 + 0.5 * np.cos(np.radians(3 * lon)))}


def as_taken(values: np.ndarray) -> np.ndarray:
    """Values as the bridge takes them where points lie on the archive's cells, float32."""
    return (np.rint(values * UNIT) / UNIT).astype(np.float32)


def near(
    archive, given: np.ndarray, weight: np.ndarray, members: list[int], level: float, seed: int, year: int, day: int
) -> np.ndarray:
    """States of members near a given one, float32 [member, variable, y, x]; member 0 is the given one, completed.

    given, weight: [variable, y, x].
    """
    module, condition = archive.module, torch.tensor([[year, day]])
    time = torch.tensor([time_of(year, day, "continuous")])
    with torch.inference_mode():
        fields = (torch.as_tensor(np.asarray(field, np.float32))[None] for field in (given, weight))
        whole = module.complete(*fields, condition)
        latent = module.encode(whole)
        states = []
        for member in members:
            state = whole
            if member > 0 and level > 0:
                noise = module.noise(seed, torch.tensor([member]), time, True)
                sampled = module.solve(noise, condition, archive.default_steps)
                state = module.near(whole, latent, sampled, level, condition)
            states.append(state[0].numpy())
    return np.stack(states)
