# SPDX-License-Identifier: MIT
"""Networks compiled by AOTInductor: what the archive holds, samples as TorchScript makes them, refusals."""

import os
import platform
import re
import shutil
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch

import icegen
from compiled import BUILD, configured, mpirun, require_built
from icegen import archive
from icegen.archive import aoti
from icegen.command import main as cli
from reproducibility.host import CELLS, namelist, play, receive, request, target

pytestmark = pytest.mark.long  # compiling takes half a minute

PROCESSOR = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
# Largest difference and root mean square of samples, of concentration and of thickness in m.
DIFFERENCE = {"float32": (1e-5, 1e-6), "bfloat16": (0.02, 0.003)}


def export(monkeypatch, *arguments) -> None:
    """`icegen export`, which succeeds."""
    monkeypatch.setattr(sys, "argv", ["icegen", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code


@pytest.fixture(scope="session")
def compiled(tiny, tmp_path_factory) -> Path:
    """The tiny archive with compiled networks, from the models' folder; half a minute."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("no C++ compiler")
    out = tmp_path_factory.mktemp("compiled") / "compiled.pt"
    with pytest.MonkeyPatch.context() as patch:
        export(patch, tiny, "--data", tiny / "prepared.nc", "--samples", 0, "--backend", "aoti", "--out", out)
    return out


@pytest.fixture(scope="module")
def library() -> Path:
    """The backend."""
    if configured("ICEGEN_BACKEND_TORCH") != "ON" or configured("ICEGEN_MPI") != "ON":
        pytest.skip("a build without MPI or without the libtorch backends")
    path = BUILD / "lib/libicegen_backend_aoti.so"
    require_built(path)
    return path


def refusal(folder: Path, path: Path, **values) -> str:
    """What a host is told that opens an archive with backend aoti."""
    settings = namelist(folder, path, backend="aoti", **values)
    (folder / "script").write_text(f"ranks 1\nopen {settings}\n")
    finished = mpirun(1, "script_host", folder / "script", folder / "out.bin")
    assert finished.returncode != 0
    return finished.stdout + finished.stderr


def changed(path: Path, out: Path, said: dict | None = None, **entries: bytes) -> Path:
    """A copy of an archive with compiled networks that says something else of them, or has other code."""
    with zipfile.ZipFile(path) as content:
        code = {name.split("/")[-1]: content.read(name) for name in content.namelist() if name.endswith(".so")}
    code |= {f"{name}.so": value for name, value in entries.items()}
    description = archive.describe(path)
    metadata = description.metadata | {"compiled": description.metadata["compiled"] | (said or {})}
    archive.save(out, torch.jit.load(str(path)), metadata, description.grid, code)
    return out


def code_of(path: Path, network: str) -> bytes:
    with zipfile.ZipFile(path) as content:
        return content.read(next(name for name in content.namelist() if name.endswith(f"/extra/{network}.so")))


def samples(folder: Path, path: Path, **values) -> np.ndarray:
    """Two members at the archive's own cells, float32 [field, point], through the bridge."""
    loaded = icegen.load(path)
    lines = ["ranks 1", f"open {namelist(folder, path, seed=7, **values)}", target(folder, loaded)]
    return play([*lines, request(1, 1, 2, 2001, 75), *receive(1, (1, 2), CELLS), "close"], 1, folder)


def check_samples(folder: Path, path: Path, precision: str) -> None:
    """Backend aoti makes the samples of backend torch within the tolerance, and not the same bits."""
    wanted = samples(folder, path, backend="torch", precision=precision)
    made = samples(folder, path, backend="aoti", precision=precision)
    np.testing.assert_array_equal(made < 0, wanted < 0)
    difference = (made - wanted).astype(np.float64)
    largest, root_mean_square = DIFFERENCE[precision]
    assert 0 < np.abs(difference).max() < largest
    assert np.sqrt((difference**2).mean()) < root_mean_square
    assert wanted.std() > 100 * root_mean_square


def test_the_archive_says_what_it_is_compiled_for(compiled, icegen):
    metadata = archive.describe(compiled).metadata
    assert metadata["compiled"] == {
        "processor": PROCESSOR,
        "torch": torch.__version__.split("+")[0],
        "device": "cpu",
        "precision": "float32",
    }
    _, out, _ = icegen("info", compiled)
    assert "compiled for" in out


def test_python_takes_no_notice_of_it(compiled, tiny):
    """The archive's own code is still there, and does what it did."""
    states = [
        icegen.load(path).generate([1], seed=7, year=2001, day_of_year=75) for path in (compiled, tiny / "tiny.pt")
    ]
    assert torch.equal(*states)


def test_samples_as_of_torchscript(compiled, library, tmp_path):
    check_samples(tmp_path, compiled, "float32")


@pytest.mark.soak
def test_samples_as_of_torchscript_in_bfloat16(tiny, library, tmp_path, monkeypatch):
    """Compiled from an archive."""
    out = tmp_path / "compiled.pt"
    export(monkeypatch, tiny / "tiny.pt", "--backend", "aoti", "--precision", "bfloat16", "--out", out)
    check_samples(tmp_path, out, "bfloat16")


def test_refuses_an_archive_without_compiled_networks(library, tiny, tmp_path):
    assert "it has no compiled networks; run `icegen export --backend aoti`" in refusal(tmp_path, tiny / "tiny.pt")


@pytest.mark.parametrize(
    ("said", "values", "words"),
    [
        ({"processor": "sparc VIS"}, {}, f"compiled for processor 'sparc VIS'; here it is '{PROCESSOR}'"),
        ({"torch": "2.0.0"}, {}, "compiled for torch '2.0.0'; here it is '"),
        ({"device": "cuda:0"}, {}, "compiled for device 'cuda:0'; here it is 'cpu'"),
        ({}, {"precision": "bfloat16"}, "compiled for precision 'float32'; here it is 'bfloat16'"),
    ],
    ids=["processor", "torch", "device", "precision"],
)
def test_refuses_code_for_elsewhere(compiled, library, tmp_path, said, values, words):
    assert words in refusal(tmp_path, changed(compiled, tmp_path / "other.pt", said), **values)


def test_refuses_fewer_vector_instructions(compiled, library, tmp_path, monkeypatch):
    """The processor itself, as torch sees it."""
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert f"compiled for processor '{PROCESSOR}'; here it is '{platform.machine()} DEFAULT'" in refusal(
        tmp_path, compiled
    )


def test_refuses_code_of_another_network(compiled, library, tmp_path):
    path = changed(compiled, tmp_path / "other.pt", denoiser=code_of(compiled, "decoder"))
    assert "its compiled code is of another network: it wants a weight '" in refusal(tmp_path, path)


def test_refuses_what_is_no_code_and_leaves_no_file(compiled, library, tmp_path, monkeypatch):
    path = changed(compiled, tmp_path / "other.pt", denoiser=b"no code")
    with TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        assert f"cannot load {path}: " in refusal(tmp_path, path)
        assert not list(Path(folder).glob("icegen-*"))


def failing_compiler(folder: Path, *printed: str) -> str:
    """A compiler that says its version, and otherwise prints some lines and fails."""
    path = folder / "failing"
    lines = [f"echo '{line}'" for line in printed]
    path.write_text("\n".join(["#!/bin/sh", '[ "$1" = --version ] && exec echo 1.0', *lines, "exit 1\n"]))
    path.chmod(0o755)
    return str(path)


def refuses_to_compile(source: Path, out: Path, compiler: str, words: str) -> None:
    """With that compiler, in those words. No file is left."""
    with (
        torch._inductor.config.patch({"cpp.cxx": (None, compiler)}),
        pytest.raises(ValueError, match=f"^{re.escape(words)}$"),
    ):
        aoti.add(source, out)
    assert not out.exists()


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_refuses_to_compile_without_a_compiler(tiny, tmp_path, compiler):
    words = f"'{compiler}' is no C++ compiler that works; wanted g++, or another that CXX names"
    refuses_to_compile(tiny / "tiny.pt", tmp_path / "compiled.pt", compiler, words)


@pytest.mark.parametrize(
    ("printed", "words"),
    [(["In file included:", "a.cpp:1: fatal error: No space left on device", "compilation terminated."],
      "a.cpp:1: fatal error: No space left on device"),
     (["Killed"], "Killed"),
     ([], "it printed nothing")],
    ids=["error", "killed", "silent"],
)  # fmt: skip
def test_a_compiler_that_fails_is_one_line(tiny, tmp_path, printed, words):
    compiler = failing_compiler(tmp_path, *printed)
    words = f"the denoiser cannot be compiled here: the compiler {compiler} failed: {words}"
    refuses_to_compile(tiny / "tiny.pt", tmp_path / "compiled.pt", compiler, words)


def test_no_place_for_code_is_one_line(tiny, tmp_path, monkeypatch):
    """Torch writes what it compiles to a folder of its own, which here is a file."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(file))
    with pytest.raises(ValueError, match=rf"^the denoiser cannot be compiled here: .*{file}.* \(TMPDIR is .*\)$"):
        aoti.add(tiny / "tiny.pt", tmp_path / "compiled.pt")
    assert not (tmp_path / "compiled.pt").exists()


def test_refuses_code_that_computes_something_else(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(torch._inductor, "aot_compile", lambda *_, **__: "")
    monkeypatch.setattr(aoti, "_run", lambda *_: [torch.tensor(torch.nan)])
    with pytest.raises(ValueError, match="the compiled denoiser differs from the archive's by nan; wanted"):
        aoti.add(tiny / "tiny.pt", tmp_path / "compiled.pt")
    assert not list(tmp_path.iterdir())


def test_refuses_models_without_data(tiny, icegen):
    status, _, errors = icegen("export", tiny, "--backend", "aoti", "--out", "a.pt")
    assert status == 2
    assert "Missing option '--data'" in errors
