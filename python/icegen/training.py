# SPDX-License-Identifier: MIT
"""Training of the autoencoder and of the latent diffusion model.

All randomness of a step follows from (seed, step, rank) alone, so a run that was killed and resumed from its
last checkpoint repeats the very same losses.
"""

import copy
import csv
import dataclasses
import hashlib
import logging
import math
from collections.abc import Callable
from pathlib import Path

import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn

from icegen.autoencoder import Autoencoder
from icegen.config import Config, TrainingConfig, from_dict
from icegen.data import PreparedData
from icegen.diffusion import UViT, condition_features, latent_ocean, stratified_gamma, v_loss
from icegen.files import replacing
from icegen.losses import censored_gaussian_nll, kl_to_standard_normal, masked_mean

log = logging.getLogger(__name__)

AUTOENCODER_FILE = "autoencoder.pt"
DIFFUSION_FILE = "diffusion.pt"
Progress = Callable[[int, int, dict[str, float]], None]  # step, steps, running scores


def train_autoencoder(config: Config, data: PreparedData, folder: Path, progress: Progress | None = None) -> Path:
    """Train the autoencoder; resumes from ``folder`` if a checkpoint is there. Returns the checkpoint's path."""
    c = config.autoencoder_training
    _require_variables(config, data)
    if c.crop > min(data.grid.shape):
        raise ValueError(f"crop is {c.crop}; the grid has only {data.grid.shape} cells")
    fabric = lightning_fabric.Fabric(devices=1, precision=c.precision)
    torch.manual_seed(c.seed)
    model = Autoencoder(len(data.variables), config.autoencoder)
    state, observed, _, normalise = _tensors(data)
    state, observed = state[data.training], observed[data.training]
    ocean = torch.from_numpy(data.grid.ocean)
    lower, upper = normalise.bounds

    def loss(batch: int) -> tuple[Tensor, dict[str, Tensor]]:
        crops = [_random_crop(state, observed, ocean, c.crop) for _ in range(batch)]
        x, seen, sea = (torch.stack(parts).to(fabric.device) for parts in zip(*crops, strict=True))
        x = normalise(x) * sea
        mean, log_var = model.encoder(x, sea)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        mu = model.decoder(z, sea).float()
        log_s = model.log_s.float()[:, None, None]
        nll = masked_mean(censored_gaussian_nll(x, mu, log_s, lower, upper), seen)
        kl = kl_to_standard_normal(mean.float(), log_var.float()).mean()
        with torch.no_grad():
            clipped = torch.minimum(torch.maximum(mu, lower), upper)
            errors = [masked_mean((clipped - x)[:, i] ** 2, seen[:, i]).sqrt() for i in range(x.shape[1])]
        scores = {f"rmse_{v.id}": e * s for v, e, s in zip(data.variables, errors, data.std, strict=True)}
        return nll + c.kl_weight * kl, {"nll": nll, "kl": kl, **scores}

    extra = {"normalisation": {"mean": data.mean.tolist(), "std": data.std.tolist()}}
    return _train(fabric, model, loss, c, config, folder / AUTOENCODER_FILE, extra, progress, learn_faster=model.log_s)


def train_diffusion(config: Config, data: PreparedData, folder: Path, progress: Progress | None = None) -> Path:
    """Train the latent diffusion model on the latents of ``folder``'s autoencoder; resumes likewise."""
    c = config.diffusion_training
    _require_variables(config, data)
    autoencoder, _ = load_autoencoder(folder)
    fabric = lightning_fabric.Fabric(devices=1, precision=c.precision)
    latents, mean, std = standardised_latents(autoencoder, data, fabric.device)
    latents = latents[data.training].to(fabric.device)
    ocean = torch.from_numpy(data.grid.ocean)[None, None].float().to(fabric.device)
    features_ocean, cells = latent_ocean(ocean)
    condition = torch.from_numpy(np.stack([data.year, data.day_of_year], 1)[data.training]).double()
    year_mean, year_scale = year_normalisation(data)
    torch.manual_seed(c.seed)
    model = UViT(config.autoencoder.latent_channels, tuple(latents.shape[2:]), config.denoiser)

    def loss(batch: int) -> tuple[Tensor, dict[str, Tensor]]:
        chosen = torch.randint(len(latents), (batch,))
        jitter = torch.randn(batch, 2, dtype=torch.float64) * torch.tensor([c.year_jitter, c.day_jitter])
        features = condition_features(condition[chosen] + jitter, year_mean, year_scale)
        features = features * (torch.rand(batch, 1) >= c.condition_dropout)
        gamma = stratified_gamma(batch, c.gamma_mean, c.gamma_std, c.gamma_low, c.gamma_high, fabric.device)
        value = v_loss(model, latents[chosen], gamma, features.to(fabric.device), features_ocean, cells)
        return value, {}

    years = data.year[data.training]
    extra = {
        "autoencoder": fingerprint(autoencoder),
        "latent_mean": mean,
        "latent_std": std,
        "year": [year_mean, year_scale, int(years.min()), int(years.max())],
    }
    return _train(fabric, model, loss, c, config, folder / DIFFUSION_FILE, extra, progress)


