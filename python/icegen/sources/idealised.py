# SPDX-License-Identifier: MIT
"""Idealised sea ice: made-up states of five variables with statistics like a neXtSIM run's, to compare methods on.

The states stand for no real day. A season's ice edge wanders over the real ocean; ice drifts with a random wind, less
where it is compact; deformation gathers in narrow bands, which open leads, pile up ridges and leave damage.
"""

import calendar
import datetime

import numpy as np
from scipy import fft, ndimage

from icegen.grid import ease2_north
from icegen.variables import variables

# Mean ice edge, degrees north, by longitude, at the end of winter (mid-March) and of summer (mid-September).
EDGE_LONGITUDE = (-180, -165, -150, -120, -90, -75, -60, -50, -42, -30, -18, 0, 15, 30, 45, 60, 80, 110, 140, 160)
WINTER_EDGE = (60, 58, 55, 50, 50, 50, 52, 54, 60, 66, 70, 75, 76.5, 75, 72, 69, 60, 55, 52, 54)
SUMMER_EDGE = (74, 74, 74, 73, 74, 76, 79, 80, 80, 78.5, 79, 81, 82, 82.5, 82, 81.5, 80.5, 79.5, 77.5, 75)


class Idealised:
    """Idealised states on the central cells of EASE-Grid 2.0 North; each is a function of seed and date alone.

    size: cells along either axis. spacing: metres. years: the years to cover.
    states_per_month: at even intervals. seed: of all that is random.
    """

    variables = variables(("sic", "sit", "sid", "siu", "siv"))
    split = None

    def __init__(self, size=512, spacing=12500.0, years=range(1995, 2019), states_per_month=4, seed=0):
        if not 1 <= states_per_month <= 28:
            raise ValueError(f"states per month are {states_per_month}; wanted 1 to 28")
        if not 2e3 <= spacing <= 200e3:
            raise ValueError(f"spacing is {spacing / 1000:g} km; wanted 2 to 200")
        self.grid = ease2_north(size, spacing)
        self.seed = seed
        self.times = []
        for year in sorted(years):
            for month in range(1, 13):
                step = calendar.monthrange(year, month)[1] / states_per_month
                days = [int((i + 0.5) * step) + 1 for i in range(states_per_month)]
                self.times += [datetime.datetime(year, month, day) for day in days]
        self.attributes = {
            "title": "Idealised Arctic sea ice",
            "source": f"icegen prepare idealised, seed {seed}: made up, with statistics like neXtSIM's; no real day",
        }
        self._spacing = spacing / 1000  # km, as all lengths below
        x, y = np.meshgrid(self.grid.x / 1000, self.grid.y / 1000)
        longitude, latitude = self.grid.lonlat
        edges = [np.interp(longitude, EDGE_LONGITUDE, edge, period=360) for edge in (WINTER_EDGE, SUMMER_EDGE)]
        self._margins = [(111.2 * (latitude - edge)).astype(np.float32) for edge in edges]
        # Thick ice against Greenland and the Canadian Archipelago, thin off Siberia.
        self._thickness = 1.0 + 1.3 * np.exp(-(((x + 650) / 900) ** 2 + ((y + 350) / 700) ** 2))
        ky = -2 * np.pi * fft.fftfreq(size, self._spacing)[:, None]  # rows run from north to south
        kx = 2 * np.pi * fft.rfftfreq(size, self._spacing)[None, :]
        self._ikx, self._iky = 1j * kx.astype(np.float32), 1j * ky.astype(np.float32)
        self._k = np.hypot(kx, ky).astype(np.float32)
        # The Beaufort gyre and the drift across the pole towards Fram Strait, m s-1.
        gyre = np.exp(-(((x + 900) / 700) ** 2 + ((y - 900) / 700) ** 2))
        across = 1 / (1 + ((x + 0.35 * y - 250) / 550) ** 2)
        self._mean_drift = np.stack([
            -0.05 * (y - 900) / 700 * gyre * -1 - 0.018 * across,
            0.05 * (x + 900) / 700 * gyre * -1 - 0.035 * across,
        ])  # fmt: skip

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float32 [variable, y, x], NaN on land."""
        date = self.times[t]
        day = date.timetuple().tm_yday
        rng = np.random.default_rng((self.seed, date.year, day))
        year_anomaly = np.random.default_rng((self.seed, date.year)).standard_normal()
        winter = 0.5 + 0.5 * np.cos(2 * np.pi * (day - 75) / 365.25)  # 1 in mid-March, 0 in mid-September

        # Distance inside the ice edge, km: the season's, the year's, the weather's.
        margin = winter * self._margins[0] + (1 - winter) * self._margins[1]
        margin += 40 * year_anomaly - 5 * (date.year - 2006)
        margin += 110 * self._noise(rng, 500, 3) + 18 * self._noise(rng, 60, 2.5)
        margin = np.maximum(margin, 0)
        cover = -np.expm1(-margin / (40 + 60 * (1 - winter)))

        # Ice drifts with the wind's stream function, less where it is compact.
        mobility = 1 - 0.6 * cover**4
        wind = self._curl(self._noise(rng, 450, 4)) * 20
        drift = mobility * wind
        shear, opening = self._bands(rng, drift)
        shear, opening = shear * cover**4, opening * cover**4

        return self._assemble(rng, margin, cover, winter, mobility, drift, shear, opening)

    def _assemble(self, rng, margin, cover, winter, mobility, drift, shear, opening):
        sic = np.clip(cover * (1.0 + 0.03 * self._noise(rng, 150, 2)) - 0.15 * np.maximum(opening, 0), 0, 1)
        thickness = self._thickness * (0.6 + 0.4 * winter) * -np.expm1(-margin / 400)
        thickness = thickness * np.exp(0.3 * self._noise(rng, 400, 2.5) + 0.25 * self._noise(rng, 30, 2))
        thickness *= 1 + 0.4 * np.maximum(-opening, 0)
        sit = sic * thickness
        damage = -np.expm1(-(0.5 + 0.8 * np.hypot(shear, opening) + 2 * (1 - cover)))
        ice = sic > 0
        drift = drift + mobility * self._mean_drift + 0.03 * self._flow(shear, opening)
        return np.where(self.grid.ocean, np.stack([sic, sit, damage * ice, *(drift * ice)]), np.nan)

    def _noise(self, rng, scale: float, exponent: float) -> np.ndarray:
        """A Gaussian random field of unit variance: amplitudes fall as k^-exponent below ``scale`` km."""
        amplitude = (1 + (self._k * scale / (2 * np.pi)) ** 2) ** (-exponent / 2)
        amplitude[0, 0] = 0
        white = fft.rfft2(rng.standard_normal(self.grid.shape, dtype=np.float32))
        field = fft.irfft2(white * amplitude, self.grid.shape)
        return field / np.sqrt(np.mean(np.square(np.broadcast_to(amplitude, amplitude.shape))))

    def _curl(self, stream: np.ndarray) -> np.ndarray:
        """Velocity [x and y, y, x] along the streamlines of ``stream`` (per km)."""
        s = fft.rfft2(stream)
        return np.stack([fft.irfft2(-self._iky * s, self.grid.shape), fft.irfft2(self._ikx * s, self.grid.shape)])

    def _flow(self, shear, opening):
        """The flow whose rotation and divergence are those of the bands; in units of 100 km."""
        smooth = 1 / (self._k**2 + (2 * np.pi / 600) ** 2)
        r, d = fft.rfft2(shear) * smooth / 100, fft.rfft2(opening) * smooth / 100
        u = self._iky * r - self._ikx * d
        v = -self._ikx * r - self._iky * d
        return np.stack([fft.irfft2(w, self.grid.shape) for w in (u, v)])

    def _bands(self, rng, drift) -> tuple[np.ndarray, np.ndarray]:
        """Shear and opening, signed, gathered in narrow bands at either side of the axis of compression."""
        (u_x, u_y), (v_x, v_y) = [self._gradient(w) for w in drift]
        strain = np.hypot(u_x - v_y, u_y + v_x)
        strain /= strain[self.grid.ocean].mean()
        angle = 0.5 * np.arctan2(u_y + v_x, u_x - v_y) + np.pi / 2
        fields = []
        for side in (-1, 1):
            direction = angle + side * np.radians(35)
            seeds = rng.standard_normal((2, *self.grid.shape), dtype=np.float32)
            seeds = np.sign(seeds) * np.maximum(np.abs(seeds) - 1.5, 0)
            fields.append([self._stretch(seed, direction) for seed in seeds])
        shear, opening = np.sum(fields, axis=0) * np.clip(strain, 0.3, 3)
        return shear / shear.std(), opening / opening.std()

    def _gradient(self, field):
        f = fft.rfft2(field)
        return [fft.irfft2(f * ik, self.grid.shape) for ik in (self._ikx, self._iky)]

    def _stretch(self, field: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Average along ``direction`` over some 340 km, in strides that triple."""
        rows, columns = np.indices(field.shape, dtype=np.float32)
        step_rows, step_columns = -np.sin(direction), np.cos(direction)
        stride = 1
        while stride * self._spacing < 200:
            ahead, behind = (
                ndimage.map_coordinates(field, (rows + s * step_rows, columns + s * step_columns), order=1, mode="wrap")
                for s in (stride, -stride)
            )
            field = (field + ahead + behind) / 3
            stride *= 3
        return field
