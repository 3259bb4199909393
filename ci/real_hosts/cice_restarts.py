# SPDX-License-Identifier: MIT
"""CICE from restarts that `icegen restart` makes: whether it takes them, and how their spread lasts beside white noise.

The noisy members have in each cell the mean and the standard deviation of concentration and volume of icegen's members,
independent from cell to cell. CICE's constant forcing of winter freezes all leads of the box; that of summer does not.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np

from real_hosts import cice, common

MEMBERS, DAYS = 20, 5
DEBUGGED = {"winter": 1, "summer": 2}  # the member whose run has bounds checks and traps
SMALLEST_SPREAD = 0.5  # at the end, as part of that at first
QUANTITIES = {"vicen": ("volume", "thousand km3", " m"), "aicen": ("area", "million km2", "")}
FREEZES_UP = ("winter", "aicen")  # its spread is the forcing's to take away
SETTINGS = {"restore_ice": ".false.", "ndtd": "1"}


def check(
    checkout: Path, stock: Path, debug: Path, archive: Path, source: Path, out: Path, checks: common.Checks
) -> None:
    """Make members from the restart of the run in ``source``, run them, and compare spreads.

    stock, debug: CICE without icegen.
    """
    made = make(archive, source, common.fresh(out))
    for season, member in DEBUGGED.items():
        start = made["icegen"][member - 1]
        run(checkout, debug, archive, source, start, out / f"debug_{season}", season)
        checks.add(True, f"CICE: member {member}, {DAYS} days of {season} with bounds checks and traps: clean")
    for season in DEBUGGED:
        spreads = {}
        for kind, starts in made.items():
            folders = [out / f"{kind}_{season}_{number:03d}" for number in range(1, MEMBERS + 1)]
            pairs = zip(starts, folders, strict=True)
            ends = [run(checkout, stock, archive, source, start, folder, season) for start, folder in pairs]
            spreads[kind] = [spread(paths) for paths in (starts, ends)]
        for name, (quantity, of_all, of_cells) in QUANTITIES.items():
            for kind, (first, last) in spreads.items():
                total, cell = zip(first[name], last[name], strict=True)  # at first and at the end
                checks.say(
                    f"{season}, {quantity}, {kind}: standard deviation of the total {total[0]:.4f} {of_all}, "
                    f"after {DAYS} days {total[1]:.4f} ({total[1] / total[0]:.2f}); "
                    f"in a cell {cell[0]:.3f}{of_cells}, {cell[1]:.3f} ({cell[1] / cell[0]:.2f})"
                )
            if (season, name) != FREEZES_UP:
                ratio = spreads["icegen"][1][name][0] / spreads["icegen"][0][name][0]
                checks.add(
                    ratio >= SMALLEST_SPREAD,
                    f"CICE: spread of the members' {quantity} after {DAYS} days of {season}: {ratio:.0%} of the first; "
                    f"wanted at least {SMALLEST_SPREAD:.0%}",
                )


def make(archive: Path, source: Path, out: Path) -> dict[str, list[Path]]:
    """The restarts of both kinds, of the day after the source's run."""
    from icegen.archive import describe
    from icegen.ensemble.cice import CICETemplate, settings_of
    from icegen.ensemble.points import PointIce, PointRequest, PointSource
    from icegen.ensemble.ranks import Ranks
    from icegen.ensemble.restarts import write_restarts

    restart = cice.last_restart(source)
    template = CICETemplate(restart, source / "grid.nc", **settings_of(source / "ice_in"))
    request = PointRequest(archive, cice.YEAR, cice.SHORT_DAYS + 1)
    made = {
        "icegen": write_restarts(template, describe(archive), request, MEMBERS, out / "icegen", Ranks()),
        "noise": [],
    }
    with PointSource(request, *template.points) as points:
        ice = list(points.members(range(1, MEMBERS + 1)))
    areas, volumes = (np.stack([getattr(one, name) for one in ice]) for name in ("area", "volume"))
    noise = np.random.default_rng(0)
    for number in range(1, MEMBERS + 1):
        area, volume = (
            np.clip(of.mean(0) + of.std(0, ddof=1) * noise.standard_normal(of.shape[1]), 0, limit)
            for of, limit in ((areas, 1), (volumes, None))
        )
        there = (area > 0) & (volume > 0)
        folder = out / f"noise/member_{number:03d}"
        folder.mkdir(parents=True)
        template.write(folder, PointIce(area * there, volume * there, ice[0].weight), "white noise")
        made["noise"].append(folder / restart.name)
    return made


def run(checkout: Path, program: Path, archive: Path, source: Path, restart: Path, folder: Path, season: str) -> Path:
    """The restart at the end of a run from another."""
    (common.fresh(folder) / "history").mkdir()
    for file in (restart, source / "grid.nc"):
        shutil.copy(file, folder)
    (folder / "ice.restart_file").write_text(f"./{restart.name}\n")
    settings = SETTINGS | {"default_season": f"'{season}'"}
    cice.run_model(checkout, program, archive, folder, days=DAYS, tasks=1, goes_on=True, **settings)
    return cice.last_restart(folder)


def spread(restarts: Sequence[Path]) -> dict[str, tuple[float, float]]:
    """By name, standard deviation of the sum over cells, 10^12 m3 or m2, and the root mean square of that in a cell."""
    found = {}
    for name in QUANTITIES:
        fields = []
        for path in restarts:
            with netCDF4.Dataset(path) as nc:
                fields.append(np.ma.filled(nc[name][:, 1:-1, 1:-1].sum(0), 0.0))  # without ghost cells
        cells = np.stack(fields)
        total = cells.sum((1, 2)) * cice.SPACING**2 / 1e12
        found[name] = float(total.std(ddof=1)), float(np.sqrt(cells.var(0, ddof=1)[cells.mean(0) > 0].mean()))
    return found
