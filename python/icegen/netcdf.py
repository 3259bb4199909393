# SPDX-License-Identifier: MIT
"""Reading NetCDF: opening a file, its dates, a variable's units."""

from pathlib import Path

import netCDF4

# What a source may call a unit, and the factor to ours.
UNIT_FACTORS = {
    "1": {"1": 1.0, "": 1.0, "fraction": 1.0, "%": 0.01, "percent": 0.01},
    "m": {"m": 1.0, "meter": 1.0, "metre": 1.0, "meters": 1.0, "metres": 1.0, "cm": 0.01},
    "m s-1": {"m s-1": 1.0, "m/s": 1.0, "cm s-1": 0.01, "cm/s": 0.01},
}

# Calendars whose every date is one of the standard calendar too.
CALENDARS = ("standard", "gregorian", "proleptic_gregorian", "noleap", "365_day")


def open_file(path: Path) -> netCDF4.Dataset:
    """Open a file to read. Raises ValueError if it is not there or no NetCDF."""
    if not Path(path).exists():
        raise ValueError(f"data file {path} does not exist")
    try:
        return netCDF4.Dataset(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None


def read_times(nc: netCDF4.Dataset, path: Path) -> list:
    """The dates of coordinate ``time``. Raises ValueError where they cannot be told."""
    if "time" not in nc.variables:
        raise ValueError(f"{path} has no variable time")
    time = nc["time"]
    if "units" not in time.ncattrs():
        raise ValueError(f"{path}: time has no units; wanted such as 'days since 1970-01-01'")
    calendar = getattr(time, "calendar", "standard")
    if calendar not in CALENDARS:
        raise ValueError(f"{path}: calendar is {calendar}; wanted one of {', '.join(CALENDARS)}")
    return list(netCDF4.num2date(time[:], time.units, calendar))
