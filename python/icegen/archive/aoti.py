# SPDX-License-Identifier: MIT
"""An archive's networks as machine code, which the bridge runs with ``backend = 'aoti'``.

AOTInductor compiles the denoiser and the decoder for one state at a time on the archive's grid. The weights, the noise
and the sampler stay the archive's own. The code is for one kind of processor, one release of torch and one precision.
"""

import platform
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import torch
from torch import Tensor, nn

from icegen.archive.archive import Archive, autocast, load
from icegen.archive.format import save
from icegen.model.autoencoder import Decoder
from icegen.model.denoiser import ocean_inputs
from icegen.training.checkpoints import make_denoiser
from icegen.training.config import from_stored

# Of the networks' outputs, whose standard deviations are about 1, at most.
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1}
CPU = torch.device("cpu")
TORCH = tuple(int(number) for number in torch.__version__.split(".")[:2])
LEAST_TORCH = (2, 13)

# What the compiler is told of a processor, by torch's name of its capability: the architecture, and the length of its
# vectors in bits.
PROCESSORS = {"AVX2": ("x86-64-v3", 256), "AVX512": ("x86-64-v4", 512)}


def add(source: Path, out: Path, precision: str = "float32") -> str:
    """Write a copy of an archive with its networks compiled for processors like this one. Returns the copy's SHA-256.

    precision: of the denoiser's products, of `icegen.archive.PRECISIONS`.
    Raises ValueError if that cannot be done here, or if the code does not compute what the archive's own does.
    """
    if TORCH < LEAST_TORCH:
        raise ValueError(f"torch is {torch.__version__}; wanted 2.13 or newer to compile networks")
    if (capability := torch.backends.cpu.get_cpu_capability()) not in PROCESSORS:
        raise ValueError(f"the processor's vector instructions are {capability}; wanted {' or '.join(PROCESSORS)}")
    loaded = load(source, precision=precision)
    try:
        networks = _networks(loaded)
    except (KeyError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{source} is of another version of icegen: {_first_line(error)}") from None
    compiled = {f"{name}.so": _compile(name, loaded, *parts) for name, parts in networks.items()}
    metadata = loaded.metadata | {
        "compiled": {
            "processor": f"{platform.machine()} {capability}",
            "torch": torch.__version__.split("+")[0],
            "device": CPU.type,
            "precision": precision,
        }
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(source))  # as it is stored
    return save(out, module, metadata, loaded.grid, compiled)


def _networks(source: Archive) -> dict[str, tuple[nn.Module, tuple[Tensor, ...]]]:
    """The networks of an archive as the compiler takes them, with the archive's own weights, and inputs such as the
    sampler gives them."""
    config = from_stored(source.metadata["provenance"]["configuration"], source.path)
    channels, y, x = source.metadata["latent"]["shape"]
    module = source.module
    factor = module.ocean.shape[2] // y
    ocean, ocean_cells = ocean_inputs(module.ocean, factor)
    latent = torch.randn(1, channels, y, x, generator=torch.Generator().manual_seed(0)) * ocean_cells
    denoiser = make_denoiser(config, module.latent_mean.shape)
    networks: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
        "denoiser": (
            denoiser,
            (latent, torch.tensor([-2.0]), torch.ones(1, denoiser.conditions), ocean),
        )
    }
    if config.space == "latent":
        decoder = Decoder(len(source.variables), config.autoencoder)
        networks["decoder"] = (decoder, (latent, module.ocean, torch.full([1], module.latent_noise)))
    for name, (network, _) in networks.items():
        # The very tensors: code is compiled for their layout too.
        network.load_state_dict(getattr(module, name).state_dict(), assign=True)
        network.requires_grad_(False).eval()
    return networks


def _compile(name: str, source: Archive, network: nn.Module, inputs: tuple[Tensor, ...]) -> bytes:
    """A shared library with a network's code, which has been seen to compute what the archive's own does."""
    from torch._inductor import aot_compile
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        compiler = torch._inductor.config.cpp.cxx[-1]
        raise ValueError(f"{compiler!r} is no C++ compiler that works; wanted g++, or another that CXX names") from None
    options: dict[str, object] = {
        "compile_threads": 1,
        "cpp.dynamic_threads": True,  # those of the process that runs it
        "aot_inductor.package_constants_in_so": False,
    }
    options["cpp.march"], options["cpp.simdlen"] = PROCESSORS[torch.backends.cpu.get_cpu_capability()]
    precision = source.precision if name == "denoiser" else "float32"
    inputs = tuple(value.contiguous() for value in inputs)  # as the backend gives them
    products = autocast(precision, CPU)
    network.forward = products(network.forward)
    with TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about itself
        library = str(Path(folder) / f"{name}.so")
        options["aot_inductor.output_path"] = library
        try:
            aot_compile(torch.export.export(network, inputs).module(), inputs, options=options)
            made = _run(library, network.state_dict(), inputs)
        except Exception as error:  # of the compiler, of many kinds
            raise ValueError(f"the {name} cannot be compiled here: {_cause(error)}") from error
        with products:
            wanted = getattr(source.module, name)(*inputs)
        difference = _difference(made, wanted)
        if not difference <= TOLERANCE[precision]:
            raise ValueError(f"the compiled {name} differs from the archive's by {difference:.2g}; "
                             f"wanted at most {TOLERANCE[precision]:g}")  # fmt: skip
        return Path(library).read_bytes()


def _first_line(error: Exception) -> str:
    """What an error says first, without the text that torch adds to it."""
    return " ".join(str(error).split())[:200]


def _cause(error: Exception) -> str:
    """Why a network was not compiled: what the compiler printed as an error, or what else failed."""
    from torch._inductor.exc import CppCompileError

    cause = getattr(error, "inner_exception", error)  # torch wraps it
    if isinstance(cause, OSError):
        return f"{_first_line(cause)} (TMPDIR is {gettempdir()})"
    if not isinstance(cause, CppCompileError):
        return _first_line(cause)
    printed = cause.output.splitlines() or ["it printed nothing"]
    first = next((line for line in printed if "error" in line), printed[0])
    return f"the compiler {cause.cmd[0]} failed: {first.strip()[:200]}"


def _run(library: str, weights: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Outputs of a compiled network."""
    runner = torch._C._aoti.AOTIModelContainerRunnerCpu(library, 1)
    constants = {constant: weights[name] for constant, name in runner.get_constant_names_to_original_fqns().items()}
    runner.update_constant_buffer(constants, False, True, False)  # all of them, copied
    return runner.run(list(inputs))


def _difference(outputs: list[Tensor], wanted: Tensor | tuple[Tensor, ...]) -> float:
    """The largest between outputs and those wanted."""
    several = (wanted,) if isinstance(wanted, Tensor) else wanted
    return max(float((a - b).abs().max()) for a, b in zip(outputs, several, strict=True))
