# SPDX-License-Identifier: MIT
# ruff: noqa: E501, one case a line
"""What Python refuses, one case a row: the exit status, and what its one line says was seen and wanted.

Nothing half-written stays, and the next good command works.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import archives
from bad_input.bridge import CELLS, write_archive
from icegen import archive


@dataclass(frozen=True)
class Case:
    """A command line that is refused; {tiny} is the folder of tests/tiny.py, the working folder holds what it needs."""

    name: str
    arguments: str
    words: tuple[str, ...]
    write: Callable[[Path], object] = lambda tiny: None  # makes the files that it needs in the working folder
    status: int = 1


INFO = "info bad.pt"


def with_metadata(name: str, change: Callable[[dict], object], *words: str) -> Case:
    def write(tiny: Path) -> None:
        entries = archives.unpack(write_archive(Path("good.pt")))
        metadata = json.loads(entries["icegen.json"])
        change(metadata)
        archives.pack(Path("bad.pt"), entries | {"icegen.json": json.dumps(metadata)})

    return Case(f"archive: {name}", INFO, words, write)


def with_entries(name: str, change: dict, *words: str) -> Case:
    """Changes of the entries; None leaves one out."""

    def write(tiny: Path) -> None:
        entries = archives.unpack(write_archive(Path("good.pt"))) | change
        archives.pack(Path("bad.pt"), {k: v for k, v in entries.items() if v is not None})

    return Case(f"archive: {name}", INFO, words, write)


def with_bytes(name: str, change: Callable[[bytes], bytes], *words: str) -> Case:
    def write(tiny: Path) -> None:
        Path("bad.pt").write_bytes(change((tiny / "tiny.pt").read_bytes()))

    return Case(f"archive: {name}", INFO, words, write)


CONTRACT = "bad.pt does not follow the archive contract: "
NOT_WHOLE = "bad.pt is not a whole icegen archive: it does not end with its checksum"
ARCHIVES = [
    Case("archive: missing", INFO, ("archive bad.pt cannot be read: No such file or directory",)),
    Case("archive: a folder", INFO, ("archive bad.pt cannot be read: Is a directory",), lambda tiny: Path("bad.pt").mkdir()),
    with_bytes("empty", lambda good: b"", NOT_WHOLE),
    with_bytes("text", lambda good: b"This is no archive.\n" * 10, NOT_WHOLE),
    with_bytes("half", lambda good: good[: len(good) // 2], NOT_WHOLE),
    with_bytes("a byte more", lambda good: good + b"\0", NOT_WHOLE),
    with_bytes("a byte less", lambda good: good[1:], "bad.pt is damaged: its checksum is ", "..., it says "),
    with_bytes("no digit in the checksum", lambda good: good[:-64] + b"\n\xb0" + good[-62:], "bad.pt is damaged: ", "it says ??"),
    with_bytes("a checkpoint", lambda good: good[:-86], NOT_WHOLE),
    with_bytes("checksum alone", lambda good: archives.sealed(b""), CONTRACT, "not a zip file"),
    with_metadata("another format", lambda m: m.update(format="gguf"), "bad.pt is of format 'gguf'; wanted 'icegen-archive'"),
    with_metadata("contract of the future", lambda m: m.update(contract=99), "bad.pt follows archive contract 99; this icegen reads 1"),
    with_metadata("no sampler", lambda m: m.pop("sampler"), CONTRACT, "it has no 'sampler'"),
    with_metadata("no steps", lambda m: m["sampler"].update(steps=0), "bad.pt has 0 steps of the sampler; wanted at least 1"),
    with_metadata("steps in words", lambda m: m["sampler"].update(steps="few"), "has 'few' steps of the sampler; wanted at least 1"),
    with_metadata("no variable", lambda m: m.update(variables=[]), "bad.pt has no variable; wanted at least 1"),
    with_metadata("other conditions", lambda m: m.update(condition=[{"id": "month"}]), "has the conditions ['month']; wanted year and day_of_year"),
    with_metadata("grid of no row", lambda m: m["grid"].update(shape=[0, CELLS]), "bad.pt has 0 rows of the grid; wanted at least 1"),
    with_metadata("larger grid", lambda m: m["grid"].update(shape=[9, 9]), "bad.pt has 64 bytes in ocean.u1; wanted 81"),
    with_metadata("no projection", lambda m: m["grid"]["mapping"].update(crs_wkt="flat"), CONTRACT, "flat"),
    with_entries("without metadata", {"icegen.json": None}, CONTRACT, "it has no 'icegen.json'"),
    with_entries("without mask", {"ocean.u1": None}, CONTRACT, "it has no 'ocean.u1'"),
    with_entries("metadata in prose", {"icegen.json": b"Ice!"}, CONTRACT, "Expecting value: line 1 column 1"),
    with_entries("metadata in a list", {"icegen.json": b"[1]"}, CONTRACT, "list indices"),
    Case("archive: no model", "sample --archive good.pt --years 2001 --out ensemble", ("good.pt holds no model that torch ",),
         lambda tiny: write_archive(Path("good.pt"))),
]  # fmt: skip


def request(name: str, options: str, *words: str) -> Case:
    return Case(f"request: {name}", f"sample --archive {{tiny}}/tiny.pt --years 2001 --out ensemble {options}", words)


REQUESTS = [
    request("no member", "--members 0", "members are 0; wanted at least one, numbered from 1"),
    request("fewer than none", "--members -3", "wanted at least one"),
    request("year not trained", "--years 2001:2004", "year is 2003; this archive takes 2000 to 2002"),
    request("year in words", "--years soon", "years are 'soon'; wanted years or ranges of years"),
    Case("request: no year", "sample --archive {tiny}/tiny.pt --out ensemble", ("there is no year; wanted --years within 2000:2002",)),
    request("years that fall", "--years 2002:2001", "years are '2002:2001'; wanted years or ranges of years"),
    request("date in words", "--dates noon", "dates are 'noon', and noon is no day of 2001; wanted monthly, daily, or MM-DD"),
    request("30 February", "--dates 02-30", "02-30 is no day of 2001; wanted monthly, daily, or MM-DD"),
    request("a day twice", "--dates 03-15,03-15", "dates are '03-15,03-15'; wanted each day once"),
    request("no steps", "--steps 0", "steps is 0; wanted at least 1"),
    request("negative seed", "--seed -1", "seed is -1; wanted 0 to 2^63 - 1"),
    request("seed beyond 64 bits", "--seed 9223372036854775808", "seed is 9223372036854775808; wanted 0 to 2^63 - 1"),
    request("missing archive", "--archive nowhere.pt", "archive nowhere.pt cannot be read: No such file or directory"),
    request("unknown archive", "--archive antarctic", "there is no file antarctic, and no such archive came with icegen; those that did:"),
    request("folder below a file", "--out {tiny}/text.pt/out", "text.pt/out cannot be created: Not a directory"),
    request("folder is a file", "--out {tiny}/text.pt", "text.pt cannot be created: File exists"),
]  # fmt: skip


def netcdf(name: str, change: Callable[[netCDF4.Dataset], object], *words: str) -> Case:
    """Changes of a good CF file."""

    def write(tiny: Path) -> None:
        shutil.copy(tiny / "source.nc", "bad.nc")
        with netCDF4.Dataset("bad.nc", "a") as nc:
            change(nc)

    return Case(f"NetCDF: {name}", "prepare cf bad.nc --out x.nc", words, write)


def netcdf_bytes(name: str, change: Callable[[bytes], bytes], *words: str) -> Case:
    def write(tiny: Path) -> None:
        Path("bad.nc").write_bytes(change((tiny / "source.nc").read_bytes()))

    return Case(f"NetCDF: {name}", "prepare cf bad.nc --out x.nc", words, write)


def put(nc: netCDF4.Dataset, name: str, index, value) -> None:
    nc[name][index] = value


NETCDF = [
    Case("NetCDF: missing", "prepare cf bad.nc --out x.nc", ("data file bad.nc does not exist",)),
    netcdf_bytes("text", lambda good: b"no NetCDF " * 100, "bad.nc cannot be read as NetCDF"),
    netcdf_bytes("half", lambda good: good[: len(good) // 2], "bad.nc cannot be read as NetCDF"),
    netcdf("renamed variable", lambda nc: nc.renameVariable("sit", "time2") or nc["time2"].delncattr("standard_name"), "bad.nc has no variable sit or standard_name sea_ice_thickness"),
    netcdf("other units", lambda nc: nc["sit"].setncattr("units", "km"), "bad.nc: sit has units 'km'; wanted one of m, meter"),
    netcdf("axis in degrees", lambda nc: nc["y"].setncattr("units", "degrees"), "bad.nc: y has units 'degrees'; wanted m or km"),
    netcdf("uneven axis", lambda nc: put(nc, "x", 3, 0.0), "grid axis x is not evenly spaced: steps from"),
    netcdf("axis with a gap", lambda nc: put(nc, "x", 3, np.nan), "grid axis x is not evenly spaced"),
    netcdf("axis on one spot", lambda nc: put(nc, "x", slice(None), 0.0), "grid axis x has steps of 0 m; wanted cells at different places"),
    netcdf("no projection", lambda nc: nc["crs"].setncatts({"crs_wkt": "flat", "grid_mapping_name": "flat"}), "bad.nc: the grid mapping crs is not a projection that PROJ knows: ", "flat", "wanted that of CF, or crs_wkt"),
    netcdf("time in fortnights", lambda nc: nc["time"].setncattr("units", "fortnights since 2000-01-01"), "bad.nc: time holds values", "'fortnights since 2000-01-01'; wanted such as 'days since 1970-01-01'"),
    netcdf("time since never", lambda nc: nc["time"].setncattr("units", "days since never"), "bad.nc: time holds values", "'days since never'; wanted such as"),
    netcdf("time without end", lambda nc: put(nc, "time", 2, 1e300), "bad.nc: time holds values up to 1e+300", "wanted"),
    netcdf("time that is no number", lambda nc: put(nc, "time", 2, np.nan), "bad.nc: time has dimensions ('time',) or a missing value; wanted a value for each"),
    netcdf("calendar of 360 days", lambda nc: nc["time"].setncattr("calendar", "360_day"), "bad.nc: calendar is 360_day; wanted one of standard"),
    netcdf("a time twice", lambda nc: put(nc, "time", 2, nc["time"][1]), "bad.nc has the time 2000-02-15 00:00:00 twice"),
    netcdf("unknown split", lambda nc: put(nc, "split", 2, b"q"), "split holds b'q'; wanted b't', b'v', b'x'"),
    netcdf("nothing to train", lambda nc: put(nc, "split", slice(None), b"v"), "the training split is empty; the 48 times are of 2000 to 2003"),
    netcdf("a month without ice", lambda nc: put(nc, "ice", 4, np.ma.masked), "sic has no value on the ocean at time index 4, 2000-05-15"),
    netcdf("the same everywhere", lambda nc: put(nc, "ice", slice(None), 50.0), "sic is the same everywhere in the training split: 0.5"),
    Case("NetCDF: not prepared", "train autoencoder --data {tiny}/source.nc --out run", ("source.nc is not a prepared file; make one with: icegen prepare",)),
    Case("NetCDF: prepared and cut", "train autoencoder --data cut.nc --out run", ("cut.nc cannot be read as NetCDF",),
         lambda tiny: Path("cut.nc").write_bytes((tiny / "prepared.nc").read_bytes()[:5000])),
]  # fmt: skip


def prepare(name: str, arguments: str, *words: str) -> Case:
    return Case(f"prepare: {name}", f"prepare {arguments} --out x.nc", words)


PREPARE = [
    prepare("unknown variable", "cf {tiny}/source.nc --variables sic,snow", "unknown variable 'snow'; wanted one of sic, sit"),
    prepare("a variable twice", "cf {tiny}/source.nc --variables sic,sic", "variables are sic, sic; wanted each once"),
    prepare("variable that is not there", "cf {tiny}/source.nc --variables sic,sid", "source.nc has no variable sid"),
    prepare("year in words", "cf {tiny}/source.nc --validation-years soon", "validation years are 'soon'; wanted years or ranges"),
    prepare("year that is not there", "cf {tiny}/source.nc --validation-years 1900", "validation split is empty; the 48 times are of 2000 to 2003"),
    prepare("year of two splits", "cf {tiny}/source.nc --validation-years 2001 --test-years 2001", "year 2001 is named for validation and for test; wanted one of them"),
    prepare("half a grid", "cf {tiny}/source.nc --grid ease2:64", "grid is 'ease2:64'; wanted native, or ease2:CELLS:KM"),
    prepare("cells of no width", "cf {tiny}/source.nc --grid ease2:64:0", "grid is 'ease2:64:0'; wanted native"),
    prepare("missing folder", "nextsim nowhere", "folder nowhere does not exist"),
    prepare("odd size", "idealised --size 20", "20 x 20 cells; wanted multiples of 8"),
    prepare("one year", "idealised --size 16 --years 2000", "the validation split is empty"),
    Case("prepare: no folder to write in", "prepare cf {tiny}/source.nc --out no/x.nc", ("folder no does not exist",)),
]  # fmt: skip


def configuration(name: str, text: str, *words: str) -> Case:
    command = "train autoencoder --config ./bad.yaml --data {tiny}/prepared.nc --out run"
    return Case(f"YAML: {name}", command, ("bad.yaml", *words), lambda tiny: Path("bad.yaml").write_text(text))


YAML = [
    configuration("not YAML", "sampler: {steps: 3\nvariables: ]", "is not valid YAML: ", "line 2"),
    configuration("a list", "[1, 2]", "the configuration is [1, 2]; wanted a mapping"),
    configuration("code", "!!python/object/apply:os.system [ls]", "is not valid YAML: "),
    configuration("misspelt key", "sampel: {}", "unknown key sampel; known: autoencoder, "),
    configuration("misspelt key inside", "sampler: {stepz: 3}", "unknown key sampler.stepz; known: detail_steps, "),
    configuration("a key twice", "sampler: {steps: 3, steps: 4}", "key steps appears twice"),
    configuration("text for a number", "sampler: {steps: many}", "sampler.steps is 'many'; wanted a whole number"),
    configuration("yes for a number", "sampler: {steps: yes}", "sampler.steps is True; wanted a whole number"),
    configuration("number for a list", "autoencoder: {widths: 8}", "autoencoder.widths is 8; wanted a list"),
    configuration("two for three", "autoencoder: {widths: [8, 8]}", "autoencoder.widths is [8, 8]; wanted at least 3 items"),
    configuration("endless rate", "diffusion_training: {learning_rate: .inf}", "learning_rate is inf; wanted a finite number"),
    configuration("rate that is no number", "diffusion_training: {learning_rate: .nan}", "learning_rate is nan; wanted a finite number"),
    configuration("unknown variable", "variables: [sic, sat]", "unknown variable 'sat'; wanted one of sic, sit"),
    configuration("unknown sampler", "sampler: {name: euler}", "sampler.name is 'euler'; wanted 'heun' or 'dpmpp_2m'"),
    configuration("empty range", "diffusion_training: {gamma_low: 5, gamma_high: -5}", "gamma_low is 5.0; wanted less than gamma_high, -5.0"),
    Case("YAML: a change without a value", "train diffusion --set sampler.steps --data x --out run", ("setting is 'sampler.steps'; wanted KEY=VALUE",)),
    Case("YAML: a change of a misspelt key", "train diffusion --set sampler.stepz=3 --data x --out run", ("observed.yaml: unknown key sampler.stepz; known: detail_steps, ",)),
    Case("YAML: missing", "train diffusion --config ./mine.yaml --data x --out run", ("configuration file mine.yaml does not exist",)),
]  # fmt: skip

COMMANDS = [
    Case("train: crop larger than the grid", "train autoencoder --data {tiny}/prepared.nc --out run", ("crop is 256; wanted at most the grid's 40 x 56",)),
    Case("train: no autoencoder yet", "train diffusion --data {tiny}/prepared.nc --out run", ("no checkpoint run/autoencoder.pt",)),
    Case("train: unknown configuration", "train diffusion --config mine --data x --out run", ("configuration file mine does not exist",)),
    Case("train: detail in crops larger than the grid", "train detail --archive {tiny}/tiny.pt --data {tiny}/prepared.nc --out run", ("crop is 128; wanted at most the grid's 40 x 56",)),
    Case("train: detail of no archive", "train detail --archive nowhere.pt --data {tiny}/prepared.nc --out run", ("nowhere.pt cannot be read: No such file",)),
    Case("export: no detail trained", "export {tiny}/tiny.pt --data {tiny}/prepared.nc --detail nowhere --out x.pt", ("no checkpoint nowhere/detail.pt; train first",)),
    Case("usage: detail of a folder", "export runs --data x.nc --detail runs --out x.pt", ("Usage: icegen", "--detail is for RUN an archive, with --data"), status=2),
    Case("export: nothing trained", "export run --data {tiny}/prepared.nc --out x.pt", ("no checkpoint run/diffusion.pt",)),
    Case("plot: missing", "plot nowhere.nc --out x.png", ("nowhere.nc does not exist",)),
    Case("plot: missing archive", "plot {tiny}/source.nc --archive nowhere.pt --out x.png", ("nowhere.pt cannot be read: No such file",)),
    Case("validate: missing reference", "validate {tiny}/tiny.pt --reference nowhere.nc --out report", ("nowhere.nc does not exist",)),
    Case("validate: a seed twice", "validate {tiny}/tiny.pt --reference {tiny}/prepared.nc --out report --seed 3 --seed 3", ("[3, 3]", "each once")),
    Case("validate: no sample", "validate {tiny}/tiny.pt --reference {tiny}/prepared.nc --out report --samples 0", ("samples", "0; wanted")),
    Case("usage: unknown command", "nonsense", ("Usage: icegen", "No such command 'nonsense'"), status=2),
    Case("usage: unknown option", "train autoencoder --nonsense", ("Usage: icegen", "No such option"), status=2),
    Case("usage: no argument", "plot", ("Usage: icegen", "Missing argument 'PATH'"), status=2),
    Case("usage: no output", "prepare cf x.nc", ("Usage: icegen", "Missing option '--out'"), status=2),
    Case("usage: models without data", "export runs --out x.pt", ("Usage: icegen", "Missing option '--data'"), status=2),
    Case("usage: precision of TorchScript", "export runs --data x.nc --out x.pt --precision bfloat16", ("Usage: icegen", "--precision is for --backend aoti"), status=2),
    Case("usage: archive calibrated anew", "export {tiny}/tiny.pt --backend aoti --config observed --out x.pt", ("tiny.pt is an archive", "takes no --config, no --ema, and --set only with --data"), status=2),
    Case("usage: change of what is trained", "export runs --data x.nc --set denoiser.heads=2 --out x.pt", ("--set denoiser.heads=2 is fixed by training; wanted one of sampler.*, history.*, observations.*, calibration.*",), status=2),
    Case("usage: calibration of an archive", "export {tiny}/tiny.pt --data x.nc --set calibration.gain=true --out x.pt", ("--set calibration.gain=true is fixed by training; wanted one of sampler.*, history.*, observations.*",), status=2),
    Case("usage: archive of an archive", "export {tiny}/tiny.pt --out x.pt", ("tiny.pt is an archive", "takes --data, or --backend aoti without --name"), status=2),
    Case("usage: number in words", "sample --members many --years 2001 --out x", ("Usage: icegen", "'many' is not a valid integer"), status=2),
    Case("usage: no thread", "sample --threads 0 --years 2001 --out x", ("Usage: icegen", "0 is not in the range x>=1"), status=2),
    Case("usage: unknown device", "sample --device tpu --years 2001 --out x", ("Usage: icegen", "'tpu' is not one of 'cpu', 'cuda'"), status=2),
]  # fmt: skip

HEADER = "longitude,latitude,variable,value,error"


def observation(name: str, table: str, *words: str, arguments: str = "--years 2001 --dates 03-15") -> Case:
    """A table of observations, of which {sea} and {land} are places."""

    def write(tiny: Path) -> None:
        grid = archive.describe(tiny / "tiny.pt").grid
        lon, lat = grid.lonlat
        places = {key: f"{lon[mask][0]},{lat[mask][0]}" for key, mask in (("sea", grid.ocean), ("land", ~grid.ocean))}
        Path("table.csv").write_text(table.format(**places))

    return Case(
        f"observations: {name}",
        f"sample --archive {{tiny}}/tiny.pt {arguments} --observations table.csv --out x",
        words,
        write,
    )


OBSERVATIONS = [
    observation("none", f"{HEADER}\n", "there are 0 observations; wanted 1 to 1000000"),
    observation("empty file", "", "table.csv cannot be read: No columns"),
    observation("no error", "longitude,latitude,variable,value\n{sea},sic,.5", "the observations lack the column error; wanted longitude, latitude"),
    observation("on land", f"{HEADER}\n{{land}},sic,.5,.1", "all 1 observations lie on land or outside of the archive's grid"),
    observation("outside", f"{HEADER}\n0,-60,sic,.5,.1", "all 1 observations lie on land or outside"),
    observation("a value that is no number", f"{HEADER}\n{{sea}},sic,.5,.1\n{{sea}},sic,nan,.1", "value of observation 2 is nan; wanted a finite number"),
    observation("a value in words", f"{HEADER}\n{{sea}},sic,much,.1", "value of observation 1 is much; wanted a finite number"),
    observation("an endless value", f"{HEADER}\n{{sea}},sic,inf,.1", "value of observation 1 is inf; wanted a finite number"),
    observation("beyond the bounds", f"{HEADER}\n{{sea}},sic,95,5", "value (sic) of observation 1 is 95.0; wanted 0 to 1"),
    observation("negative error", f"{HEADER}\n{{sea}},sic,.5,-.1", "error of observation 1 is -0.1; wanted 0.001 to 10"),
    observation("no error at all", f"{HEADER}\n{{sea}},sic,.5,0", "error of observation 1 is 0.0; wanted 0.001 to 10"),
    observation("another variable", f"{HEADER}\n{{sea}},snow,.5,.1", "variable of observation 1 is snow; wanted one of sic, sit"),
    observation("latitude", f"{HEADER}\n0,100,sic,.5,.1", "latitude of observation 1 is 100.0; wanted -90 to 90"),
    observation("longitude", f"{HEADER}\n1000,80,sic,.5,.1", "longitude of observation 1 is 1000.0; wanted -360 to 360"),
    observation("negative radius", f"{HEADER},radius\n{{sea}},sic,.5,.1,-1", "radius of observation 1 is -1.0; wanted 0 or more"),
    observation("of many dates", f"{HEADER}\n{{sea}},sic,.5,.1", "observations belong to one date; --years and --dates give 12", arguments="--years 2001"),
    Case("observations: missing", "sample --archive {tiny}/tiny.pt --years 2001 --dates 03-15 --observations no.csv --out x", ("no.csv does not exist",)),
    Case("observations: of another kind", "sample --archive {tiny}/tiny.pt --years 2001 --dates 03-15 --observations {tiny}/tiny.pt --out x", ("tiny.pt is no table of observations; wanted a file .csv or .nc",)),
    Case("observations: fields", "sample --archive {tiny}/tiny.pt --years 2001 --dates 03-15 --observations {tiny}/source.nc --out x", ("the observations have the dimensions", "wanted one")),
]  # fmt: skip

CASES = [*ARCHIVES, *REQUESTS, *OBSERVATIONS, *NETCDF, *PREPARE, *YAML, *COMMANDS]


def test_each_case_has_its_own_name():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(icegen, tiny, case):
    case.write(tiny)
    before = {path.name for path in Path().iterdir()}
    status, _, errors = icegen(*case.arguments.format(tiny=tiny).split())
    assert status == case.status, errors
    for words in case.words:
        assert words in errors
    if status == 1:
        lines = [line for line in errors.splitlines() if not line.startswith("preparing ")]
        assert len(lines) == 1, errors
        assert lines[0].startswith("icegen: ")
    assert {path.name for path in Path().rglob("*") if path.is_file()} <= before, "nothing half-written"
    status, _, errors = icegen("info", tiny / "tiny.pt")
    assert (status, errors) == (0, "")


PIN = "0123456789ABCDEF" * 4


@pytest.mark.parametrize(
    ("sha256", "words"),
    [
        ("abc", "sha256 is 'abc'; wanted 64 hexadecimal digits"),
        ("x" * 64, "; wanted 64 hexadecimal digits"),
        (PIN, r"tiny\.pt has the SHA-256 \w{12}\.\.\.; wanted 0123456789AB\.\.\."),
    ],
)
def test_pin_refused(tiny, sha256, words):
    with pytest.raises(ValueError, match=words):
        archive.load(tiny / "tiny.pt", sha256=sha256)


def test_pinned(tiny):
    sha256 = archive.describe(tiny / "tiny.pt").sha256
    for text in (sha256, sha256.upper()):
        assert archive.load(tiny / "tiny.pt", sha256=text).sha256 == sha256
