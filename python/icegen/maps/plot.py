# SPDX-License-Identifier: MIT
"""Figures of sea ice: `maps` and `season` of states in memory, `plot` of a file of samples or of a host's year."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from icegen.data.extent import ICE_EDGE
from icegen.files import replacing
from icegen.maps import drift, polar
from icegen.maps.style import BLUE, GREEN, INK, MONTHS, NO_DATA, ORANGE, PURPLE, SKY_BLUE, VERMILION, tidy

log = logging.getLogger(__name__)

HOST_DIMENSIONS = ("time", "member", "lat", "lon")
HOST_UNITS = {"sic": "1", "sit": "m", "extent": "m2"}
MAPPED_MONTHS = (3, 9)  # most and least ice
MAPPED_MEMBERS = 6  # a page holds no more rows; the seasonal cycle shows all members
MEMBER_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)

WIDTH, DPI = 9.0, 200  # inches; 1800 pixels
LARGEST_MAP = 3.6  # inches
LEFT, RIGHT, GAP, BETWEEN = 0.55, 0.3, 0.1, 0.3  # inches: margins, between maps, between variables
TOP, BARS, CYCLE, BOTTOM = 0.72, 0.88, 2.5, 0.5


@dataclass(frozen=True, eq=False)
class Scene:
    """The data that a figure shows.

    fields: variables over (time, member, row, column), NaN without data; time may be absent from their coordinates.
    corners: x, y [row + 1, column + 1] of the cells in metres of `polar.project`.
    land: bool [row, column], from the data's own mask; None if that does not distinguish land from missing data.
    extent: [time, member] in m2, or None where there is no concentration.
    arrows: u, v of the drift along the map's axes, as fields, m s-1; None if it is not drawn.
    """

    fields: xr.Dataset
    corners: tuple[np.ndarray, np.ndarray]
    land: np.ndarray | None
    extent: np.ndarray | None
    arrows: xr.Dataset | None = None

    @property
    def members(self) -> list[str]:
        """What to call each member: by its number, or by its name if the states have names."""
        known = "member" in self.fields.coords
        numbers = self.fields.member.values if known else range(1, self.fields.sizes["member"] + 1)
        return [m if isinstance(m, str) else f"Member {int(m)}" for m in numbers]

    @property
    def months(self) -> np.ndarray:
        return self.fields.time.dt.month.values


def maps(states: xr.Dataset, variables: Sequence[str] | None = None) -> Figure:
    """Maps of generated states, one row for each of the first six members; each variable has one scale.

    states: as `Archive.sample` returns or `icegen sample` writes them, over (realization, y, x) and perhaps time, of
        which March and September are shown, or else the first and the last. ``realization`` has numbers, or names.
    variables: ids; by default the first two; ``drift`` draws siu and siv as one map with arrows.
    Raises ValueError for a dataset without these dimensions, or without data.
    """
    return draw(of_states(states, variables, whole=False), None)


def season(states: xr.Dataset, reference: Mapping | None = None) -> Figure:
    """The extent of each member over the times of ``states``, and the observed range of ``reference``, if given.

    reference: as `plot` takes it. Raises ValueError without concentration, or with one time.
    """
    scene = of_states(states, ["sic"], whole=True)
    if scene.extent is None or len(scene.extent) < 2:
        raise ValueError("a season needs sic at two or more times")
    figure = Figure(figsize=(WIDTH, CYCLE + BOTTOM), facecolor="white")
    draw_cycle(figure.add_axes((0.08, 0.16, 0.89, 0.8)), scene, scene.extent / 1e12, check_reference(reference))
    return figure


def plot(
    path: str | Path,
    out: str | Path,
    reference: Mapping | None = None,
    variables: Sequence[str] | None = None,
    month: int | None = None,
    dpi: int = DPI,
) -> None:
    """Draw a file of samples, or of a host's year, as a PNG.

    path: NetCDF as `icegen sample` writes it, or of a host: ``sic`` (1) and ``sit`` (m) over (time, member, lat, lon),
        and ``extent`` (m2) over (time, member); monthly, with at least one March and one September; lat and lon
        1-D, degrees.
    out: PNG to write; whole or not there. Sea without a value is blue-grey in the maps, land is grey.
    reference: observed range of the extent, ``{"extent": {"mean": [12], "min": [12], "max": [12],
        "years": [first, last]}}``, m2, January to December; left out or without an extent, no range is drawn.
    variables: ids of the variables on the maps; by default the first two. ``drift`` draws siu and siv as one map.
    month: 1 to 12, the month of the maps; by default March and September.
    dpi: pixels per inch of a picture that is 9 inches wide.
    Raises ValueError when a file cannot be read or written or lacks something.
    """
    out = Path(out)
    observed = check_reference(reference)
    with replacing(out) as partial:
        figure = draw(read(Path(path), variables), observed, month)
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Title": "Arctic sea ice generated by icegen"})
    log.info("wrote %s", out)


def read(path: Path, variables: Sequence[str] | None = None) -> Scene:
    """The scene of a file. Raises ValueError if it does not exist or does not fit."""
    if not path.is_file():
        raise ValueError(f"file {path} does not exist")
    try:
        with xr.open_dataset(path, engine="netcdf4") as opened:
            scene = of_states if "realization" in opened.dims else of_host
            return scene(opened, variables)
    except (OSError, RuntimeError) as error:  # netCDF4 raises either for a damaged file
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def of_states(states: xr.Dataset, variables: Sequence[str] | None = None, whole: bool = True) -> Scene:
    """The scene of generated states, with the extent at all times if ``whole``."""
    for name in ("realization", "y", "x"):
        if name not in states.dims:
            raise ValueError(f"there is no dimension {name}; wanted states over realization, y and x")
    held = [str(name) for name, v in states.data_vars.items() if {"realization", "y", "x"} <= set(v.dims)]
    names = _names(variables, drift.drawable(held))
    if "lat" not in states.coords or "lon" not in states.coords:
        raise ValueError("there are no coordinates lat and lon")
    states = states if "time" in states.dims else states.expand_dims("time")
    fields = states[held].rename(realization="member", y="row", x="column")
    fields = fields.transpose("time", "member", "row", "column")
    x, y = (polar.corners(middles) for middles in polar.project(states.lon.values, states.lat.values))
    arrows = None
    if drift.NAME in names:
        fields = drift.with_speed(fields)
        against = "x" in states.coords and states.x.ndim == 1 and bool(states.x[0] > states.x[-1])
        arrows = drift.along_map(fields, (x, y), against)
    fields = fields[names]
    shown = fields.isel(time=_shown(fields), member=slice(MAPPED_MEMBERS)).load()
    land = np.isnan(shown[names[0]].values).all(axis=(0, 1))
    extent = None
    if whole and "sic" in held and "cell_area" in states:
        extent = np.array([_extent(states.sic.isel(time=t), states.cell_area) for t in range(fields.sizes["time"])])
    return Scene(fields, (x, y), land, extent, arrows)


def _names(variables: Sequence[str] | None, held: Sequence[str]) -> list[str]:
    """The variables to draw: those requested, or the first two of those available."""
    names = list(held[:2] if variables is None else variables)
    for name in names:
        if name not in held:
            raise ValueError(f"there is no variable {name}; the states hold {', '.join(held) or 'none'}")
    if not names:
        raise ValueError("the states hold no variable")
    return names


def _extent(sic: xr.DataArray, area: xr.DataArray) -> np.ndarray:
    """Extent [member] in m2 of concentration over (realization, y, x)."""
    return ((sic >= ICE_EDGE) * area).sum(("y", "x")).values


def of_host(opened: xr.Dataset, variables: Sequence[str] | None = None) -> Scene:
    """The scene of a host's file. Raises ValueError if something is missing."""
    missing = [name for name in HOST_UNITS if name not in opened.data_vars]
    if missing:
        raise ValueError(
            f"the file lacks {', '.join(missing)}; it holds {', '.join(map(str, opened.data_vars)) or 'nothing'}"
        )
    data = opened[list(HOST_UNITS)].load()
    for name, units in HOST_UNITS.items():
        wanted = HOST_DIMENSIONS[:2] if name == "extent" else HOST_DIMENSIONS
        if set(data[name].dims) != set(wanted):
            raise ValueError(f"{name} has dimensions {data[name].dims}; wanted {wanted}")
        seen = data[name].attrs.get("units", units)
        if seen != units:
            raise ValueError(f"{name} has units {seen}; wanted {units}")
    for name, least in (("time", 1), ("member", 1), ("lat", 2), ("lon", 2)):
        if data.sizes[name] < least:
            raise ValueError(f"dimension {name} has size {data.sizes[name]}; wanted at least {least}")
        if name not in data.coords and name != "member":
            raise ValueError(f"there is no coordinate {name}")
    if not hasattr(data.time, "dt"):
        raise ValueError("time is not a date; wanted units such as 'days since 2007-01-01'")
    months = data.time.dt.month.values
    absent = [MONTHS[month - 1] for month in MAPPED_MONTHS if month not in months]
    if absent:
        seen = ", ".join(MONTHS[month - 1] for month in sorted(set(months)))
        raise ValueError(f"there is no {' and no '.join(absent)}; the months are {seen}")
    if not np.isfinite(data.extent).any():
        raise ValueError("extent holds no valid value")
    data = data.transpose(*HOST_DIMENSIONS)
    lon_edges, lat_edges, northern = polar_part(data)
    fields = data[_names(variables, ("sic", "sit"))].isel(lat=northern).rename(lat="row", lon="column")
    return Scene(fields, polar.project(*np.meshgrid(lon_edges, lat_edges)), None, data.extent.values)


