# SPDX-License-Identifier: MIT
"""Colours, names of months and axes that all figures share."""

from matplotlib.axes import Axes

# Colours that are told apart without red or green vision (Okabe and Ito 2008).
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
PURPLE, ORANGE, SKY_BLUE = "#cc79a7", "#e69f00", "#56b4e9"

LAND, COAST, NO_DATA = "#cbc8c1", "#6f6b64", "#8d98a3"
INK, LINES, RULES = "#333333", "#5b6166", "#e3e5e7"

MONTHS = ("January", "February", "March", "April", "May", "June",
          "July", "August", "September", "October", "November", "December")  # fmt: skip


def tidy(panel: Axes, rules: str = "both") -> None:
    """Quiet axes of a curve or a histogram. rules: which axes have lines across the panel: x, y or both."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set(color=LINES, linewidth=0.6)
    panel.tick_params(labelsize=8, length=3, color=LINES, labelcolor=INK)
    panel.grid(axis=rules, color=RULES, linewidth=0.6)  # type: ignore[arg-type]  # a name of axes
    panel.set_axisbelow(True)
    for axis in (panel.xaxis, panel.yaxis):
        axis.label.set(fontsize=9, color=INK)
