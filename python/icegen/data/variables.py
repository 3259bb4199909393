# SPDX-License-Identifier: MIT
"""The sea-ice variables that icegen knows, with their physical bounds and CF names."""

from collections.abc import Collection
from dataclasses import dataclass

PER_SEA_AREA = ("sea_ice_area_fraction", "sea_ice_thickness")  # CF names of means over the sea


@dataclass(frozen=True)
class Variable:
    """One variable of a sea-ice state.

    ``lower`` and ``upper`` are the physical bounds in ``units``; ``None`` means unbounded.
    """

    id: str
    standard_name: str
    long_name: str
    units: str
    lower: float | None = None
    upper: float | None = None

    @property
    def on_ice_only(self) -> bool:
        """Whether a value is a mean over the ice of a cell, and so defined only where there is ice.

        Values of other variables are means over the sea.
        """
        return self.standard_name not in PER_SEA_AREA

    @property
    def cf_names(self) -> dict[str, str]:
        """CF attributes that name the variable and its unit, as far as there are any."""
        names = {"standard_name": self.standard_name, "long_name": self.long_name, "units": self.units}
        return {key: text for key, text in names.items() if text}


VARIABLES = {
    v.id: v
    for v in (
        Variable("sic", "sea_ice_area_fraction", "sea-ice concentration", "1", 0.0, 1.0),
        Variable("sit", "sea_ice_thickness", "effective sea-ice thickness (volume per cell area)", "m", 0.0),
        # Damage has no CF standard name; an empty one is left out of written files.
        Variable("sid", "", "sea-ice damage", "1", 0.0, 1.0),
        Variable("siu", "sea_ice_x_velocity", "sea-ice drift along the grid's x axis", "m s-1"),
        Variable("siv", "sea_ice_y_velocity", "sea-ice drift along the grid's y axis", "m s-1"),
    )
}


def variables(ids: Collection[str]) -> tuple[Variable, ...]:
    """Look up variables by id.

    Raises ValueError for an unknown or repeated id.
    """
    for name in ids:
        if name not in VARIABLES:
            raise ValueError(f"unknown variable {name!r}; wanted one of {', '.join(VARIABLES)}")
    if len(set(ids)) != len(ids):
        raise ValueError(f"variables are {', '.join(ids)}; wanted each once")
    if not ids:
        raise ValueError("no variable given; wanted at least one")
    return tuple(VARIABLES[name] for name in ids)
