# SPDX-License-Identifier: MIT
"""What CICE's column physics, Icepack, takes ice to be: thickness categories, and the contents of new ice.

The formulas and constants are those that Icepack documents (https://cice-consortium-icepack.readthedocs.io).
"""

import numpy as np

RHO_ICE, RHO_SNOW, RHO_WATER = 917.0, 330.0, 1026.0  # kg m-3
C_ICE, C_OCEAN = 2106.0, 4218.0  # J kg-1 K-1
FUSION = 2.835e6 - 2.501e6  # J kg-1: sublimation less vaporisation
DEPRESSION = 0.054  # of the melting point by salt, K per ppt
FREEZING = -1.8  # of sea water, degrees Celsius
SALTIEST, FRESHEST = 3.2, 0.1  # of the profile of salinity, ppt
THINNEST = 0.01  # of ice in the thermodynamics, m
ENDLESS = 999.9  # upper bound of the last category, m
NEW_GRAIN = 54.526  # radius of grains of new snow, micrometres
WMO = (0.10, 0.15, 0.30, 0.70, 1.20, 2.00)


def category_bounds(categories: int, kcatbound: int = 0, kitd: int = 1) -> np.ndarray:
    """Bounds of the thickness categories, m, float64 [categories + 1], as CICE's settings of these names choose them.

    Raises ValueError for settings that CICE does not have.
    """
    n = np.arange(1, categories + 1)
    if kitd not in (0, 1):
        raise ValueError(f"kitd is {kitd}; wanted 0 (delta functions) or 1 (linear remapping)")
    if kcatbound == -1 and categories == 1:
        return np.array([0.0, 100.0 if kitd == 0 else ENDLESS])
    if kcatbound == 0:
        first, width, steepness = (
            (0.0, 3 / categories, 3.0) if kitd == 1 else (THINNEST, max(1.1 / categories, THINNEST), 2.25)
        )
        growth = (15 if kitd == 1 else 25) * width
        upper = first + np.cumsum(width + growth * (1 + np.tanh(steepness * ((n - 1) / categories - 1))))
    elif kcatbound == 1:
        first, upper = 0.0, n * (3 + 0.5 * (n - 1)) / categories
    elif kcatbound == 2 and categories in (5, 6, 7):
        first, upper = 0.0, np.array([*WMO[7 - categories :], 999.0])
    elif kcatbound == 3 and categories > 1:
        growth = max(categories * (categories - 1), 60.0)
        first, upper = 0.0, 0.1 * (n + growth * n * (n + 1) / (2 * categories * (categories - 1)))
    else:
        wanted = "-1 (1 category), 0, 1, 2 (5 to 7 categories) or 3 (2 or more)"
        raise ValueError(f"kcatbound is {kcatbound} and there are {categories} categories; wanted {wanted}")
    bounds = np.concatenate([[first], upper])
    if kitd == 1:
        bounds[-1] = ENDLESS
    return bounds


def salinity(layers: int) -> np.ndarray:
    """Of new ice by layer from the top, ppt, float64 [layer]: the profile of Bitz and Lipscomb (1999)."""
    depth = (np.arange(layers) + 0.5) / layers
    return np.maximum(SALTIEST / 2 * (1 - np.cos(np.pi * depth ** (0.407 / (0.573 + depth)))), FRESHEST)


def ice_enthalpy(surface: np.ndarray, layers: int, ktherm: int = 2) -> np.ndarray:
    """Of new ice whose temperature is linear from the surface to that of freezing, J m-3, float64 [layer, point].

    surface: temperature, degrees Celsius, below 0, float64 [point].
    ktherm: CICE's: 1 for the thermodynamics of Bitz and Lipscomb, 2 for those of mushy layers.
    """
    depth = ((np.arange(layers) + 0.5) / layers)[:, None]
    temperature = surface + (FREEZING - surface) * depth
    salt = salinity(layers)[:, None]
    if ktherm == 2:
        liquid = salt / np.maximum(brine_salinity(temperature), salt)
        sensible = (liquid * C_OCEAN * RHO_WATER + (1 - liquid) * C_ICE * RHO_ICE) * temperature
        return sensible - (1 - liquid) * RHO_ICE * FUSION
    if ktherm == 1:
        melting = -DEPRESSION * salt
        return -RHO_ICE * (C_ICE * (melting - temperature) + FUSION * (1 - melting / temperature) - C_OCEAN * melting)
    raise ValueError(f"ktherm is {ktherm}; wanted 1 (Bitz and Lipscomb) or 2 (mushy)")


def snow_enthalpy(surface: np.ndarray) -> np.ndarray:
    """Of new snow at the temperature of the surface, J m-3, float64 [point]."""
    return -RHO_SNOW * (FUSION - C_ICE * np.minimum(surface, 0.0))


def brine_salinity(temperature: np.ndarray) -> np.ndarray:
    """In equilibrium with ice, ppt: the liquidus of Assur (1958). temperature: at most 0 degrees Celsius."""
    warm = temperature / (temperature / 1000 - 1 / 18.48)
    cold = (temperature - 62.4 / 10.3085) / (temperature / 1000 - 1.0624 / 10.3085)
    return np.where(temperature > -7.6362968855167352, warm, cold)
