# SPDX-License-Identifier: MIT
"""Philox against its published answers, and the noise made of it."""

import numpy as np
import pytest
import torch
from scipy import stats

from icegen.model.noise import multiply_high_low, philox4x32, standard_normal

CPU = torch.device("cpu")
KEY = {"seed": 7, "member": 3, "time": 1024 * 2001 + 74, "stream": 0}


def draw(count=64, draw_with=standard_normal, **changes):
    return draw_with(count, **(KEY | changes), device=CPU)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, words):
    """The vectors of kat_vectors in Random123, "philox 4x32 10"."""
    answer = philox4x32(*(torch.tensor([word]) for word in counter), *key)
    assert " ".join(f"{int(word):08x}" for word in answer) == words


def test_product_of_32_bit_numbers_has_no_overflow():
    rng = np.random.default_rng(0)
    b = [0, 1, 0xFFFF, 0x10000, 0xFFFFFFFF, *rng.integers(0, 2**32, 200).tolist()]
    for a in (0xD2511F53, 0xCD9E8D57, 0xFFFFFFFF):
        high, low = multiply_high_low(a, torch.tensor(b))
        assert high.tolist() == [a * value >> 32 for value in b]
        assert low.tolist() == [a * value & 0xFFFFFFFF for value in b]


def test_first_numbers_are_box_muller_of_the_first_words():
    block = (0, KEY["member"], KEY["time"], KEY["stream"])
    words = [int(w) for w in philox4x32(*(torch.tensor([c]) for c in block), KEY["seed"], 0)]
    u = (np.array(words) + 0.5) / 2**32
    radius, angle = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
    wanted = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()
    np.testing.assert_allclose(draw(4).numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 63, 64])
def test_shorter_is_a_prefix_of_longer(count):
    short = draw(count)
    assert short.shape == (count,)
    assert short.dtype == torch.float32
    assert torch.equal(short, draw(100)[:count])


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"seed": 7 + 2**32},  # the low words agree
        {"seed": 7 + 2**62},
        {"member": 4},
        {"time": 1024 * 2001 + 75},
        {"time": -(1024 * 2001 + 74)},
        {"stream": 1},
    ],
)
def test_each_part_of_the_key_changes_all_numbers(changes):
    a, b = draw(10_000), draw(10_000, **changes)
    assert (a == b).float().mean() < 0.001
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.04  # four standard errors


def test_same_key_same_bits():
    torch.manual_seed(1)
    first = draw()
    torch.manual_seed(2)
    assert torch.equal(first, draw())


def test_is_standard_normal():
    x = draw(100_000).double().numpy()
    assert np.isfinite(x).all()
    assert abs(x.mean()) < 4 / np.sqrt(len(x))
    assert abs(x.std() - 1) < 4 / np.sqrt(2 * len(x))
    assert abs(stats.skew(x)) < 4 * np.sqrt(6 / len(x))
    assert abs(stats.kurtosis(x)) < 4 * np.sqrt(24 / len(x))
    assert stats.kstest(x, "norm").pvalue > 0.01
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 4 / np.sqrt(len(x))


def test_members_are_independent():
    x = torch.stack([draw(4000, member=m) for m in range(1, 21)]).double()
    correlation = torch.corrcoef(x) - torch.eye(20)
    assert correlation.abs().max() < 5 / np.sqrt(4000)


def test_scripted_gives_the_same_bits():
    scripted = torch.jit.script(standard_normal)
    for _ in range(3):  # the profiling executor changes code between the first calls
        for changes in ({}, {"seed": 2**63 - 1, "member": 2**31 - 1, "stream": 5}):
            assert torch.equal(draw(1001, scripted, **changes), draw(1001, **changes))
