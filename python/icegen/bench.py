# SPDX-License-Identifier: MIT
"""What a sample costs, as ratios of two ways timed in alternation in one run: machines differ, ratios less so."""

import dataclasses
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

import icegen
from icegen.archive import Archive
from icegen.autoencoder import Autoencoder, IdentityDecoder, IdentityEncoder
from icegen.checkpoints import make_denoiser
from icegen.config import Config, DenoiserConfig, from_dict
from icegen.diffusion import UViT, network_ocean
from icegen.emulator import Emulator
from icegen.validation.samples import BridgeSampler, Request

PAPER_STEPS = 20  # of Heun's method: 39 evaluations
# Diffusion in data space with about as many weights as the shipped latent model.
DATA_SPACE = DenoiserConfig(widths=(32, 64, 128, 256, 256), blocks=(2, 2, 2, 2, 6), eofs=0)

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """Time of ``what`` over time of ``against``: median of paired runs, their quartiles, both medians in seconds."""

    what: str
    against: str
    ratio: float
    quartiles: tuple[float, float]
    seconds: tuple[float, float]


@dataclass
class Bench:
    """Ratios, what could not be measured and why, and on what it ran."""

    about: dict[str, str]
    ratios: list[Ratio] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def bench(archive: Archive, threads: int, pairs: int, progress: Callable[[str], None] = lambda what: None) -> Bench:
    """Time an archive on the CPU, ``pairs`` runs of either way for each ratio; progress is told what comes next."""
    torch.set_num_threads(threads)
    outcome = Bench(describe(archive, threads, pairs))
    for name, measure in (
        ("a sample through the bridge, received at every cell", through_bridge),
        ("a sample of the archive", against_eager),
        ("one evaluation of the latent model", against_data_space),
    ):
        progress(name)
        try:
            outcome.ratios.append(measure(name, archive, pairs))
        except (ImportError, ValueError) as error:
            outcome.left_out[name] = str(error)
    return outcome


def through_bridge(name: str, archive: Archive, pairs: int) -> Ratio:
    """What a Fortran host pays on top of the archive's own time. ImportError where the bridge is not built."""
    steps, members = archive.default_steps, itertools.count(1)
    with TemporaryDirectory() as folder, closing(BridgeSampler(archive, 0, steps, Path(folder))) as host:
        # A new member each time: a kept one would cost nothing.
        return paired(
            *(name, lambda: host.sample(Request(next(members)))),
            *("the archive's generate", lambda: archive.generate([next(members)])),
            pairs,
        )


def against_eager(name: str, archive: Archive, pairs: int) -> Ratio:
    """The archive with its own sampler against its modules as a researcher would run them."""
    plain = eager(archive)
    member, condition = torch.tensor([1]), torch.zeros(1, 0, dtype=torch.int64)

    @torch.inference_mode()
    def sample() -> torch.Tensor:
        return plain.generate(0, member, condition, PAPER_STEPS)

    against = f"the same modules in eager PyTorch, float32, default layout, {2 * PAPER_STEPS - 1} evaluations"
    return paired(name, lambda: archive.generate([1]), against, sample, pairs)


def against_data_space(name: str, archive: Archive, pairs: int) -> Ratio:
    """What the latent space saves: one evaluation of the network there and of one like it on the states themselves."""
    plain = eager(archive)
    shape = (len(archive.variables), *archive.grid.shape)
    data = UViT(shape[0], 1, shape[1:], DATA_SPACE).eval()
    weights = [sum(p.numel() for p in model.parameters()) / 1e6 for model in (plain.denoiser, data)]
    return paired(
        *(f"{name} ({weights[0]:.1f} M weights)", evaluation(plain.denoiser, plain.latent_mean.shape, plain.ocean)),
        *(f"one of a model in data space ({weights[1]:.1f} M)", evaluation(data, shape, plain.ocean)),
        pairs,
    )


def evaluation(model: UViT, shape: tuple[int, ...], ocean: torch.Tensor) -> Work:
    """One evaluation of a denoiser of states [channel, y, x]."""
    z, features = torch.randn(1, *shape), torch.zeros(1, 6)
    coarse = network_ocean(ocean, ocean.shape[2] // shape[1])[0]

    @torch.inference_mode()
    def evaluate() -> torch.Tensor:
        return model(z, torch.zeros(1), features, coarse)

    return evaluate


def eager(archive: Archive) -> Emulator:
    """The archive's modules as plain PyTorch in its default layout, with the paper's sampler.

    Raises ValueError for an archive that another icegen's modules made.
    """
    try:
        config = from_dict(Config, archive.metadata["provenance"]["configuration"])
        state = archive.module.state_dict()
        encoder: nn.Module = IdentityEncoder()
        decoder: nn.Module = IdentityDecoder()
        if config.space == "latent":
            autoencoder = Autoencoder(len(archive.variables), config.autoencoder)
            encoder, decoder = autoencoder.encoder, autoencoder.decoder
        features = None
        if any(name.startswith("feature_encoder.") for name in state):
            features = Autoencoder(len(archive.variables), config.features).encoder
        emulator = Emulator(
            encoder=encoder,
            decoder=decoder,
            denoiser=make_denoiser(config, state["latent_mean"].shape),
            feature_encoder=features,
            ocean=state["ocean"],
            **{name: state[name][:, 0, 0] for name in ("mean", "std", "lower", "upper", "cut")},
            latent_mean=state["latent_mean"],
            latent_std=state["latent_std"],
            conditional=archive.module.conditional,
            year_mean=archive.module.year_mean,
            year_scale=archive.module.year_scale,
            sampler=dataclasses.replace(config.sampler, name="heun"),
        )
        emulator.load_state_dict({name: tensor.contiguous() for name, tensor in state.items()})
    except (KeyError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{archive.path} is of another icegen: {' '.join(str(error).split())[:120]}") from None
    return emulator.eval()


def paired(what: str, work: Work, against: str, other: Work, pairs: int) -> Ratio:
    """Time two ways in alternation, after one run of either that is not counted."""
    times = [(timed(work), timed(other)) for _ in range(pairs + 1)][1:]
    ratios = sorted(a / b for a, b in times)
    quartiles = statistics.quantiles(ratios, n=4) if pairs > 1 else ratios * 3
    seconds = tuple(statistics.median(column) for column in zip(*times, strict=True))
    return Ratio(what, against, statistics.median(ratios), (quartiles[0], quartiles[2]), seconds)


def timed(work: Work) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def describe(archive: Archive, threads: int, pairs: int) -> dict[str, str]:
    """Hardware, versions and settings."""
    sampler = archive.metadata["sampler"]
    return {
        "archive": f"{archive.metadata['name']}, {sampler['name']}, {sampler['evaluations']} evaluations",
        "sha256": archive.sha256,
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "versions": f"icegen {icegen.__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        "threads": str(threads),
        "pairs": str(pairs),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
