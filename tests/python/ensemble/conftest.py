# SPDX-License-Identifier: MIT
"""The compiled bridge for tests of restarts."""

import sysconfig

import pytest

from compiled import BUILD, ENVIRONMENT, require_built


@pytest.fixture(scope="module")
def bridge():
    """icegen.bridge of the build; the test is skipped where nothing is built."""
    require_built(BUILD / "lib" / f"_icegen_flat{sysconfig.get_config_var('EXT_SUFFIX')}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
            patch.setenv(name, value)
        from icegen.host import bridge

        yield bridge
