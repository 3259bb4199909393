# SPDX-License-Identifier: MIT
"""MITgcm's experiment lab_sea: 20 x 16 cells of 2 degrees around Greenland and Labrador, hourly steps from 1979."""

import re
import shutil
from pathlib import Path

import numpy as np

from real_hosts import common

YEAR = 1979
STEP, DAY = 3600, 86400  # s
DAYS = 10
THICKEST = 20.0  # m
MEMBERS = 2  # of an ensemble of pickups
EXPERIMENT = "verification/lab_sea"
TILES = {1: (2, 2, 1), 2: (1, 2, 2)}  # nSx, nSy, nPx by number of tasks: the same four tiles
NAMELIST = """ &ICEGEN_PARM01
 icegenFile   = 'icegen.nml',
 icegenWeight = {weight},
 &
"""
FEWEST_CHANGED = 10  # cells whose ice differs between two runs, so that the checks see icegen


def check(checkout: Path, archive: Path, out: Path, checks: common.Checks, days: int, restarts: bool) -> None:
    """Build and run, and compare the runs. days: not used; lab_sea's forcing lasts for a month.

    restarts: only the runs from pickups of members.
    """
    common.require(checkout, EXPERIMENT, "https://github.com/MITgcm/MITgcm")
    stock = build(checkout, out / "stock", 2, guest=False)
    bare = run_model(checkout, stock, archive, out / "runs/stock", 2)
    check_pickups(checkout, stock, archive, bare, out / "runs", checks)
    if restarts:
        return
    programs = {tasks: build(checkout, out / f"guest_{tasks}", tasks) for tasks in TILES}

    def run(name: str, tasks: int = 2, **how: object) -> Path:
        return run_model(checkout, programs[tasks], archive, out / "runs" / name, tasks, **how)  # type: ignore[arg-type]

    compare(checks, bare, run("off", weight=0.0), "the stock run and the guest's with weight 0")
    two = run("tasks_2", weight=0.1)
    compare(checks, run("tasks_1", 1, weight=0.1), two, "1 and 2 tasks, weight 0.1")
    run("half", weight=0.1, end=DAYS // 2)
    half = run("half", weight=0.1, start=DAYS // 2)
    compare(checks, two, half, "a run and one restarted half-way, weight 0.1")
    changed, thickest = changes(bare, two)
    checks.add(changed >= FEWEST_CHANGED, f"MITgcm: weight 0.1 for {DAYS} days changes the ice of {changed} cells")
    checks.add(thickest <= THICKEST, f"MITgcm: thickest ice {thickest:.2f} m; wanted at most {THICKEST:g}")


def check_pickups(checkout: Path, program: Path, archive: Path, stock: Path, runs: Path, checks: common.Checks) -> None:
    """Runs from pickups of members, which `icegen restart` makes from that of the stock run half-way."""
    from icegen.archive import describe
    from icegen.ensemble.mitgcm import MITgcmTemplate
    from icegen.ensemble.points import PointRequest
    from icegen.ensemble.ranks import Ranks
    from icegen.ensemble.restarts import write_restarts

    start = DAYS // 2
    template = MITgcmTemplate(final(stock, "pickup_seaice", start), stock)
    request = PointRequest(archive, YEAR, start + 1)
    made = write_restarts(template, describe(archive), request, MEMBERS, common.fresh(runs / "pickups"), Ranks())
    for path in made:
        folder = runs / f"pickup_{path.parent.name}"
        shutil.copytree(stock, folder, dirs_exist_ok=True)
        for file in path.parent.iterdir():
            shutil.copy(file, folder)
        changed, thickest = changes(stock, run_model(checkout, program, archive, folder, 2, start=start))
        checks.add(
            changed >= FEWEST_CHANGED and thickest <= THICKEST,
            f"MITgcm: {path.parent.name}, {DAYS - start} days from its pickup: normal end; ice of {changed} cells "
            f"differs from the stock run's; thickest ice {thickest:.2f} m, wanted at most {THICKEST:g}",
        )


def build(checkout: Path, folder: Path, tasks: int, guest: bool = True) -> Path:
    """The program for so many tasks, built from a copy of the sources."""
    program = folder / "build/mitgcmuv"
    if program.exists():
        return program
    common.fresh(folder)
    for part in ("model", "eesupp", "pkg", "tools", f"{EXPERIMENT}/code"):
        shutil.copytree(checkout / part, folder / part, symlinks=True)
    code = folder / EXPERIMENT / "code"
    packages = (code / "packages.conf").read_text()
    (code / "packages.conf").write_text(re.sub(r"(?m)^mnc\n", "", packages))  # writes NetCDF, which nothing here reads
    for name in ("SIZE.h_mpi", "SIZE.h"):
        (code / name).write_text(with_tiles((checkout / EXPERIMENT / "code/SIZE.h").read_text(), tasks))
    if guest:
        adapter = common.ADAPTERS / "mitgcm"
        common.command(["patch", "-p1", "-i", adapter / "mitgcm.patch"], folder, "patch.log")
        shutil.copy(adapter / "seaice_icegen.F", code)
    options_file = (checkout / "tools/build_options/linux_amd64_gfortran").read_text()
    if guest:
        options_file += f'\nLIBS="$LIBS {common.link_flags()}"\n'
    (folder / "options").write_text(options_file)
    compilers = {
        "CC": common.setting("MPI_C_COMPILER"), "FC": common.setting("MPI_Fortran_COMPILER"),
        "F90C": common.setting("MPI_Fortran_COMPILER"), "MPI_INC_DIR": common.setting("MPI_Fortran_F77_HEADER_DIR"),
    }  # fmt: skip
    place = common.fresh(program.parent)
    common.command(
        [folder / "tools/genmake2", f"-rootdir={folder}", f"-mods={code}", f"-of={folder / 'options'}", "-mpi"],
        place, "../genmake.log", compilers,
    )  # fmt: skip
    common.command(["make", "depend"], place, "../depend.log", compilers)
    common.command(["make"], place, "../build.log", compilers)
    return program


def with_tiles(size: str, tasks: int) -> str:
    """SIZE.h for the same tiles on another number of tasks."""
    for name, count in zip(("nSx", "nSy", "nPx"), TILES[tasks], strict=True):
        size = re.sub(rf"(?m)^(     &\s+{name}\s*=)\s*\d+", rf"\g<1>   {count}", size)
    return size


def run_model(
    checkout: Path, program: Path, archive: Path, folder: Path, tasks: int, weight: float | None = None, start: int = 0,
    end: int = DAYS,
) -> Path:  # fmt: skip
    """The folder of a run from one day to another; one that starts late continues what the folder holds."""
    if start == 0:
        shutil.copytree(checkout / EXPERIMENT / "input", common.fresh(folder), dirs_exist_ok=True)
        common.library_namelist(folder / "icegen.nml", archive)
        (folder / "data.icegen").write_text(NAMELIST.format(weight=weight))
        packages = (folder / "data.pkg").read_text()
        (folder / "data.pkg").write_text(re.sub(r"useMNC\s*=\s*\.TRUE\.", "useMNC = .FALSE.", packages))
    data = (checkout / EXPERIMENT / "input/data").read_text()
    times = {"startTime": max(start * DAY, STEP), "endTime": end * DAY}
    for name, value in (times | {"pChkptFreq": DAYS // 2 * DAY, "monitorFreq": DAY}).items():
        data = re.sub(rf"(?m)^(\s*{name}\s*=).*$", rf"\g<1>{value}.,", data)
    (folder / "data").write_text(data)
    common.mpirun(tasks, program, folder, f"run_{start}.log")
    if "STOP NORMAL END" not in (folder / f"run_{start}.log").read_text(errors="replace"):
        raise common.Failed(f"MITgcm ends early; see {folder}/run_{start}.log and STDERR.0000")
    return folder


def final(folder: Path, kind: str, day: int = DAYS) -> Path:
    """A pickup of the last day, or of another."""
    return folder / f"{kind}.{day * DAY // STEP:010d}.data"


def compare(checks: common.Checks, one: Path, other: Path, what: str) -> None:
    """Whether the last pickups of two runs have the same bits."""
    differ = [kind for kind in ("pickup", "pickup_seaice")
              if final(one, kind).read_bytes() != final(other, kind).read_bytes()]  # fmt: skip
    checks.add(not differ, f"MITgcm: {what}: " + ("the same bits" if not differ else f"{', '.join(differ)} differ"))


def changes(one: Path, other: Path) -> tuple[int, float]:
    """Number of cells whose thickness differs between two runs, and the thickest ice of the other in m."""
    meta = final(one, "pickup_seaice").with_suffix(".meta").read_text()
    names = re.findall(r"'(si\w+)\s*'", meta)
    shape = (-1, 16, 20)
    fields = [np.fromfile(final(folder, "pickup_seaice"), ">f8").reshape(shape) for folder in (one, other)]
    layers = fields[0].shape[0] - len(names) + 1  # of siTICES, which comes first
    area, heff = (layers - 1 + names.index(name) for name in ("siAREA", "siHEFF"))
    iced = fields[1][area] > 0.01
    thickest = float((fields[1][heff][iced] / fields[1][area][iced]).max(initial=0))
    return int((fields[0][heff] != fields[1][heff]).sum()), thickest
