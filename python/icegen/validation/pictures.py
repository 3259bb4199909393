# SPDX-License-Identifier: MIT
"""The report's pictures, each a matplotlib figure."""

import numpy as np
from matplotlib.figure import Figure

from icegen.data.grid import CurvilinearGrid, Grid
from icegen.maps import polar
from icegen.maps.style import BLUE, GREEN, INK, LAND, MONTHS, VERMILION, tidy
from icegen.validation import spectra
from icegen.validation.evidence import Evidence, floor_time, make_key
from icegen.validation.generated import SampleSource
from icegen.validation.reference import Record
from icegen.validation.tally import BIN_STD

COLOURS = {"real": INK, "generated": VERMILION, "floor": BLUE, "reconstruction": GREEN}
NAMES = {"real": "real", "generated": "generated", "floor": "floor: other real years",
         "reconstruction": "real, encoded and decoded"}  # fmt: skip
MAPPED_SAMPLES = 3  # generated states in a row of maps


def draw(
    evidence: Evidence, evaluation: Record, training: Record | None, source: SampleSource
) -> dict[str, tuple[str, Figure]]:
    """Name to caption and figure, of all pictures that the evidence allows."""
    pictures = {
        "maps": (
            "States of the dates with most and least ice: the real state, the training state that replaces it in the "
            "floor, and generated members. All have the same scale.",
            maps(evidence, evaluation, training, source),
        )
    }
    if evidence.dated and evidence.tallies["real"].extent:
        pictures["seasons"] = (
            "Extent, volume and area of the marginal ice zone by calendar month: mean and range of all states.",
            seasons(evidence),
        )
    pair = evidence.spectra.get("generated")
    if pair is not None and pair.used:
        pictures["spectra"] = (
            f"Power spectra in {spectra.WIDTH / 1000:.0f} km windows of ice-covered ocean, and their ratio to those of "
            f"the real states of their dates, in {pair.used} pairs of windows. Grey: 0.9 to 1.1.",
            power(evidence),
        )
    pictures["histograms"] = (
        "Values of ocean cells, and shares of cells exactly at the bounds.",
        histograms(evidence),
    )
    if "free" in evidence.tallies and evidence.tallies["free"].extent:
        pictures["unconditional"] = (
            "Samples without date and the whole record: sorted values.",
            unconditional(evidence),
        )
    if evidence.nearest:
        pictures["memorisation"] = (
            "Distance to the nearest training state: root mean square over variables and blocks of 8 x 8 cells, in "
            "standard deviations.",
            memorisation(evidence),
        )
    return pictures


def maps(evidence: Evidence, evaluation: Record, training: Record | None, source: SampleSource) -> Figure:
    """Rows: dates and variables; columns: real, floor, members."""
    times, first = np.unique(evidence.time, return_index=True)
    measure = evidence.tallies["real"].extent or evidence.tallies["real"].volume or range(len(evidence.time))
    order = np.argsort(np.array(measure)[first], kind="stable")
    chosen = [int(times[i]) for i in dict.fromkeys((order[-1], order[0]))]
    columns = []  # of each date: (title, state)
    for t in chosen:
        column = [(f"real, {evaluation.year[t]}-{evaluation.month[t]:02d}", evaluation.state(t))]
        if training is not None:
            other = floor_time(training, evaluation, t)
            column.append((f"floor, {training.year[other]}-{training.month[other]:02d}", training.state(other)))
        for i in np.flatnonzero(evidence.time == t)[:MAPPED_SAMPLES]:
            request = make_key(evidence, evaluation, i)
            column.append((f"generated, member {request.member}", source.sample(request)[0]))
        columns.append(column)
    count, wide = len(evidence.variables), max(map(len, columns))
    ocean = evidence.grid.ocean
    side = 2.3
    figure = Figure((side * wide + 0.9, side * count * len(chosen) * ocean.shape[0] / ocean.shape[1] + 0.4),
                    layout="constrained")  # fmt: skip
    axes = figure.subplots(count * len(chosen), wide, squeeze=False)
    for v, variable in enumerate(evidence.variables):
        states = [state[v][ocean] for column in columns for _, state in column]
        style = polar.style(variable.id, np.concatenate(states), variable.long_name, variable.units)
        for row, column in enumerate(columns):
            line = axes[row * count + v]
            for panel, (title, state) in zip(line, column, strict=False):
                image = panel.imshow(np.where(ocean, state[v], np.nan), origin=_origin(evidence.grid),
                                     cmap=style.colours, vmin=style.lower, vmax=style.upper)  # fmt: skip
                panel.set_facecolor(LAND)
                if v == 0:
                    panel.set_title(title, fontsize=9)
            figure.colorbar(image, ax=list(line), label=style.label, extend=style.extend, shrink=0.9, pad=0.01)
    for panel in axes.flat:
        panel.set(xticks=[], yticks=[])
        panel.set_frame_on(bool(panel.images))
    return figure