def check_reference(reference: Mapping | None) -> dict[str, np.ndarray] | None:
    """The observed extent as arrays: mean, min, max [12] in m2, years [2]; None without a reference."""
    if not reference or not reference.get("extent"):
        return None
    observed = {}
    for name, length in (("mean", 12), ("min", 12), ("max", 12), ("years", 2)):
        try:
            observed[name] = np.asarray(reference["extent"][name], dtype=float)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the reference has no numbers under extent, {name}") from error
        if observed[name].shape != (length,):
            raise ValueError(f"reference extent {name} has shape {observed[name].shape}; wanted ({length},)")
    return observed


def _shown(fields: xr.Dataset, month: int | None = None) -> list[int]:
    """Which times have maps: the first of ``month``, or else March and September, or else the first and the last."""
    count = fields.sizes["time"]
    months = [int(m) for m in fields.time.dt.month] if "time" in fields.coords else []
    if month is not None:
        if month not in months:
            raise ValueError(f"month is {month}; the states are of the months {sorted(set(months))}")
        return [months.index(month)]
    if all(month in months for month in MAPPED_MONTHS):
        return [months.index(month) for month in MAPPED_MONTHS]
    return [0] if count == 1 else [0, count - 1]


def draw(scene: Scene, observed: dict[str, np.ndarray] | None, month: int | None = None) -> Figure:
    """The figure: maps, colour bars, and the seasonal cycle if there is one.

    Each member has a row of maps; if it has a single map, the members stand side by side.
    """
    drawn = min(len(scene.members), MAPPED_MEMBERS)
    if drawn < len(scene.members):
        log.info("maps show the first %d of %d members", drawn, len(scene.members))
    shown = _shown(scene.fields, month)
    fields = scene.fields.isel(time=shown, member=slice(drawn)).load()
    arrows = scene.arrows.isel(time=shown, member=slice(drawn)).load() if scene.arrows is not None else None
    side_by_side = len(fields) == len(shown) == 1
    rows, columns = (1, drawn) if side_by_side else (drawn, len(shown))
    dates = [f"{MONTHS[t.month - 1]} {t.year}" for t in fields.indexes["time"]] if "time" in fields.coords else []
    for name in fields:
        if not np.isfinite(fields[name]).any():
            raise ValueError(f"{name} holds no valid value at the times of the maps, north of 30 N")
    across = len(fields)
    inner = across * (columns - 1) * GAP + (across - 1) * BETWEEN
    side = min((WIDTH - LEFT - RIGHT - inner) / (across * columns), LARGEST_MAP)
    total_width = LEFT + RIGHT + inner + across * columns * side
    cycle = CYCLE if scene.extent is not None and len(scene.extent) > 1 else 0.0
    maps_height = rows * side + (rows - 1) * GAP
    height = TOP + maps_height + BARS + (cycle + BOTTOM if cycle else 0.0)
    figure = Figure(figsize=(total_width, height), facecolor="white")

    def axes(x: float, y: float, width: float, tall: float) -> Axes:
        """Axes placed in inches from the lower left corner."""
        return figure.add_axes((x / total_width, y / height, width / total_width, tall / height))

    x, y = scene.corners
    half = polar.map_half_width(fields[next(iter(fields))].values, x, y)
    image = None if scene.land is not None else polar.land_image(half, pixels=round(2 * side * DPI))
    y_maps = height - TOP - side
    for i, (name, field) in enumerate(fields.items()):
        how = polar.style(str(name), field.values, field.attrs.get("long_name", ""), field.attrs.get("units", ""))
        width = columns * side + (columns - 1) * GAP
        x_first = LEFT + i * (width + BETWEEN)
        heading = ", ".join([how.heading, *dates]) if side_by_side else how.heading
        for j, row in np.ndindex(columns, rows):
            time, member = (0, j) if side_by_side else (j, row)
            panel = axes(x_first + j * (side + GAP), y_maps - row * (side + GAP), side, side)
            mesh = panel.pcolormesh(
                x, y, field.values[time, member], cmap=how.colours, vmin=how.lower, vmax=how.upper, rasterized=True
            )
            if name == drift.NAME and arrows is not None:
                u, v = (arrows[part].values[time, member] for part in ("u", "v"))
                drift.draw_arrows(panel, (x, y), u, v, how.upper)
            if image is not None:
                panel.imshow(image, extent=(-half, half, -half, half), zorder=2)
            elif scene.land is not None:
                polar.draw_land(panel, x, y, scene.land)
            polar.dress_map(panel, half)
            title = scene.members[member] if side_by_side else dates[time] if dates else ""
            if row == 0 and title:
                panel.set_title(title, fontsize=9, pad=12, color=INK)
            polar.label_meridians(panel, row == 0, row == rows - 1, i + j == 0, i + j == across + columns - 2)
            if i + j == 0 and not side_by_side:
                panel.text(-0.13 if side < 3 else -0.07, 0.5, scene.members[member], rotation=90,
                           transform=panel.transAxes, ha="right", va="center", fontsize=9, color=INK)  # fmt: skip
        figure.text((x_first + width / 2) / total_width, 1 - 0.2 / height, heading, ha="center", va="center",
                    fontsize=10.5, fontweight="bold", color=INK)  # fmt: skip
        bar_axes = axes(x_first + 0.15 * width, height - TOP - maps_height - 0.34, 0.7 * width, 0.11)
        polar.draw_bar(figure, mesh, bar_axes, how)
    if cycle and scene.extent is not None:
        panel = axes(LEFT + 0.05, BOTTOM, total_width - LEFT - RIGHT - 0.05, cycle - 0.1)
        draw_cycle(panel, scene, scene.extent / 1e12, observed)
    return figure


