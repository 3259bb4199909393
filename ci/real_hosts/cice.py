# SPDX-License-Identifier: MIT
"""CICE with the physics of its option boxrestore, on a grid around the North Pole."""

import re
import shutil
from pathlib import Path

import netCDF4
import numpy as np
import pyproj
from scipy.spatial import cKDTree

from real_hosts import cice_restarts, common

CELLS, SPACING = 40, 100e3  # along a side; m
YEAR = 2007
SHORT_DAYS = 6
SOURCES = (
    "drivers/standalone/cice", "cicedyn/dynamics", "cicedyn/general", "cicedyn/analysis", "cicedyn/infrastructure",
    "cicedyn/infrastructure/io/io_netcdf", "cicedyn/infrastructure/comm/mpi", "shared",
)  # fmt: skip
MACROS = """CPPDEFS := -DFORTRANUNDERSCORE -DUSE_NETCDF -DNO_SNICARHC
CFLAGS := -c -O2
FREEFLAGS := -ffree-form
FFLAGS := {flags} -fconvert=big-endian -fbacktrace -ffree-line-length-none -fallow-argument-mismatch {modules}
SCC := gcc
CC := {cc}
FC := {fc}
LD := {fc}
SLIBS := {libraries}
"""
FLAGS = {
    "release": "-O2",
    "debug": "-O0 -g -fcheck=bounds -finit-real=snan -finit-derived -ffpe-trap=invalid,zero,overflow",
}
SETTINGS = {
    "days_per_year": "365", "use_leap_years": ".true.", "year_init": str(YEAR), "npt_unit": "'d'",
    "restart_dir": "'./'", "dumpfreq": "'x','x','x','x','x'", "dump_last": ".true.",
    "history_dir": "'./history/'", "write_ic": ".false.", "f_hi": "'d'",
    "grid_format": "'pop_nc'", "grid_type": "'regional'", "grid_file": "'grid.nc'", "kmt_file": "'grid.nc'",
    "nx_global": str(CELLS), "ny_global": str(CELLS), "block_size_x": "10", "block_size_y": "10",
    "distribution_type": "'roundrobin'", "ew_boundary_type": "'open'", "set_boundary_flds": "'none'",
    # The smallest defaults let EVP blow up at the edge of replaced ice, with CICE's own restoring data too.
    "dyn_area_min": "1.e-3", "dyn_mass_min": "1.e-2",
    "restore_data": "'icegen'", "restore_mask": "'all'", "print_points": ".false.",
}  # fmt: skip
LARGEST_STEP = 0.05  # of the volume from day to day, as part of its mean
THICKEST = 20.0  # m, of the ice of a cell