def seasons(evidence: Evidence) -> Figure:
    """Mean and range of extent, volume and marginal ice zone by calendar month."""
    panels = [("extent", "extent (million km$^2$)"), ("volume", "volume (1000 km$^3$)"),
              ("marginal", "marginal ice zone (million km$^2$)")]  # fmt: skip
    panels = [panel for panel in panels if getattr(evidence.tallies["real"], panel[0])]
    figure = Figure((4.2 * len(panels), 3.4), layout="constrained")
    for axis, (name, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for k, (who, offset) in enumerate((("floor", 0.22), ("generated", 0), ("real", -0.22))):
            if who not in evidence.tallies:
                continue
            values = np.array(getattr(evidence.tallies[who], name)) * 1e-12
            held = [m for m in range(1, 13) if (evidence.month == m).any()]
            by_month = [values[evidence.month == m] for m in held]
            where = np.array(held) + offset
            axis.vlines(where, [x.min() for x in by_month], [x.max() for x in by_month], COLOURS[who], lw=2, alpha=0.45)
            axis.plot(
                where, [x.mean() for x in by_month], "o", ms=4, color=COLOURS[who], label=NAMES[who], zorder=3 + k
            )
        axis.set(xticks=range(1, 13), xticklabels=[name[0] for name in MONTHS], ylabel=label, ylim=(0, None))
        tidy(axis)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False, fontsize=8)
    return figure


def power(evidence: Evidence) -> Figure:
    """Spectra above, ratios below; a column for each variable."""
    pair = evidence.spectra["generated"]
    scale = spectra.wavelengths(pair.size, evidence.spacing) / 1000
    generated, real = pair.power()
    count = len(evidence.variables)
    figure = Figure((4.2 * count, 5.2), layout="constrained")
    axes = figure.subplots(2, count, squeeze=False, sharex=True, height_ratios=(3, 2))
    for v, variable in enumerate(evidence.variables):
        above, below = axes[:, v]
        above.loglog(scale, real[v], color=COLOURS["real"], label=NAMES["real"])
        above.loglog(scale, generated[v], color=COLOURS["generated"], label=NAMES["generated"])
        below.axhspan(0.9, 1.1, color="#dddddd")
        below.semilogx(scale, generated[v] / real[v], color=COLOURS["generated"])
        for name in ("floor", "reconstruction"):
            pairs = evidence.spectra.get(name)
            if pairs is not None and pairs.used:
                other, beside = pairs.power()
                below.semilogx(scale, other[v] / beside[v], color=COLOURS[name], label=NAMES[name])
        above.set_title(variable.long_name or variable.id, fontsize=10)
        above.set_ylabel(f"power ({variable.units})$^2$" if variable.units != "1" else "power")
        below.set(
            xlabel="wavelength (km)",
            ylabel="over the real one",
            ylim=(0.1, 10),
            yscale="log",
            xlim=(scale[0], scale[-1]),
        )
        ticks = [x for x in (800, 400, 200, 100, 50, 25) if scale[-1] * 0.999 <= x <= scale[0] * 1.001]
        below.set_xticks(ticks, [str(x) for x in ticks])
        below.minorticks_off()
        for axis in (above, below):
            tidy(axis)
    for axis in axes[:, 0]:
        axis.legend(frameon=False, fontsize=8)
    return figure


