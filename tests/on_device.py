# SPDX-License-Identifier: MIT
"""An archive in Python on a device, and how near to it others have to come. Needs torch and NumPy alone."""

import contextlib
import os
import warnings
from dataclasses import dataclass, field

import numpy as np
import torch

# Largest RMS difference from float32 on the CPU over the variable's deviation, for each precision of products.
# The mantissa of TF32 is 8 times as fine as that of bfloat16.
TOLERANCE = {"float32": 1e-4, "tf32": 5e-3, "bfloat16": 2e-2}
DEVICE = "ICEGEN_GPU_DEVICE"  # cuda, or cpu to run there what can


def device_wanted() -> str | None:
    """The device of tests/gpu; None where they are to be skipped."""
    named = os.environ.get(DEVICE)
    if named not in (None, "cuda", "cpu"):
        raise ValueError(f"{DEVICE} is {named!r}; wanted cuda or cpu")
    return named or ("cuda" if torch.cuda.is_available() else None)


@dataclass(frozen=True)
class Request:
    """Members of one date."""

    members: tuple[int, ...] = (1,)
    condition: tuple[int, ...] = ()  # year, day of year
    time: int = 1025
    history: bool = False
    steps: int = 4
    seed: int = 7

    @property
    def keywords(self) -> dict:
        """The arguments of `icegen.host.backend.Backend.generate` but the members."""
        names = ("condition", "time", "history", "steps", "seed")
        return {name: getattr(self, name) for name in names}


@dataclass
class PythonModel:
    """The module of an archive, as `icegen.load` has it, but without icegen's packages."""

    path: str
    device: str
    precision: str = "float32"
    module: torch.jit.ScriptModule = field(init=False)

    def __post_init__(self):
        torch._C._jit_set_texpr_fuser_enabled(False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.module = torch.jit.load(str(self.path), map_location=self.device).to(torch.float32).eval()

    @torch.inference_mode()
    def generate(self, request: Request) -> np.ndarray:
        """States float32 [member, variable, y, x], members one by one."""
        states = []
        first_contract = len(self.module._c._get_method("noise").schema.arguments) == 4
        for member in request.members:
            number, when = (torch.tensor([n], device=self.device) for n in (member, request.time))
            condition = torch.tensor([request.condition], dtype=torch.int64, device=self.device).reshape(1, -1)
            noise = (
                self.module.noise(request.seed, number, condition)
                if first_contract
                else self.module.noise(request.seed, number, when, request.history)
            )
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bfloat16"):
                latent = self.module.solve(noise, condition, request.steps)
            states.append(self.module.decode(latent, self.module.latent_noise))
        return torch.cat(states).cpu().numpy()


@contextlib.contextmanager
def tf32(allowed: bool):
    """Let a GPU round the factors of float32 products to TF32, or not. PyTorch's default: in convolutions alone."""
    places = [torch.backends.cuda.matmul, torch.backends.cudnn]
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = allowed
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


def require_near(states: np.ndarray, wanted: np.ndarray, precision: str) -> None:
    """Fail unless states [member, variable, y, x] are as near as `TOLERANCE` wants, in each variable."""
    assert states.shape == wanted.shape
    assert np.isfinite(states).all()
    difference = np.sqrt(np.mean((states - wanted) ** 2, axis=(0, 2, 3)))
    seen = difference / wanted.std(axis=(0, 2, 3))
    assert (seen <= TOLERANCE[precision]).all(), f"differ by {seen} deviations; at most {TOLERANCE[precision]} wanted"
