# SPDX-License-Identifier: MIT
"""Reading the checkpoints in the folder of a training."""

import hashlib
from pathlib import Path

import torch
from torch import nn

from icegen.data.grid import FACTOR
from icegen.model.autoencoder import Autoencoder
from icegen.model.denoiser import CONDITION_INPUTS, UViT
from icegen.model.detail import DetailNetwork
from icegen.model.generative_model import GenerativeModel
from icegen.training.config import Config, from_stored

AUTOENCODER_FILE = "autoencoder.pt"
DECODER_FILE = "decoder.pt"  # the autoencoder after further training of its decoder
FEATURES_FILE = "features.pt"
DIFFUSION_FILE = "diffusion.pt"
DETAIL_FILE = "detail.pt"


def load_checkpoint(path: Path) -> dict:
    """Read a checkpoint. Raises ValueError if it does not exist or cannot be read."""
    if not path.exists():
        raise ValueError(f"no checkpoint {path}; train first")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint: {' '.join(str(error).split())[:200]}") from None
    missing = {"config", "task", "ema", "optimiser", "step"} - set(checkpoint if isinstance(checkpoint, dict) else ())
    if missing:
        raise ValueError(f"{path} is not a checkpoint: it lacks {', '.join(sorted(missing))}")
    return checkpoint


def load_autoencoder(folder: Path, further: bool = True) -> tuple[Autoencoder, dict]:
    """The autoencoder with its averaged weights, in evaluation mode, and its checkpoint.

    further: use the decoder that was trained further, if there is one.
    Raises ValueError if there is no checkpoint, or if that decoder belongs to another autoencoder.
    """
    found = _autoencoder(Path(folder) / AUTOENCODER_FILE, "autoencoder")
    path = Path(folder) / DECODER_FILE
    if not further or not path.exists():
        return found
    later = _autoencoder(path, "autoencoder")
    if fingerprint(later[0].encoder) != fingerprint(found[0].encoder):
        raise ValueError(f"{path} belongs to another autoencoder; move it away and train the decoder again")
    return later


def load_features(folder: Path) -> tuple[Autoencoder, dict]:
    """The small autoencoder whose latents serve as features of scores, and its checkpoint."""
    return _autoencoder(Path(folder) / FEATURES_FILE, "features")


def _autoencoder(path: Path, part: str) -> tuple[Autoencoder, dict]:
    checkpoint = load_checkpoint(path)
    config = from_stored(checkpoint["config"], path)
    model = Autoencoder(len(config.variables), getattr(config, part))
    model.load_state_dict(checkpoint["ema"])
    return model.eval(), checkpoint


def make_denoiser(config: Config, shape: torch.Size) -> UViT:
    """An untrained denoiser of latents, or of states in data space, with ``shape`` [channel, y, x]."""
    factor = FACTOR if config.space == "latent" else 1
    conditions = CONDITION_INPUTS + (config.averaging > 0)
    return UViT(shape[0], factor**2, (shape[1], shape[2]), config.denoiser, conditions)


def load_denoiser(folder: Path, ema_decay: float | None = None) -> tuple[UViT, dict]:
    """The denoiser with its averaged weights, in evaluation mode, and its checkpoint.

    ema_decay: of the average to take; by default ``ema_decay`` of the training.
    Raises ValueError for a decay of which the checkpoint has no average.
    """
    path = Path(folder) / DIFFUSION_FILE
    checkpoint = load_checkpoint(path)
    config = from_stored(checkpoint["config"], path)
    averages = {str(config.diffusion_training.ema_decay): checkpoint["ema"], **checkpoint.get("ema_further", {})}
    wanted = str(config.diffusion_training.ema_decay if ema_decay is None else ema_decay)
    if wanted not in averages:
        raise ValueError(f"{path} has no average with the decay {wanted}; wanted one of {', '.join(averages)}")
    model = make_denoiser(config, checkpoint["latent_mean"].shape)
    model.load_state_dict(averages[wanted])
    return model.eval(), checkpoint


def make_detail(config: Config) -> DetailNetwork:
    """An untrained detail network. Raises ValueError for diffusion in data space, which has no decoder."""
    if config.space != "latent":
        raise ValueError(f"space is {config.space}; wanted latent, because only a decoder leaves detail open")
    return DetailNetwork(len(config.variables), FACTOR, config.detail)


def load_detail(folder: Path) -> tuple[DetailNetwork, dict]:
    """The detail network with its averaged weights, in evaluation mode, and its checkpoint.

    Raises ValueError if there is no checkpoint.
    """
    path = Path(folder) / DETAIL_FILE
    checkpoint = load_checkpoint(path)
    model = make_detail(from_stored(checkpoint["config"], path))
    model.load_state_dict(checkpoint["ema"])
    return model.eval(), checkpoint


def trained_config(folder: Path) -> Config:
    """The configuration that the folder's diffusion model was trained with."""
    path = Path(folder) / DIFFUSION_FILE
    return from_stored(load_checkpoint(path)["config"], path)


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of the weights. A denoiser's checkpoint holds that of the encoder of its latents."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def fingerprint_of_autoencoder(model: GenerativeModel) -> str:
    """SHA-256 of a model's encoder and decoder. A detail network's checkpoint holds that of its model."""
    return fingerprint(nn.ModuleList([model.encoder, model.decoder]))
