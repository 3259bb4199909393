# SPDX-License-Identifier: MIT
"""Spectra of fields with a known spectrum."""

import numpy as np
import pytest

from icegen.validation import spectra


def wave(n, along_x, along_y, amplitude=1.0):
    x, y = np.meshgrid(np.arange(n), np.arange(n))
    return amplitude * np.sin(2 * np.pi * (along_x * x + along_y * y) / n + 0.3)


@pytest.mark.parametrize(("along_x", "along_y", "ring"), [(8, 0, 8), (0, 13, 13), (6, 8, 10), (-5, 12, 13)])
def test_a_single_wave_is_in_its_ring(along_x, along_y, ring):
    """All of its variance, half the squared amplitude, in the ring and those beside it, to which the taper spreads."""
    power = spectra.ring_power(wave(64, along_x, along_y, amplitude=3.0))
    assert power.shape == (32,)
    assert power[ring - 2 : ring + 1].sum() == pytest.approx(4.5, rel=0.01)
    assert power.argmax() + 1 == ring


def test_power_is_averaged_over_windows_and_quadratic():
    single = spectra.ring_power(wave(32, 5, 0))
    np.testing.assert_allclose(spectra.ring_power(np.stack([wave(32, 5, 0), wave(32, 5, 0, 2.0)])), 2.5 * single)


def test_white_noise_keeps_its_variance():
    noise = np.random.default_rng(0).standard_normal((400, 16, 16))
    power = spectra.ring_power(noise)
    wavenumber = np.fft.fftfreq(16, 1 / 16)
    ring = np.rint(np.hypot(wavenumber, wavenumber[:, None])).astype(int)
    cells = np.bincount(ring.ravel())[1:9]
    np.testing.assert_allclose(power[2:], cells[2:] / 256, rtol=0.05)  # the plane takes of the first rings


def test_means_and_planes_have_no_power():
    x, y = np.meshgrid(np.arange(24.0), np.arange(24.0))
    assert spectra.ring_power(7 + 0.5 * x - 2 * y).max() < 1e-20


def test_windows_are_ocean_throughout():
    ocean = np.ones((16, 24), bool)
    ocean[10, 3] = False
    corners = {(j.start, i.start) for j, i in spectra.find_windows(ocean, 8)}
    every = {(j, i) for j in range(0, 9, 2) for i in range(0, 17, 2)}
    assert corners == every - {(j, i) for j in (4, 6, 8) for i in (0, 2)}
    assert spectra.find_windows(ocean, 32) == []


def test_a_window_is_covered_from_95_percent():
    sic = np.full((10, 10), 0.15)
    window = (slice(0, 10), slice(0, 10))
    sic.ravel()[:5] = 0.1
    assert spectra.covered(sic, [window]).tolist() == [True]
    sic.ravel()[5] = 0.1
    assert spectra.covered(sic, [window]).tolist() == [False]


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        (
            12500.0,
            {"800-400": [1], "400-200": [2, 3], "200-100": range(4, 8), "100-50": range(8, 16), "50-25": range(16, 32)},
        ),
        (25e3, {"800-400": [1], "400-200": [2, 3], "200-100": range(4, 8), "100-50": range(8, 16)}),
        (50e3, {"800-400": [1], "400-200": [2, 3], "200-100": range(4, 8)}),
        (100e3, {"800-400": [1], "400-200": [2, 3]}),
    ],
)
def test_bands_are_octaves_down_to_two_cells(spacing, expected):
    size = spectra.window_size(spacing)
    assert size == round(800e3 / spacing)
    found = {name: (np.flatnonzero(inside) + 1).tolist() for name, inside in spectra.bands(size, spacing).items()}
    assert found == {name: list(rings) for name, rings in expected.items()}


def test_effective_resolution_is_the_first_scale_under_a_half():
    wavelength = spectra.wavelengths(8, 50e3)
    np.testing.assert_allclose(wavelength, [400e3, 200e3, 400e3 / 3, 100e3])
    assert spectra.effective_resolution(np.array([1.0, 0.5, 0.4, 0.9]), wavelength) == 400e3 / 3
    assert spectra.effective_resolution(np.array([1.0, 0.9, 0.8, 0.7]), wavelength) == 100e3


def test_pairs_are_compared_where_both_are_covered_and_seen():
    rng = np.random.default_rng(0)
    ocean, seen = np.ones((16, 32), bool), np.ones((16, 32), bool)
    pairs = spectra.PairedSpectra(ocean, 50e3, variables=2)
    assert pairs.size == 16
    assert len(pairs.windows) == 5  # at columns 0, 4, ..., 16
    real = np.stack([np.ones((16, 32)), rng.standard_normal((16, 32))])
    state = np.stack([np.ones((16, 32)), 2 * real[1]])
    state[0, :, :2] = 0  # takes the first window
    real[0, :, 30:] = 0  # and the last
    pairs.add(state, real, 0, seen)
    assert pairs.used == 3
    seen[3, 5] = False  # the second
    pairs.add(state, real, 0, seen)
    assert pairs.used == 5
    powers = pairs.power()
    np.testing.assert_allclose(powers[0][1], 4 * powers[1][1])
    expected = [spectra.ring_power(real[1][:, i : i + 16]) for i in (4, 8, 12, 8, 12)]
    np.testing.assert_allclose(powers[1][1], np.mean(expected, axis=0))


def test_nothing_is_compared_where_nothing_is_covered():
    pairs = spectra.PairedSpectra(np.ones((16, 16), bool), 50e3, variables=1)
    pairs.add(np.zeros((1, 16, 16)), np.ones((1, 16, 16)), 0, np.ones((16, 16), bool))
    assert pairs.used == 0
