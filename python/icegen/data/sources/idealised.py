# SPDX-License-Identifier: MIT
"""Idealised sea ice: artificial states of five variables with statistics like those of neXtSIM, to compare methods.

The states represent no real day. An ice edge follows the season over the real ocean. Ice drifts with a random wind,
less where it is compact. Deformation is concentrated in narrow bands, which open leads, build ridges and leave damage.
"""

import calendar
import datetime
from collections.abc import Iterable

import numpy as np
from scipy import fft, ndimage

from icegen.data.consistency import MODELLED
from icegen.data.grid import ease2_north
from icegen.data.variables import variables

# Mean ice edge, degrees north, by longitude, at the end of winter (mid-March) and of summer (mid-September).
EDGE_LONGITUDE = (-180, -165, -150, -120, -90, -75, -60, -50, -42, -30, -18, 0, 15, 30, 45, 60, 80, 110, 140, 160)
WINTER_EDGE = (60, 58, 55, 50, 50, 50, 52, 54, 60, 66, 70, 75, 76.5, 75, 72, 69, 60, 55, 52, 54)
SUMMER_EDGE = (74, 74, 74, 73, 74, 76, 79, 80, 80, 78.5, 79, 81, 82, 82.5, 82, 81.5, 80.5, 79.5, 77.5, 75)