def load_autoencoder(folder: Path) -> tuple[Autoencoder, dict]:
    """The autoencoder with its averaged weights, ready to run, and its checkpoint."""
    checkpoint = load_checkpoint(Path(folder) / AUTOENCODER_FILE)
    config = from_dict(Config, checkpoint["config"])
    model = Autoencoder(len(config.variables), config.autoencoder)
    model.load_state_dict(checkpoint["ema"])
    return model.eval(), checkpoint


def load_denoiser(folder: Path) -> tuple[UViT, dict]:
    """The denoiser with its averaged weights, ready to run, and its checkpoint."""
    checkpoint = load_checkpoint(Path(folder) / DIFFUSION_FILE)
    config = from_dict(Config, checkpoint["config"])
    shape = tuple(checkpoint["latent_mean"].shape[1:])
    model = UViT(config.autoencoder.latent_channels, shape, config.denoiser)
    model.load_state_dict(checkpoint["ema"])
    return model.eval(), checkpoint


def load_checkpoint(path: Path) -> dict:
    """Raises ValueError if there is none or it cannot be read."""
    if not path.exists():
        raise ValueError(f"no checkpoint {path}; train first")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint: {' '.join(str(error).split())[:200]}") from None
    missing = {"config", "model", "ema", "optimiser", "step"} - set(checkpoint if isinstance(checkpoint, dict) else ())
    if missing:
        raise ValueError(f"{path} is not a checkpoint: it lacks {', '.join(sorted(missing))}")
    return checkpoint


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of the weights, by which a denoiser knows the autoencoder of its latents."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _require_variables(config: Config, data: PreparedData) -> None:
    ids = tuple(v.id for v in data.variables)
    if ids != config.variables:
        raise ValueError(f"the configuration wants {', '.join(config.variables)}; the data hold {', '.join(ids)}")


def _agree(a, b) -> bool:
    """Equal but for rounding; b may hold keys that an older checkpoint lacks."""
    if isinstance(a, dict):
        return all(_agree(value, b[key]) for key, value in a.items())
    if isinstance(a, str):
        return a == b
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-3)


class Normalise:
    """Physical states to zero mean and unit variance over the training ocean."""

    def __init__(self, mean, std, bounds):
        self.mean = torch.tensor(np.asarray(mean), dtype=torch.float32)[:, None, None]
        self.std = torch.tensor(np.asarray(std), dtype=torch.float32)[:, None, None]
        lower, upper = (torch.tensor(b, dtype=torch.float32)[:, None, None] for b in bounds)
        self.bounds = (lower - self.mean) / self.std, (upper - self.mean) / self.std

    def __call__(self, x: Tensor) -> Tensor:
        return (x - self.mean.to(x.device)) / self.std.to(x.device)


def _tensors(data: PreparedData):
    """States, observed ocean cells, ocean mask, normalisation."""
    ocean = torch.from_numpy(data.grid.ocean)
    observed = torch.from_numpy(~data.filled & data.grid.ocean)
    return torch.from_numpy(data.state), observed, ocean, Normalise(data.mean, data.std, data.bounds)


