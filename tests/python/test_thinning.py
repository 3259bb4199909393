# SPDX-License-Identifier: MIT
"""Long records are thinned to exactly as many as wanted, evenly spread."""

import numpy as np
import pytest

from icegen.thinning import evenly


def test_all_where_there_are_few():
    assert evenly(3, 5).tolist() == [0, 1, 2]
    assert evenly(0, 5).tolist() == []
    assert evenly(5, 0).tolist() == []


@pytest.mark.parametrize(("count", "most"), [(10, 5), (401, 400), (401, 200), (2001, 2000), (7, 4)])
def test_exactly_as_many_as_wanted(count, most):
    steps = np.diff(evenly(count, most))
    assert len(steps) == most - 1
    assert steps.max() - steps.min() <= 1
    assert steps.min() >= 1
    assert 0 <= evenly(count, most)[0] <= evenly(count, most)[-1] < count