class Idealised:
    """Idealised states on the central cells of EASE-Grid 2.0 North; each is a function of seed and date alone.

    size: cells along either axis. spacing: metres. years: the years to cover.
    states_per_month: at even intervals. seed: of all random numbers.
    The numbers in ``read`` are chosen so that the statistics are near those of ``icegen.data.sources.targets``.
    """

    variables = variables(("sic", "sit", "sid", "siu", "siv"))
    split: np.ndarray | None = None
    averaging: np.ndarray | None = None
    thickness = MODELLED

    def __init__(
        self,
        size: int = 512,
        spacing: float = 12500.0,
        years: Iterable[int] = range(1995, 2019),
        states_per_month: int = 3,
        seed: int = 0,
    ):
        if size < 16 or size % 2:
            raise ValueError(f"size is {size}; wanted an even number from 16")
        if not 2e3 <= spacing <= 200e3:
            raise ValueError(f"spacing is {spacing / 1000:g} km; wanted 2 to 200")
        if not 1 <= states_per_month <= 28:
            raise ValueError(f"states per month are {states_per_month}; wanted 1 to 28")
        if seed < 0:
            raise ValueError(f"seed is {seed}; wanted 0 or more")
        self.grid = ease2_north(size, spacing)
        self.seed = seed
        self.times = []
        for year in sorted(set(years)):
            for month in range(1, 13):
                step = calendar.monthrange(year, month)[1] / states_per_month
                self.times += [
                    datetime.datetime(year, month, int((i + 0.5) * step) + 1) for i in range(states_per_month)
                ]
        self.attributes = {
            "title": "Idealised Arctic sea ice",
            "source": f"icegen prepare idealised, seed {seed}: made up, with statistics like neXtSIM's; no real day",
        }
        self._spacing = spacing / 1000  # km, as all lengths below
        x, y = (axis.astype(np.float32) for axis in np.meshgrid(self.grid.x / 1000, self.grid.y / 1000))
        longitude, latitude = self.grid.lonlat
        self._margins = [
            (111.2 * (latitude - np.interp(longitude, EDGE_LONGITUDE, edge, period=360))).astype(np.float32)
            for edge in (WINTER_EDGE, SUMMER_EDGE)
        ]
        coast = ndimage.distance_transform_edt(self.grid.ocean) * self._spacing
        # Thick ice off Greenland and the Canadian Archipelago, thin off Siberia and at all coasts; m.
        self._thickness = 1.6 + 2.1 * np.exp(-(((x + 500) / 1000) ** 2) - ((y + 350) / 700) ** 2)
        self._thickness *= 1 - 0.5 * np.exp(-coast / 40).astype(np.float32)
        self._offshore = -np.expm1(-coast / 60).astype(np.float32)
        # The Beaufort gyre and the drift across the pole towards Fram Strait; m s-1.
        gyre = 0.14 * np.exp(-(((x + 900) / 700) ** 2) - ((y - 900) / 700) ** 2)
        across = 0.084 / (1 + ((x - 0.35 * y - 250) / 550) ** 2)
        self._mean_drift = np.stack([(y - 900) / 700 * gyre - 0.42 * across, -(x + 900) / 700 * gyre - across])

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float32 [variable, y, x], NaN on land."""
        day = self.times[t].timetuple().tm_yday
        year = self.times[t].year
        rng = np.random.default_rng((self.seed, year, day))
        of_the_year = np.random.default_rng((self.seed, year)).standard_normal()
        winter = (0.5 + 0.5 * np.cos(2 * np.pi * (day - 75) / 365.25)) ** 0.6  # 1 in mid-March, 0 in mid-September
        growth = 1 + 0.25 * np.cos(2 * np.pi * (day - 135) / 365.25)

        # Distance inside the ice edge, km: the season's, the year's, the weather's.
        margin = winter * self._margins[0] + (1 - winter) * self._margins[1] - 60
        margin += 40 * of_the_year - 5 * (year - 2006)
        margin += 110 * self._noise(rng, 800, 3) + 20 * self._noise(rng, 100, 2)
        margin = np.maximum(margin, 0)
        cover = -np.expm1(-margin / (140 - 100 * winter))
        compact = cover**6
        ice = cover > 0

        # The wind drives the ice, less where it is compact and near coasts; m s-1.
        wind = self._curl(self._noise(rng, 2000, 4))
        wind *= 0.15 * np.exp(0.2 * rng.standard_normal()) / np.sqrt(np.mean(wind[:, self.grid.ocean] ** 2))
        mobility = self._offshore * (1 - 0.6 * compact)
        shear, opening = (compact * bands for bands in self._bands(rng, wind))
        drift = mobility * wind + 0.2 * self._offshore * self._induced(shear, opening)
        # Drift by wind has zero mean, so that the mean drift is that of the mean circulation.
        moved = ice & self.grid.ocean
        drift -= (drift[:, moved].mean(1) / mobility[moved].mean())[:, None, None] * mobility
        drift += mobility * self._mean_drift

        # Leads where the bands open, ridges where they close, new ice in the leads; m.
        lead, ridge = 2 * np.tanh(np.maximum(opening, 0) / 2), np.maximum(-opening, 0)
        texture = (0.08 - 0.06 * winter) * self._noise(rng, 200, 2)
        sic = np.clip(cover * (1 + texture) - 0.25 * lead, 0, 1) * ice
        thickness = self._thickness * growth * (1 - 0.75 * np.exp(-margin / 400))
        thickness *= np.exp(0.22 * self._noise(rng, 900, 2.5) + 0.12 * self._noise(rng, 80, 2.5))
        thickness *= (1 + ridge) ** 0.6 * np.exp(-0.8 * lead)

        # Damage: along the bands, and wherever ice is loose.
        load = 2.6 * np.exp(0.8 * self._noise(rng, 900, 2.5)) * (0.1 + np.hypot(shear, opening)) + 3 * (1 - compact)
        state = np.stack([sic, sic * thickness, -np.expm1(-load) * (sic > 0), *(drift * (sic > 0))])
        return np.where(self.grid.ocean, state, np.nan).astype(np.float32)

    def _bands(self, rng: np.random.Generator, wind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shear and opening, signed and without unit, in bands on both sides of the wind's axis of compression.

        A band is where a random field, which is smoothed along the band's direction, changes sign.
        """
        (u_y, u_x), (v_y, v_x) = (np.gradient(w, -self._spacing, self._spacing) for w in wind)
        stretching, shearing = (
            ndimage.gaussian_filter(w, 150 / self._spacing, mode="wrap") for w in (u_x - v_y, u_y + v_x)
        )
        compression = 0.5 * np.arctan2(shearing, stretching)[::2, ::2] + np.pi / 2
        strain = np.hypot(stretching, shearing)
        strain = np.clip(strain / strain[self.grid.ocean].mean(), 0.3, 3)
        shear = opening = 0
        for scale, weight in ((500, 1.0), (200, 0.8), (80, 0.5)):
            activity = weight * np.maximum(self._noise(rng, 3 * scale, 3) + 0.7, 0)
            for side in (-1, 1):
                line = self._noise(rng, scale, 5, coarsening=2)
                line = self._smoothed_along(line, compression + side * np.radians(25), 10 * scale)
                line = ndimage.zoom(line, 2, order=2, mode="grid-wrap", grid_mode=True)
                cells_away = line / np.hypot(*np.gradient(line))
                band = activity * np.exp(-(cells_away**2))
                shear = shear + side * band
                opening = opening + band
        return shear * strain, opening * strain * self._noise(rng, 600, 3)

    def _smoothed_along(self, field: np.ndarray, direction: np.ndarray, length: float) -> np.ndarray:
        """Means over about ``length`` km along a direction, of a field on every other cell, in strides that triple."""
        rows, columns = np.indices(field.shape, dtype=np.float32)
        rows_ahead, columns_ahead = -np.sin(direction), np.cos(direction)  # rows run from north to south
        stride = 1
        while stride * 4 * self._spacing < length:
            ahead, behind = (
                ndimage.map_coordinates(
                    field, (rows + s * rows_ahead, columns + s * columns_ahead), order=1, mode="grid-wrap"
                )
                for s in (stride, -stride)
            )
            field = (field + ahead + behind) / 3
            stride *= 3
        return field

    def _noise(self, rng: np.random.Generator, scale: float, exponent: float, coarsening: int = 1) -> np.ndarray:
        """A periodic Gaussian random field of unit variance: amplitudes fall as k^-exponent below ``scale`` km."""
        n = self.grid.shape[0] // coarsening
        k = np.hypot(fft.fftfreq(n)[:, None], fft.rfftfreq(n)) / (self._spacing * coarsening)
        amplitude = ((1 + (k * scale) ** 2) ** (-exponent / 2)).astype(np.float32)
        amplitude[0, 0] = 0
        white = fft.rfft2(rng.standard_normal((n, n), dtype=np.float32))
        return fft.irfft2(white * amplitude, (n, n)) / np.sqrt(np.mean(amplitude**2))

    def _curl(self, stream: np.ndarray) -> np.ndarray:
        """Velocity [2, y, x] along the streamlines of a stream function."""
        along_y, along_x = np.gradient(stream, -self._spacing, self._spacing)
        return np.stack([-along_y, along_x])

    def _induced(self, shear: np.ndarray, opening: np.ndarray) -> np.ndarray:
        """The velocity [2, y, x] whose rotation is ``shear`` and whose divergence is ``opening``, by their spectra."""
        n = self.grid.shape[0]
        kx = 2 * np.pi * fft.rfftfreq(n, self._spacing)[None, :].astype(np.float32)
        ky = -2 * np.pi * fft.fftfreq(n, self._spacing)[:, None].astype(np.float32)
        inverse = -0.01j / (kx**2 + ky**2 + (2 * np.pi / 1500) ** 2)  # no flow wider than the basin
        rotation, divergence = fft.rfft2(shear) * inverse, fft.rfft2(opening) * inverse
        spectra = (kx * divergence - ky * rotation, ky * divergence + kx * rotation)
        return np.stack([fft.irfft2(spectrum, (n, n)) for spectrum in spectra])