def _random_crop(state: Tensor, observed: Tensor, ocean: Tensor, edge: int) -> tuple[Tensor, Tensor, Tensor]:
    """One flipped crop with at least a tenth of ocean: state [v, e, e], observed [v, e, e], ocean [1, e, e]."""
    ny, nx = ocean.shape
    for _ in range(1000):  # a map with hardly any ocean gets what comes
        y, x = (8 * int(torch.randint((n - edge) // 8 + 1, (1,))) for n in (ny, nx))
        window = (slice(y, y + edge), slice(x, x + edge))
        if ocean[window].float().mean() >= 0.1:
            break
    t = int(torch.randint(len(state), (1,)))
    parts = [state[t][:, *window].float(), observed[t][:, *window], ocean[window][None].float()]
    flips = [axis for axis in (1, 2) if torch.rand(()) < 0.5]
    parts = [torch.flip(part, flips) for part in parts]
    if torch.rand(()) < 0.5:
        parts = [part.transpose(1, 2) for part in parts]
    return tuple(parts)


@torch.no_grad()
def standardised_latents(model: Autoencoder, data: PreparedData, device) -> tuple[Tensor, Tensor, Tensor]:
    """Latent means [time, z, y, x] less the training mean of each pixel, over the ocean deviation of each channel;
    zero where a latent cell holds no ocean. Also that mean [z, y, x] and deviation [z, 1, 1]."""
    state, _, ocean, normalise = _tensors(data)
    ocean = ocean[None, None].float().to(device)
    model = model.to(device)
    latents = []
    for t in range(len(state)):
        x = normalise(state[t : t + 1].float().to(device)) * ocean
        latents.append(model.encoder(x, ocean)[0].cpu())
    latents = torch.cat(latents)
    cells = latent_ocean(ocean)[1].cpu()
    training = latents[torch.from_numpy(data.training)]
    mean = training.double().mean(0)
    squares = ((training.double() - mean) ** 2 * cells[0]).mean(0).sum((1, 2)) / cells.sum()
    std = squares.sqrt()[:, None, None]
    standard = ((latents - mean) / std * cells).float()
    return standard, mean.float(), std.float()


def year_normalisation(data: PreparedData) -> tuple[float, float]:
    """Centre and half width of the training years."""
    years = data.year[data.training]
    return float(years.min() + years.max()) / 2, max(float(years.max() - years.min()) / 2, 1.0)


def _train(
    fabric: lightning_fabric.Fabric,
    model: nn.Module,
    loss: Callable[[int], tuple[Tensor, dict[str, Tensor]]],
    c: TrainingConfig,
    config: Config,
    path: Path,
    extra: dict,
    progress: Progress | None,
    learn_faster: nn.Parameter | None = None,
) -> Path:
    """The loop: AdamW, warm-up and cosine decay, clipped gradients, averaged weights, atomic checkpoints."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = dataclasses.asdict(config)
    slow = [p for p in model.parameters() if p is not learn_faster]
    groups = [{"params": slow, "factor": 1.0}]
    if learn_faster is not None:
        groups.append({"params": [learn_faster], "factor": 10.0, "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, lr=c.learning_rate, weight_decay=c.weight_decay, betas=(0.9, 0.99))
    ema = copy.deepcopy(model).requires_grad_(False).to(fabric.device)
    first = 0
    if path.exists():
        checkpoint = load_checkpoint(path)
        if _shape_of(checkpoint["config"]) != _shape_of(settings):
            raise ValueError(f"{path} was trained with another configuration; move it away or use its own")
        if not _agree({key: checkpoint[key] for key in extra if key in checkpoint}, extra):
            raise ValueError(f"{path} was trained on other data, or another autoencoder; move it away")
        model.load_state_dict(checkpoint["model"])
        ema.load_state_dict(checkpoint["ema"])
        optimiser.load_state_dict(checkpoint["optimiser"])
        first = checkpoint["step"]
        log.info("resuming %s at step %d of %d", path, first, c.steps)
    model.to(memory_format=torch.channels_last).train()
    fabric.launch()
    wrapped, optimiser = fabric.setup(model, optimiser)
    running: dict[str, float] = {}
    _cut(path.with_suffix(".csv"), first)
    with open(path.with_suffix(".csv"), "a", newline="") as curve:
        for step in range(first, c.steps):
            torch.manual_seed((c.seed * 1_000_003 + step) * 4096 + fabric.global_rank)
            rate = min(1.0, (step + 1) / c.warmup) * 0.5 * (1.0 + math.cos(math.pi * step / c.steps))
            for group in optimiser.param_groups:
                group["lr"] = c.learning_rate * rate * group["factor"]
            optimiser.zero_grad()
            with fabric.autocast():
                value, scores = loss(c.batch)
            if not torch.isfinite(value):
                raise ValueError(f"the loss is {value.item()} at step {step}; the last checkpoint is kept")
            fabric.backward(value)
            norm = fabric.clip_gradients(wrapped, optimiser, max_norm=c.clip, error_if_nonfinite=False)
            if not torch.isfinite(norm):
                raise ValueError(f"the gradient is {norm.item()} at step {step}; the last checkpoint is kept")
            optimiser.step()
            decay = min(c.ema_decay, (step + 1) / (step + 10))
            for average, current in zip(ema.parameters(), model.parameters(), strict=True):
                average.lerp_(current.detach(), 1.0 - decay)
            for name, score in {"loss": value, **scores}.items():
                running[name] = 0.98 * running.get(name, score.item()) + 0.02 * score.item()
            csv.writer(curve).writerow([step, *(f"{s.item():.8g}" for s in (value, *scores.values()))])
            if fabric.is_global_zero and ((step + 1) % c.checkpoint_every == 0 or step + 1 == c.steps):
                curve.flush()
                with replacing(path) as partial:
                    torch.save(
                        {
                            "model": model.state_dict(),
                            "ema": ema.state_dict(),
                            "optimiser": optimiser.state_dict(),
                            "step": step + 1,
                            "config": settings,
                            "scores": running,
                            **extra,
                        },
                        partial,
                    )
            if progress:
                progress(step + 1, c.steps, running)
    return path


def _cut(curve: Path, steps: int) -> None:
    """Keep the first ``steps`` lines of a loss curve: those after the checkpoint will be done again."""
    lines = curve.read_text().splitlines(keepends=True) if curve.exists() else []
    if len(lines) > steps:
        with replacing(curve) as partial:
            partial.write_text("".join(lines[:steps]))


def _shape_of(settings: dict) -> dict:
    """What two runs must share for one to go on from the other's checkpoint."""
    return {key: settings[key] for key in ("variables", "autoencoder", "denoiser")}
