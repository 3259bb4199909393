# SPDX-License-Identifier: MIT
"""What several test folders share."""

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # sums of several threads differ in their last bits


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder, made once, of source.nc, prepared.nc, the checkpoints, icegen.nml, tiny.pt, its damaged kin, and
    first_contract.pt.

    Tests read it; one that changes a file copies it first.
    """
    import tiny as making  # with more packages than tests on a GPU need

    folder = tmp_path_factory.mktemp("tiny")
    path = making.make(folder)
    making.make_first_contract(path)
    making.make_damaged(path)
    return folder
