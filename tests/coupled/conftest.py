# SPDX-License-Identifier: MIT
"""Hosts run under MPI."""

import pytest

from compiled import BUILD, configured


@pytest.fixture(autouse=True)
def with_mpi():
    """Skip in a build without MPI, which has no hosts."""
    if (BUILD / "CMakeCache.txt").exists() and configured("ICEGEN_MPI") == "OFF":
        pytest.skip("a build without MPI")
