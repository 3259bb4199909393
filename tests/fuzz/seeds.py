# SPDX-License-Identifier: MIT
"""What ci/fuzz begins with: `seeds.py FOLDER` writes seeds/TARGET/ and two small archives that icegen_open takes."""

import hashlib
import io
import json
import math
import struct
import sys
import zipfile
from pathlib import Path

ROWS, COLUMNS = 5, 7
OCEAN = bytes(cell % 6 != 5 for cell in range(ROWS * COLUMNS))
MAPPING = {
    "grid_mapping_name": "lambert_azimuthal_equal_area",
    "latitude_of_projection_origin": 90.0,
    "longitude_of_projection_origin": 0.0,
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}
PROJECTED = {"x0": -1.5e6, "dx": 5e5, "y0": 1e6, "dy": -5e5, "mapping": MAPPING}


def metadata(grid: dict, variables: tuple[str, ...], conditional: bool, contract: int) -> bytes:
    """The part of an archive's description that the bridge reads."""
    bounds = {"sic": {"lower": 0.0, "upper": 1.0}}
    ranges = {"year": [1979, 2020], "day_of_year": [1, 366]} if conditional else {}
    description = {
        "format": "icegen-archive",
        "contract": contract,
        "variables": [{"id": variable} | bounds.get(variable, {}) for variable in variables],
        "condition": [{"id": name, "range": values} for name, values in ranges.items()],
        "sampler": {"steps": 4},
        "grid": {"shape": [ROWS, COLUMNS]} | grid,
        "observations": {"states": 1} if contract > 1 else {},
    }
    return json.dumps(description, separators=(",", ":")).encode()


def lonlat() -> bytes:
    """Coordinates of a curvilinear grid about the pole."""
    x = [(cell % COLUMNS - 3) * 4.0 for cell in range(ROWS * COLUMNS)]
    y = [(cell // COLUMNS - 2) * 4.0 for cell in range(ROWS * COLUMNS)]
    lon = [math.degrees(math.atan2(b, a)) for a, b in zip(x, y, strict=True)]
    lat = [90 - math.hypot(a, b) for a, b in zip(x, y, strict=True)]
    return struct.pack(f"<{2 * ROWS * COLUMNS}d", *lon, *lat)


def zipped(entries: dict[str, bytes]) -> bytes:
    """A zip file of stored entries, without its comment."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, data in entries.items():
            file.writestr(f"fuzz/extra/{name}", data)
    return content.getvalue()


def perturbations() -> bytes:
    """Choices of fuzz_capi.cpp that lead to members near given or observed ice, which any bytes seldom do."""
    first, rest = [0], 1  # the first of two emulators; a 1 keeps what seldom happens from happening
    name = [rest, 0]  # the first of the words
    opened = [*first, 0, 1, rest, 1, 1, 1, 0, 0, 0, 0]
    points = [byte for _ in range(4) for byte in (4, 55, 170, rest)]  # lon 0, lat 80
    target = [*first, 5, 4, *name, *[rest, 0], *[rest, 0], *points, rest, rest, rest, 0]
    given = [[*first, 11, *name, rest, which, rest, 4, 1, rest, 0, *[rest] * 8] for which in (0, 1)]
    perturbed = [[*first, 14, 1, rest, 0, rest, 3, rest, rest, 1, rest, level] for level in (2, 0)]
    received = [
        [*first, 16, *name, rest, which, 1, member, rest, rest, single]
        for which in (0, 1, 2)
        for member, single in ((0, 0), (2, 1))
    ]
    observed = [[*first, 19, *name, rest, which, rest, 4, 1, rest, 0, *[rest] * 8, 0, *[rest] * 5] for which in (0, 1)]
    analysed = [*first, 20, 1, rest, 0, rest, 3, rest, rest, 1]
    calls = [opened, target]
    for request in perturbed:
        calls += [*given, request, *received]
    calls += [*observed, analysed, received[0], received[1]]
    return bytes(byte for call in calls for byte in call)[::-1]  # read from the back


def main(folder: Path) -> None:
    """Write all."""
    archives = {
        "projected": {"icegen.json": metadata(PROJECTED, ("sic", "sit"), True, 2), "ocean.u1": OCEAN},
        "curvilinear": {
            "icegen.json": metadata({}, ("sic", "siu", "siv"), False, 1),
            "ocean.u1": OCEAN,
            "lonlat.f8": lonlat(),
        },
    }
    seeds: dict[str, dict[str, bytes]] = {"archive": {}, "capi": {}, "grid": {}, "namelist": {}, "weights": {}}
    for name, entries in archives.items():
        content = zipped(entries)
        comment = b"icegen-archive sha256:" + hashlib.sha256(content).hexdigest().encode()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.pt").write_bytes(content + comment)
        seeds["archive"][name] = content
        coordinates = entries.get("lonlat.f8", bytes(16 * ROWS * COLUMNS))
        seeds["grid"][name] = entries["icegen.json"] + b"\0" + OCEAN + coordinates
    seeds["namelist"] = {
        "all": b"&icegen_nml archive='a.pt', backend='torch', device='cuda:1', condition='none', seed=3, steps=8,\n"
        b" history='independent', years='held', calendar='360_day', generators=2, threads=1, batch=4 /\n",
        "few": b'! a comment\n&other x=1 /\n&icegen_nml\n  archive = "b.pt"\n/\n',
        "refused": b"&icegen_nml archive='a.pt', seed=-1, steps=2*3, device='tpu' /",
    }
    # Read from the back by FuzzedDataProvider: any bytes do.
    seeds["weights"] = {f"{step}": bytes(step * i % 256 for i in range(400)) for step in (1, 3, 7)}
    seeds["capi"] = {f"{step}": bytes(step * i % 256 for i in range(600)) for step in (1, 5, 11, 13)} | {
        "near": perturbations()
    }
    for target, files in seeds.items():
        (folder / "seeds" / target).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / "seeds" / target / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
