# SPDX-License-Identifier: MIT
"""What several test folders share."""

from pathlib import Path

import pytest
import torch

import tiny as making

torch.set_num_threads(1)  # sums of several threads differ in their last bits


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder, made once, of source.nc, prepared.nc, the checkpoints, icegen.nml, tiny.pt and its damaged kin.

    Tests read it; one that changes a file copies it first.
    """
    folder = tmp_path_factory.mktemp("tiny")
    making.make_damaged(making.make(folder))
    return folder