def check(checkout: Path, archive: Path, out: Path, checks: common.Checks, days: int, restarts: bool) -> None:
    """Build and run, and compare the runs.  restarts: only those from restarts of members."""
    common.require(checkout, "cicecore", "https://github.com/CICE-Consortium/CICE")
    common.require(checkout, "icepack/columnphysics", "https://github.com/CICE-Consortium/CICE with its submodules")
    stock = build(checkout, out / "stock", guest=False)
    off = {"restore_ice": ".false."}
    bare = run_model(checkout, stock, archive, out / "runs/stock", **off)
    debug_stock = build(checkout, out / "debug_stock", guest=False, flags="debug")
    cice_restarts.check(checkout, stock, debug_stock, archive, bare, out / "runs/restarts", checks)
    if restarts:
        return
    guest = build(checkout, out / "guest")
    debug = build(checkout, out / "debug", flags="debug")

    def run(name: str, program: Path = guest, **how: object) -> Path:
        return run_model(checkout, program, archive, out / "runs" / name, **how)  # type: ignore[arg-type]

    compare(checks, bare, run("off", **off), "the stock run and the guest's, switched off")
    one = run("tasks_1", tasks=1)
    for tasks in (2, 3):
        compare(checks, one, run(f"tasks_{tasks}", tasks=tasks), f"1 and {tasks} tasks")
    run("half", days=SHORT_DAYS // 2)
    half = run("half", days=SHORT_DAYS - SHORT_DAYS // 2, goes_on=True)
    compare(checks, one, half, "a run and one restarted half-way")
    run("debug", debug, days=2)
    checks.add(True, "CICE: bounds checks and traps for floating point: clean")
    for name, timescale in (("replace", 0), ("relax", 5)):
        judge(checks, run(f"{name}_long", days=days, restore_timescale=timescale, tasks=2), f"{name}, {days} days")


def build(checkout: Path, folder: Path, guest: bool = True, flags: str = "release") -> Path:
    """The program, built from a copy of the sources."""
    program = folder / "cice"
    if program.exists():
        return program
    common.fresh(folder)
    for part in ("cicecore", "icepack/columnphysics"):
        shutil.copytree(checkout / part, folder / part)
    scripts = checkout / "configuration/scripts"
    sources = [folder / "cicecore" / part for part in SOURCES] + [folder / "icepack/columnphysics"]
    libraries, modules = (
        common.command(["nf-config", which], folder, "flags.log").strip() for which in ("--flibs", "--fflags")
    )
    if guest:
        adapter = common.ADAPTERS / "cice"
        common.command(["patch", "-p1", "-i", adapter / "cice.patch"], folder, "patch.log")
        shutil.copy(adapter / "ice_restoring_icegen.F90", folder / "cicecore/cicedyn/infrastructure")
        libraries += f" {common.link_flags()}"
        modules += f" {common.module_flags()}"
    compilers = {"cc": common.setting("MPI_C_COMPILER"), "fc": common.setting("MPI_Fortran_COMPILER")}
    (folder / "Macros").write_text(MACROS.format(flags=FLAGS[flags], modules=modules, libraries=libraries, **compilers))
    objects = common.fresh(folder / "objects")
    (objects / "Filepath").write_text("\n".join(map(str, sources)) + "\n")
    common.command(
        ["make", "VPFILE=Filepath", f"EXEC={program}", "-f", scripts / "Makefile", f"MACFILE={folder / 'Macros'}",
         f"DEPFILE={scripts / 'makdep.c'}", "cice"],
        objects, "../build.log",
    )  # fmt: skip
    return program


def write_grid(path: Path, archive: Path) -> None:
    """Corners of the box in radians, lengths in cm, and the ocean of the archive's grid."""
    from icegen import archive as archives

    grid = archives.load(archive).grid
    edges = (np.arange(1, CELLS + 1) - CELLS / 2) * SPACING
    x, y = np.meshgrid(edges, edges)  # the upper right corner of each cell
    back = pyproj.Transformer.from_crs("EPSG:6931", "EPSG:4326", always_xy=True)
    lon, lat = (np.radians(values) for values in back.transform(x, y))
    middle_lon, middle_lat = back.transform(x - SPACING / 2, y - SPACING / 2)
    nearest = cKDTree(on_sphere(*grid.lonlat)).query(on_sphere(middle_lon, middle_lat))[1]
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as nc:
        nc.createDimension("nj", CELLS)
        nc.createDimension("ni", CELLS)
        fields = {
            "ulon": lon, "ulat": lat, "angle": -lon, "htn": np.full_like(lon, 100 * SPACING),
            "hte": np.full_like(lon, 100 * SPACING), "kmt": grid.ocean.ravel()[nearest].reshape(lon.shape),
        }  # fmt: skip
        for name, values in fields.items():
            nc.createVariable(name, "f8", ("nj", "ni"))[:] = values


def on_sphere(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Points in degrees as unit vectors [point, 3]."""
    lon, lat = np.radians(lon).ravel(), np.radians(lat).ravel()
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def run_model(
    checkout: Path, program: Path, archive: Path, folder: Path, days: int = SHORT_DAYS, tasks: int = 2,
    goes_on: bool = False, **changes: object,
) -> Path:  # fmt: skip
    """The folder of a run of so many days; ``goes_on`` continues the one that it holds."""
    if not goes_on:
        common.fresh(folder / "history")
        write_grid(folder / "grid.nc", archive)
        common.library_namelist(folder / "icegen.nml", archive, calendar="standard", years="held")
    wanted = boxrestore(checkout) | SETTINGS | {"npt": str(days), "restore_ice": ".true.", "restore_timescale": "0."}
    wanted |= {key: str(value) for key, value in changes.items()}
    if goes_on:
        wanted |= {"runtype": "'continue'", "use_restart_time": ".true."}
        wanted |= {f"restart_{name}": ".true." for name in ("age", "FY", "lvl")}
    (folder / "ice_in").write_text(with_settings((checkout / "configuration/scripts/ice_in").read_text(), wanted))
    common.mpirun(tasks, program, folder, "again.log" if goes_on else "run.log")
    return folder


def boxrestore(checkout: Path) -> dict[str, str]:
    """The settings of CICE's own option."""
    text = (checkout / "configuration/scripts/options/set_nml.boxrestore").read_text()
    return dict(re.findall(r"^\s*(\w+)\s*=\s*(\S.*?)\s*$", text, re.MULTILINE))


def with_settings(namelist: str, settings: dict[str, str]) -> str:
    """A namelist file with other values."""
    for key, value in settings.items():
        namelist, count = re.subn(rf"(?m)^(\s*{key}\s*=).*$", rf"\g<1> {value}", namelist)
        if count != 1:
            raise common.Failed(f"ice_in has {count} lines for {key}; wanted one")
    return namelist


def last_restart(folder: Path) -> Path:
    """The restart that the pointer file names."""
    return folder / Path((folder / "ice.restart_file").read_text().split()[0]).name


def compare(checks: common.Checks, one: Path, other: Path, what: str) -> None:
    """Whether the last restarts of two runs have the same bits."""
    differences = common.netcdf_differences(last_restart(one), last_restart(other))
    checks.add(not differences, f"CICE: {what}: " + ("the same bits" if not differences else ", ".join(differences)))


def judge(checks: common.Checks, folder: Path, what: str) -> None:
    """Thickness and volume of each day of a run."""
    thickest, volume = 0.0, []
    for path in sorted((folder / "history").glob("iceh.????-??-??.nc")):
        with netCDF4.Dataset(path) as nc:
            area, height = (np.ma.filled(nc[name][0].astype(float), 0) for name in ("aice", "hi"))
        there = area > 0.01
        thickest = max(thickest, float((height[there] / area[there]).max(initial=0)))
        volume.append(height.sum() * SPACING**2 / 1e12)
    step = common.largest_step(np.array(volume))
    checks.add(0 < thickest <= THICKEST, f"CICE: {what}: thickest ice {thickest:.2f} m; wanted at most {THICKEST:g}")
    checks.add(
        step <= LARGEST_STEP,
        f"CICE: {what}: volume {min(volume):.2f} to {max(volume):.2f} thousand km3, largest change in a day "
        f"{step:.1%} of its mean; wanted at most {LARGEST_STEP:.0%}",
    )