def polar_part(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cell edges in degrees, lon [lon + 1] and lat [kept + 1], and which latitudes [lat] are kept."""
    northern = data.lat.values > polar.SOUTHERNMOST - 20
    if northern.sum() < 2:
        raise ValueError(f"latitudes reach from {data.lat.values.min()} to {data.lat.values.max()}; wanted the Arctic")
    lon = np.unwrap(data.lon.values.astype(float), period=360)
    return polar.edges(lon), np.clip(polar.edges(data.lat.values[northern].astype(float)), -90, 90), northern


def draw_cycle(panel: Axes, scene: Scene, extent: np.ndarray, observed: dict[str, np.ndarray] | None) -> None:
    """Extent [time, member] in million km2 of each member against the observed range."""
    months = scene.months
    when = np.arange(len(months))
    highest = np.nanmax(extent)
    if observed is not None:
        low, mean, high = (observed[name][months - 1] / 1e12 for name in ("min", "mean", "max"))
        first, last = observed["years"].astype(int)
        panel.fill_between(when, low, high, color="#d5d8db", linewidth=0, label=f"Observed range, {first}–{last}")
        panel.plot(when, mean, color="#7a8087", linestyle="--", linewidth=1.2, label=f"Observed mean, {first}–{last}")
        highest = max(highest, high.max())
    for k, name in enumerate(scene.members):
        if k < MAPPED_MEMBERS:
            style: dict[str, Any] = {
                "color": MEMBER_COLOURS[k],
                "linewidth": 1.5,
                "markersize": 3,
                "label": name,
            }
        else:
            label = "Further members" if k == MAPPED_MEMBERS else None
            style = {"color": NO_DATA, "linewidth": 0.8, "markersize": 1.5, "zorder": 1.5, "label": label}
        panel.plot(when, extent[:, k], marker="o", **style)
    step = math.ceil(len(when) / 12)
    panel.set_xticks(when[::step], [MONTHS[month - 1][:3] for month in months[::step]])
    panel.set(xlim=(-0.3, len(when) - 0.7), ylim=(0, 1.06 * highest))
    panel.set_xlabel(span(scene.fields.time.dt.year.values), labelpad=3)
    panel.set_ylabel("Sea-ice extent (million km²)")
    tidy(panel, rules="y")
    entries = (0 if observed is None else 2) + min(extent.shape[1], MAPPED_MEMBERS + 1)
    panel.legend(loc="lower left", fontsize=8, frameon=False, ncols=1 if entries <= 5 else 2, labelcolor=INK)


def span(years: Sequence[int]) -> str:
    """``2007``, or ``2007–2009``."""
    first, last = min(years), max(years)
    return f"{first}" if first == last else f"{first}–{last}"
