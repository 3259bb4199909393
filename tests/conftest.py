# SPDX-License-Identifier: MIT
"""What several test folders share."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # sums of several threads differ in their last bits


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder, made once, of source.nc, prepared.nc, the checkpoints, icegen.nml, tiny.pt, its damaged kin, and
    first_contract.pt; or the one that ICEGEN_TINY names.

    Tests read it; one that changes a file copies it first.
    """
    if "ICEGEN_TINY" in os.environ:
        return Path(os.environ["ICEGEN_TINY"])
    import tiny as making  # with more packages than tests on a GPU need

    folder = tmp_path_factory.mktemp("tiny")
    path = making.make(folder)
    making.make_first_contract(path)
    making.make_damaged(path)
    return folder


@pytest.fixture(scope="session")
def detailed(tiny, tmp_path_factory) -> Path:
    """A folder, made once, of prepared.nc, detail.pt, and detailed.pt: tiny.pt with a detail network."""
    import tiny as making

    folder = tmp_path_factory.mktemp("detailed")
    shutil.copy(tiny / "prepared.nc", folder)
    making.make_detailed(tiny / "tiny.pt", folder)
    return folder


@pytest.fixture
def icegen(monkeypatch, capsys, tmp_path) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process and in an empty folder. Returns status, output and errors."""
    from icegen.command import main as cli  # likewise

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["icegen", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, *capsys.readouterr()

    return run
