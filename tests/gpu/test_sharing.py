# SPDX-License-Identifier: MIT
"""Several models on one GPU, and one model on another GPU than the first."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from on_device import require_near

pytestmark = pytest.mark.gpu


def test_two_models_on_one_device(make, device, dated):
    """Each on its own thread, at the same time."""
    last = f"cuda:{torch.cuda.device_count() - 1}" if device == "cuda" else device  # none to turn to after it
    models = [make(last), make(last)]
    wanted = models[0].generate(dated.members, **dated.keywords)
    np.testing.assert_array_equal(models[1].generate(dated.members, **dated.keywords), wanted)

    def generate(model):
        return [model.generate(dated.members, **dated.keywords) for _ in range(5)]

    with ThreadPoolExecutor(2) as threads:
        for states in threads.map(generate, models):
            for state in states:
                require_near(state, wanted, "float32")
    models[0].close()
    np.testing.assert_array_equal(models[1].generate(dated.members, **dated.keywords), wanted)


def test_the_second_gpu(make, gpu, dated):
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU")
    before = torch.cuda.memory_allocated(0)
    second = make("cuda:1")
    assert torch.cuda.memory_allocated(1) > 0
    assert torch.cuda.memory_allocated(0) == before
    wanted = make("cuda:0").generate(dated.members, **dated.keywords)
    require_near(second.generate(dated.members, **dated.keywords), wanted, "float32")


def test_a_gpu_that_is_not_there(make, device):
    count = torch.cuda.device_count()
    with pytest.raises(ValueError, match=f"device is 'cuda'; wanted CUDA device {count}, this node has {count}"):
        make(f"cuda:{count}")