def histograms(evidence: Evidence) -> Figure:
    """Histograms on a log scale, and shares at the bounds; a column for each variable."""
    count = len(evidence.variables)
    figure = Figure((4.2 * count, 5.2), layout="constrained")
    axes = figure.subplots(2, count, squeeze=False, height_ratios=(3, 2))
    shown = [name for name in ("real", "generated", "floor") if name in evidence.tallies]
    for v, variable in enumerate(evidence.variables):
        above, below = axes[:, v]
        first, last = np.flatnonzero(sum(evidence.tallies[name].histogram[v] for name in shown))[[0, -1]]
        width = (last - first) // 60 + 1  # bins of the tally in one of the picture
        bins = (last - first) // width + 1
        for name in shown:
            tally = evidence.tallies[name]
            counts = np.pad(tally.histogram[v], (0, width))[first : first + bins * width]
            edges = tally.origin[v] + (first + np.arange(bins + 1) * width) * BIN_STD * tally.std[v]
            shares = counts.reshape(bins, width).sum(1) / counts.sum()
            above.stairs(shares, edges, color=COLOURS[name], label=NAMES[name], lw=1.4)
        bounds = [
            (side, f"exactly {bound:g}")
            for side, bound in enumerate((variable.lower, variable.upper))
            if bound is not None
        ]
        for k, name in enumerate(shown):
            values = [evidence.tallies[name].at_bounds[side, v] for side, _ in bounds]
            bars = below.bar(np.arange(len(bounds)) + (k - (len(shown) - 1) / 2) * 0.27, values, 0.25,
                             color=COLOURS[name])  # fmt: skip
            below.bar_label(bars, fmt="%.3f", fontsize=7)
        above.set_yscale("log")
        above.set_title(variable.long_name or variable.id, fontsize=10)
        above.set(xlabel=variable.id if variable.units == "1" else f"{variable.id} ({variable.units})",
                  ylabel="share of cells")  # fmt: skip
        below.set(xticks=range(len(bounds)), xticklabels=[name for _, name in bounds], ylabel="share of cells")
        below.margins(y=0.15)
        below.set_visible(bool(bounds))
        for axis in (above, below):
            tidy(axis)
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def unconditional(evidence: Evidence) -> Figure:
    """Sorted extents and volumes of samples without date and of the record."""
    panels = [("extent", "extent (million km$^2$)"), ("volume", "volume (1000 km$^3$)")]
    panels = [panel for panel in panels if getattr(evidence.tallies["free"], panel[0])]
    figure = Figure((4.2 * len(panels), 3.2), layout="constrained")
    for axis, (name, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        sets = {"real": (evidence.record_values(name), "record"),
                "generated": (np.array(getattr(evidence.tallies["free"], name)), NAMES["generated"])}  # fmt: skip
        for who, (values, text) in sets.items():
            axis.plot(
                (np.arange(len(values)) + 0.5) / len(values), np.sort(values) * 1e-12, color=COLOURS[who], label=text
            )
        axis.set(xlabel="share of states below", ylabel=label, xlim=(0, 1), ylim=(0, None))
        tidy(axis)
    figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def memorisation(evidence: Evidence) -> Figure:
    """Histogram of the distances to the nearest training state."""
    figure = Figure((5.2, 3.2), layout="constrained")
    axis = figure.subplots()
    edges = np.histogram_bin_edges(np.concatenate(list(evidence.nearest.values())), 24)
    for name, values in evidence.nearest.items():
        axis.stairs(*np.histogram(values, edges), color=COLOURS[name], label=NAMES[name], lw=1.4)
        axis.axvline(values.mean(), color=COLOURS[name], ls="--", lw=1)
    axis.set(xlabel="distance to the nearest training state", ylabel="states (dashed: mean)")
    axis.legend(frameon=False, fontsize=8)
    tidy(axis)
    return figure


def _origin(grid: Grid | CurvilinearGrid) -> str:
    """Where the first row of an image goes, so that the picture is not mirrored."""
    return "upper" if getattr(grid, "dy", 1.0) < 0 else "lower"
