# SPDX-License-Identifier: MIT
"""A film of one member: maps of each date, above the extent up to that date."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.animation import FFMpegWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from PIL import Image

from icegen.files import replacing
from icegen.maps import polar
from icegen.maps.plot import Scene, read
from icegen.maps.style import BLUE, INK, MONTHS, RULES, tidy

log = logging.getLogger(__name__)

DPI = 100
FRAMES_PER_SECOND = 12
LEAST_FRAMES = 2
COLOURS = 128  # of a frame of a GIF
MOST_LABELS = 12  # of months below the extent

SIDE, GAP, MARGIN, TOP, BARS, CURVE = 3.6, 0.35, 0.3, 0.85, 0.75, 1.3  # inches


def film(path: str | Path, out: str | Path, variables: Sequence[str] | None = None, dpi: int = DPI) -> None:
    """Draw the first member of a file as a film with one frame for each of its times.

    path: NetCDF as of `icegen.plot.plot`, with two times or more.
    out: .gif, or .mp4 where ffmpeg is installed; whole or not there.
    variables: ids of the variables on the maps; by default the first two.
    dpi: pixels per inch of a picture that is 4 inches wide for each variable.
    Raises ValueError when a file cannot be read or written or lacks something.
    """
    out = Path(out)
    if out.suffix not in (".gif", ".mp4"):
        raise ValueError(f"the film is {out.name}; wanted a name that ends in .gif or .mp4")
    if out.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise ValueError("ffmpeg is not on PATH, which makes an .mp4; wanted it, or a name that ends in .gif")
    with replacing(out) as partial:
        scene = read(Path(path), variables)
        count = scene.fields.sizes["time"]
        if count < LEAST_FRAMES or "time" not in scene.fields.coords:
            raise ValueError(f"{path} holds {count} time; wanted at least {LEAST_FRAMES} with dates")
        figure, show = stage(scene)
        if out.suffix == ".gif":
            pictures = _pictures(figure, show, count, dpi)
            duration = 1000 / FRAMES_PER_SECOND  # ms
            next(pictures).save(partial, format="GIF", save_all=True, append_images=pictures, duration=duration, loop=0)
        else:
            writer = FFMpegWriter(fps=FRAMES_PER_SECOND, extra_args=["-f", "mp4", "-pix_fmt", "yuv420p"])
            with writer.saving(figure, str(partial), dpi):
                for t in range(count):
                    show(t)
                    writer.grab_frame()
    log.info("wrote %s", out)


def stage(scene: Scene) -> tuple[Figure, Callable[[int], None]]:
    """The figure, and a function that shows the time of an index in it."""
    fields = scene.fields.isel(member=0).load()
    for name in fields:
        if not np.isfinite(fields[name]).any():
            raise ValueError(f"{name} holds no valid value north of 30 N")
    curve = 0.0 if scene.extent is None else CURVE
    width = 2 * MARGIN + len(fields) * SIDE + (len(fields) - 1) * GAP
    height = TOP + SIDE + BARS + curve
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)

    def axes(x: float, y: float, wide: float, tall: float) -> Axes:
        """Axes placed in inches from the lower left corner."""
        return figure.add_axes((x / width, y / height, wide / width, tall / height))

    half = polar.map_half_width(fields[next(iter(fields))].values[:, None], *scene.corners)
    image = None if scene.land is not None else polar.land_image(half, pixels=round(2 * SIDE * DPI))
    meshes = {}
    for i, (name, field) in enumerate(fields.items()):
        left, bottom = MARGIN + i * (SIDE + GAP), curve + BARS
        panel, bar = axes(left, bottom, SIDE, SIDE), axes(left + 0.15 * SIDE, bottom - 0.2, 0.7 * SIDE, 0.1)
        meshes[name] = draw_map(panel, bar, str(name), field, scene, image, half)
    days = fields.indexes["time"]
    date = figure.text(0.5, 1 - 0.27 / height, "", ha="center", va="center", fontsize=13, fontweight="bold", color=INK)
    reach = None
    if scene.extent is not None:
        reach = draw_extent(
            axes(MARGIN + 0.4, 0.3, width - 2 * MARGIN - 0.4, curve - 0.4), scene.extent[:, 0], list(days)
        )

    def show(t: int) -> None:
        for name, mesh in meshes.items():
            mesh.set_array(fields[name].values[t])
        date.set_text(f"{days[t].day} {MONTHS[days[t].month - 1]} {days[t].year}")
        if reach is not None:
            reach(t)

    return figure, show


def draw_map(
    panel: Axes, bar_axes: Axes, name: str, field: xr.DataArray, scene: Scene, image: np.ndarray | None, half: float
) -> QuadMesh:
    """The map of the first time of a field [time, row, column], with one scale for all times."""
    how = polar.style(name, field.values, field.attrs.get("long_name", ""), field.attrs.get("units", ""))
    mesh = panel.pcolormesh(*scene.corners, field.values[0], cmap=how.colours, vmin=how.lower, vmax=how.upper)
    if image is not None:
        panel.imshow(image, extent=(-half, half, -half, half), zorder=2)
    elif scene.land is not None:
        polar.draw_land(panel, *scene.corners, scene.land)
    polar.dress_map(panel, half)
    panel.set_title(how.heading, fontsize=10, color=INK)
    polar.draw_bar(panel.figure, mesh, bar_axes, how)
    return mesh


def draw_extent(panel: Axes, extent: np.ndarray, days: Sequence[Any]) -> Callable[[int], None]:
    """The extent [time], m2, as a pale curve; the function returned draws it up to a time."""
    values = extent / 1e12
    panel.plot(values, color=RULES, linewidth=1.5)
    (past,) = panel.plot([], [], color=BLUE, linewidth=1.5)
    (now,) = panel.plot([], [], color=BLUE, marker="o", markersize=4)
    firsts = [t for t, day in enumerate(days) if t == 0 or day.month != days[t - 1].month]
    firsts = firsts[:: -(-len(firsts) // MOST_LABELS)]
    panel.set_xticks(firsts, [MONTHS[days[t].month - 1][:3] for t in firsts])
    panel.set(xlim=(-0.5, len(days) - 0.5), ylim=(0, 1.08 * np.nanmax(values)))
    panel.set_ylabel("Extent\n(million km²)")
    tidy(panel, rules="y")
    panel.yaxis.label.set_fontsize(8)

    def reach(t: int) -> None:
        past.set_data(np.arange(t + 1), values[: t + 1])
        now.set_data([t], [values[t]])

    return reach


def _pictures(figure: Figure, show: Callable[[int], None], count: int, dpi: int) -> Iterator[Image.Image]:
    """The frames one after the other, in few colours, so that a year is some megabytes."""
    figure.set_dpi(dpi)
    for t in range(count):
        show(t)
        figure.canvas.draw()
        frame = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])  # type: ignore[attr-defined]
        yield frame.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
