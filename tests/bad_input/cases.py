# SPDX-License-Identifier: MIT
# ruff: noqa: E501, one case a line
"""The cases of test_bridge.py, one a row: what is done, the status, and what the message says was seen and wanted.

"A@1=B" is B on rank 1.
"""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np

import archives
from bad_input import bridge
from bad_input.bridge import CELLS, LAT, LON, Case
from compiled import BUILD

ARGUMENT, NAMELIST, ARCHIVE, BACKEND = 1, 2, 3, 4  # of icegen_status
DIGEST = "0123456789abcdef" * 4

# A group's entries, beside a good archive: name, entries, status, words of the message.
NAMELISTS = [
    ("misspelt key", {"sede": 3}, NAMELIST, ["line 5 is 'sede = 3': ", "wanted KEY = VALUE, with one of the keys archive, archive_sha256, backend, device, precision, condition, history, years, calendar, seed, steps, generators, threads, batch, cpus, fill_value, blend_km"]),
    ("text for a number", {"seed": "three"}, NAMELIST, ["line 5 is 'seed = 'three'': ", "wanted KEY = VALUE"]),
    ("negative seed", {"seed": -1}, NAMELIST, ["seed is -1; wanted 0 or more"]),
    ("seed beyond 64 bits", {"seed": 2**63}, NAMELIST, ["is 'seed = 9223372036854775808': Integer overflow"]),
    ("seed with a fraction", {"seed": 1.5}, NAMELIST, ["is 'seed = 1.5': ", "wanted KEY = VALUE"]),
    ("negative steps", {"steps": -1}, NAMELIST, ["steps is -1; wanted 1 or more, or 0"]),
    ("steps beyond 32 bits", {"steps": 2**31}, NAMELIST, ["is 'steps = 2147483648': Integer overflow"]),
    ("no thread", {"threads": 0}, NAMELIST, ["threads is 0; wanted 1 or more"]),
    ("no generator", {"generators": 0}, NAMELIST, ["generators is 0; wanted 1 or more"]),
    ("no batch", {"batch": 0}, NAMELIST, ["batch is 0; wanted 1 or more"]),
    ("two batches", {"batch": b"1, 2"}, NAMELIST, ["is 'batch = 1, 2': ", "wanted KEY = VALUE"]),
    ("unknown device", {"device": "tpu"}, NAMELIST, ["device is 'tpu'; wanted 'cpu', 'cuda' or 'cuda:N'"]),
    ("device with a word", {"device": "cuda:one"}, NAMELIST, ["device is 'cuda:one'; wanted"]),
    ("device without number", {"device": "cuda:"}, NAMELIST, ["device is 'cuda:'; wanted"]),
    ("device below 0", {"device": "cuda:-1"}, NAMELIST, ["device is 'cuda:-1'; wanted"]),
    ("unknown precision", {"precision": "half"}, NAMELIST, ["precision is 'half'; wanted 'float32' or 'bfloat16'"]),
    ("long device", {"device": "cuda" * 40}, NAMELIST, ["device is 'cudacuda", "wanted at most 127 characters"]),
    ("unknown condition", {"condition": "maybe"}, NAMELIST, ["condition is 'maybe'; wanted 'date' or 'none'"]),
    ("unknown history", {"history": "smooth"}, NAMELIST, ["history is 'smooth'; wanted 'continuous' or 'independent'"]),
    ("history that contract 1 lacks", {"history": "continuous"}, NAMELIST, ["history is 'continuous'; an archive of contract 1 has none, wanted 'independent'"]),
    ("unknown years", {"years": "all"}, NAMELIST, ["years is 'all'; wanted 'given', 'held' or one year from '1' to '9999'"]),
    ("year 0 for all", {"years": "0"}, NAMELIST, ["years is '0'; wanted 'given', 'held' or one year"]),
    ("a year that the archive lacks", {"years": "1850"}, NAMELIST, ["years is '1850'; this archive takes 1979 to 2100"]),
    ("unknown calendar", {"calendar": "gregorian"}, NAMELIST, ["calendar is 'gregorian'; wanted 'standard', '365_day', '360_day' or '366_day'"]),
    ("blending over less than nothing", {"blend_km": -1.0}, NAMELIST, ["blend_km is -1; wanted 0 km or more"]),
    ("blending over no number", {"blend_km": b"nan"}, NAMELIST, ["blend_km is nan; wanted 0 km or more"]),
    ("a word to fill with", {"fill_value": "missing"}, NAMELIST, ["is 'fill_value = 'missing'': ", "wanted KEY = VALUE"]),
    ("a number beyond single precision", {"fill_value": 1e300}, NAMELIST, ["fill_value is 1e+300; wanted a number of single precision"]),
    ("CPUs in words", {"cpus": "all"}, NAMELIST, ["cpus is 'all'; wanted numbers and ranges of CPUs, such as '0,8-15'"]),
    ("CPUs backwards", {"cpus": "8-2"}, NAMELIST, ["cpus is '8-2'; wanted numbers and ranges"]),
    ("CPUs with an open end", {"cpus": "8,"}, NAMELIST, ["cpus is '8,'; wanted numbers and ranges"]),
    ("no archive", {"archive": ""}, NAMELIST, ["archive is empty; wanted the path of an archive"]),
    ("long archive", {"archive": "a" * 1024}, NAMELIST, ["archive is 'aaaa", "wanted at most 1023 characters"]),
    ("short digest", {"archive_sha256": "abc"}, NAMELIST, ["archive_sha256 is 'abc'; wanted 64 hexadecimal digits"]),
    ("no digits", {"archive_sha256": "x" + DIGEST[1:]}, NAMELIST, ["is 'x123", "wanted 64 hexadecimal digits"]),
    ("another digest", {"archive_sha256": DIGEST}, ARCHIVE, ["good.pt has the SHA-256 {sha256:.12}...; ",
                                                            "archive_sha256 is 0123456789ab..."]),
    ("no such archive", {"archive": "nowhere.pt"}, ARCHIVE, ["nowhere.pt cannot be read: No such file"]),
    ("a folder for an archive", {"archive": "/"}, ARCHIVE, ["archive / cannot be read: Is a directory"]),
    ("no such backend", {"backend": "nonesuch"}, BACKEND, ["backend 'nonesuch' cannot be loaded", "libicegen_backend_nonesuch.so"]),
    ("text for a backend", {"backend": "/etc/passwd"}, BACKEND, ["backend '/etc/passwd' cannot be loaded"]),
    ("another library for a backend", {"backend": str(BUILD / "lib/libicegen.so")}, BACKEND, ["icegen_backend_v2"]),
]  # fmt: skip

# Whole files: name, content, words.
NAMELIST_FILES = [
    ("empty file", b"", ["found no complete group &icegen_nml ... /"]),
    ("another group", b"&other_nml seed = 1 /\n", ["found no complete group &icegen_nml ... /"]),
    ("an open group", b"&icegen_nml seed = 1\n", ["found no complete group &icegen_nml ... /"]),
    ("signs that are no text", b"&icegen_nml\n\tsee\rd\v =\b 3\n/\n", ["line 2 is '", "wanted KEY = VALUE"]),
    ("noise", bytes(range(256)) * 8, ["found no complete group &icegen_nml ... /"]),
    ("no end of the last line", b"&icegen_nml archive = 'x.pt', seed = -1 /", ["seed is -1; wanted 0 or more"]),
]

# Archives with a good checksum and bad metadata: name, change of the metadata, words.
METADATA = [
    ("another format", {"format": "gguf"}, ['is of format "gguf"; wanted "icegen-archive"']),
    ("contract of the future", {"contract": 99}, ["follows archive contract 99; this icegen reads 1 and 2"]),
    ("contract in words", {"contract": "one"}, ['has contract "one"; wanted a whole number']),
    ("consistency of what is not there", {"contract": 2, "variables": [{"id": "sic"}], "consistency": {"sit_over_sic": {"lower": 0.1, "upper": 9.0}}}, ["states a range of sit / sic; wanted both among its variables"]),
    ("consistency upside down", {"contract": 2, "consistency": {"sit_over_sic": {"lower": 9.0, "upper": 0.1}}}, ["has sit / sic from 9 to 0.1 m; wanted a range above 0"]),
    ("half a consistency", {"contract": 2, "consistency": {"sit_over_sic": {"lower": 0.1}}}, ["does not follow the archive contract", "upper"]),
    ("no variable", {"variables": []}, ["has no variable; wanted at least 1"]),
    ("variable without id", {"variables": [{}]}, ["does not follow the archive contract", "id"]),
    ("other conditions", {"condition": [{"id": "month", "range": [1, 12]}]}, ["month", "wanted year and day_of_year"]),
    ("range in words", {"condition": [{"id": "year", "range": ["early", 1]}]}, ['"early"; wanted a whole number']),
    ("half a range", {"condition": [{"id": "year", "range": [1990]}]}, ["does not follow the archive contract"]),
    ("no steps", {"sampler": {"steps": 0}}, ["has a sampler of 0 steps; wanted at least 1"]),
    ("half a step", {"sampler": {"steps": 1.5}}, ["steps 1.5; wanted a whole number"]),
    ("steps beyond 32 bits", {"sampler": {"steps": 2**64 - 1}}, ["steps 18446744073709551615; wanted a whole number"]),
    ("no sampler", {"sampler": None}, ["does not follow the archive contract"]),
    ("grid without shape", {"grid": {}}, ["does not follow the archive contract", "shape"]),
    ("grid of no row", {"grid": {"shape": [0, CELLS]}}, ["grid of 0 x 8 cells has a mask of 64; wanted a byte for each cell"]),
    ("huge grid", {"grid": {"shape": [2**20, 2**20]}}, ["grid of 1048576 x 1048576 cells has a mask of 64; wanted a byte for each cell"]),
    ("grid without places", {"grid": {"shape": [CELLS, CELLS]}}, ["has 0 bytes of coordinates (lonlat.f8); wanted 1024"]),
    ("flat ellipsoid", {"mapping": {"inverse_flattening": 0.5}}, ["inverse flattening of 0.5; wanted"]),
    ("no earth", {"mapping": {"semi_major_axis": 0}}, ["semi-major axis of 0 m", "wanted more than 0 m"]),
    ("cells on one spot", {"grid": {"dx": 0.0}}, ["cells are 0 m apart; wanted any other distance"]),
]  # fmt: skip

# Other damage: name, a function of a good archive's bytes, words.
NOT_WHOLE, DAMAGED = "is not a whole icegen archive: it does not end with its checksum", "is damaged: its checksum is "
FILES = [
    ("empty archive", lambda good: b"", [NOT_WHOLE]),
    ("text", lambda good: b"This is no archive.\n" * 10, [NOT_WHOLE]),
    ("half an archive", lambda good: good[: len(good) // 2], [NOT_WHOLE]),
    ("a byte less", lambda good: good[:-1], [NOT_WHOLE]),
    ("a byte more", lambda good: good + b"\0", [NOT_WHOLE]),
    ("without its first byte", lambda good: good[1:], [DAMAGED]),
    ("a byte of zeros", lambda good: good[:100] + bytes(1) + good[101:], [DAMAGED, "..., it says "]),
    ("no digit in the checksum", lambda good: good[:-64] + b"\n\xb0" + good[-62:], [DAMAGED, "it says ??"]),
    ("a capital in the checksum", lambda good: good[:-64] + b"A" * 64, [DAMAGED, "it says AAAAAAAAAAAA..."]),
    ("checksum alone", lambda good: archives.sealed(b""), ["is not an icegen archive: no zip file"]),
    ("text with a checksum", lambda good: archives.sealed(b"text" * 99), ["is not an icegen archive: no zip file"]),
    ("directory beyond the end", lambda good: archives.sealed(good[:-92] + b"\xff\xff\xff\x7f" + good[-88:-86]),
     ["is not an icegen archive: zip entry beyond the file"]),
]  # fmt: skip

# Other entries: name, changes, compression, words.
PACKINGS = [
    ("compressed", {}, zipfile.ZIP_DEFLATED, ["is not an icegen archive: compressed entry model/extra/icegen.json"]),
    ("without metadata", {"icegen.json": None}, zipfile.ZIP_STORED, ["is not an icegen archive: no entry /extra/icegen.json"]),
    ("without mask", {"ocean.u1": None}, zipfile.ZIP_STORED, ["is not an icegen archive: no entry /extra/ocean.u1"]),
    ("short mask", {"ocean.u1": b"1" * 63}, zipfile.ZIP_STORED, ["8 x 8 cells has a mask of 63"]),
    ("metadata in prose", {"icegen.json": b"Ice!"}, zipfile.ZIP_STORED, ["does not follow the archive contract"]),
    ("metadata in a list", {"icegen.json": b"[1]"}, zipfile.ZIP_STORED, ["does not follow the archive contract"]),
]  # fmt: skip

# Weights' files: name, change of the content of a good one, words.
LINKS = 3
WEIGHTS = [
    ("of second order", {"num_wgts": 3}, ["num_wgts is 3; wanted 1"]),
    ("without links", {"num_links": None}, ["it has no dimension num_links; wanted that of SCRIP, or n_s of ESMF"]),
    ("without source grid", {"src_grid_size": None}, ["no dimension src_grid_size"]),
    ("of another grid", {"src_grid_size": 7}, ["it is from a grid of 7 cells; the archive has 64"]),
    ("without sources", {"src_address": None}, ["it has no variable src_address; wanted that of SCRIP, or col of ESMF"]),
    ("without weights", {"remap_matrix": None}, ["it has no variable remap_matrix"]),
    ("from cell 0", {"src_address": [1, 0, 3]}, ["link 2 is from cell 0 to cell 2", "wanted cells 1 to 64 and 1 to 5"]),
    ("from no cell", {"src_address": [1, 65, 3]}, ["link 2 is from cell 65 to cell 2"]),
    ("to no cell", {"dst_address": [1, 2, 6]}, ["link 3 is from cell 3 to cell 6"]),
    ("weight that is no number", {"remap_matrix": [1.0, np.nan, 1.0]}, ["with weight nan", "a finite weight"]),
    ("endless weight", {"remap_matrix": [1.0, 1.0, np.inf]}, ["with weight inf"]),
    ("too few sources", {"src_address": [1, 2]}, ["src_address has 1 dimensions, the first of 2; wanted a number for each of 3 links"]),
    ("a cube of sources", {"src_address": np.ones((3, 1, 2), int)}, ["src_address has 3 dimensions, the first of 3; wanted a number for each of 3 links"]),
    ("weights of two columns", {"remap_matrix": np.ones((3, 2))}, ["remap_matrix has 2 dimensions, the first of 3; wanted a number for each of 3 links"]),
    ("weights in letters", {"remap_matrix": np.array([b"a", b"b", b"c"])}, ["remap_matrix: NetCDF: "]),
]  # fmt: skip

POINTS = f"{LON} {LAT}"
SLOT2 = "request 2 4 2 2001 60"
STATE = "set_state 'icegen-state 1 archive {{sha256}} seed {} steps {} condition date'"
STATE2 = "set_state 'icegen-state 2 archive {{sha256}} seed 1 steps 2 condition date history {} years {} calendar {}'"
DISAGREE = "the ranks do not call with the same arguments: rank 1 has "

# Calls on an open emulator: name, calls of which the last is refused, words.
CALLS = [
    ("target without name", [f"target null 3 {POINTS} degrees nearest 0"], ["target is a null pointer"]),
    ("empty name", [f"target '' 3 {POINTS} degrees nearest 0"], ["the target's name is empty"]),
    ("target twice", [f"target T 3 {POINTS} degrees nearest 0"], ["target 'T' exists already"]),
    ("another name on one rank", [f"target U@1=V 3 {POINTS} degrees nearest 0"], [DISAGREE, "target V, ", "; the first rank has target U, "]),
    ("points below 0", [f"target U 3@1=-1 {POINTS} degrees nearest 0"], ["on rank 1: target 'U' has -1 points; wanted 0"]),
    ("too many points", [f"target U 4294967296 {POINTS} degrees nearest 0"], ["has 4294967296 points; wanted 0 to 2147483647"]),
    ("lon null", [f"target U 3 null {LAT} degrees nearest 0"], ["lon is a null pointer"]),
    ("lat null on one rank", [f"target U 3 {LON} {LAT}@1=null degrees nearest 0"], ["on rank 1: lat is a null pointer"]),
    ("lon not a number", [f"target U 3 {LON}@1=1,nan,3 {LAT} degrees nearest 0"], ["on rank 1: ", "lon of point 2 is nan; wanted -1080 to 1080 degrees"]),
    ("lon too far", [f"target U 3 1,2,2000 {LAT} degrees nearest 0"], ["lon of point 3 is 2000; wanted -1080 to 1080 degrees"]),
    ("lat beyond the pole", [f"target U 3 {LON} {LAT}@1=91,1,1 degrees nearest 0"], ["on rank 1: ", "lat of point 1 is 91; wanted -90 to 90 degrees"]),
    ("endless lat", [f"target U 3 {LON} 1,-inf,1 degrees nearest 0"], ["lat of point 2 is -inf; wanted -90 to 90"]),
    ("degrees as radians", [f"target U 3 {POINTS} radians nearest 0"], ["lat of point 1 is 89; wanted -1.5707963267949 to 1.5707963267949 radians"]),
    ("units null", [f"target U 3 {POINTS} null nearest 0"], ["units is a null pointer"]),
    ("unknown units", [f"target U 3 {POINTS} grad nearest 0"], ["units is 'grad'; wanted 'degrees' or 'radians'"]),
    ("other units on one rank", [f"target U 3 {POINTS} degrees@1=radians nearest 0"], [DISAGREE, "units radians", "the first rank has target U, units degrees"]),
    ("method null", [f"target U 3 {POINTS} degrees null 0"], ["method is a null pointer"]),
    ("unknown method", [f"target U 3 {POINTS} degrees cubic 0"], ["method is 'cubic'; wanted 'bilinear' or 'nearest'"]),
    ("distance below 0", [f"target U 3 {POINTS} degrees nearest -5"], ["distance is -5 km; wanted 0 or more"]),
    ("distance not a number", [f"target U 3 {POINTS} degrees nearest nan"], ["distance is nan km; wanted 0 or more"]),
    ("weights null", [f"weights U 3 {POINTS} degrees null 1,2,3"], ["weights is a null pointer"]),
    ("no weights' file", [f"weights U 3 {POINTS} degrees nowhere.nc 1,2,3"], ["weights nowhere.nc: it cannot be opened: No such file"]),
    ("text for weights", [f"weights U 3 {POINTS} degrees {{folder}}/good.nml 1,2,3"], ["good.nml: it cannot be opened: NetCDF: "]),
    ("cells null on one rank", [f"weights U 3 {POINTS} degrees {{folder}}/good.nc 1,2,3@1=null"], ["on rank 1: cells is a null pointer"]),
    ("cell below 0", [f"weights U 3 {POINTS} degrees {{folder}}/good.nc 1,-2,3"], ["cell of point 2 is -2; the weights are for 1 to 5"]),
    ("cell too far on one rank", [f"weights U 3 {POINTS} degrees {{folder}}/good.nc 1,2,3@1=1,2,6"], ["on rank 1: cell of point 3 is 6; the weights are for 1 to 5"]),
    ("no member", ["request 2 1 0 2001 60"], ["members is 0; wanted at least 1"]),
    ("too many members", ["request 2 1 2147483647 2001 60"], ["members is 2147483647; wanted at most 1000000"]),
    ("member 0", ["request 2 0 1 2001 60"], ["first_member is 0; wanted 1 to 2146483647"]),
    ("slot 0", ["request 0 1 1 2001 60"], ["slot is 0; wanted 1 or more"]),
    ("day 0", ["request 2 1 1 2001 0"], ["day_of_year is 0; wanted 1 to 365 in 2001 of the calendar 'standard'"]),
    ("day 366 of 2001", ["request 2 1 1 2001 366"], ["day_of_year is 366; wanted 1 to 365 in 2001"]),
    ("no year", ["request 2 1 1 0 60"], ["year is 0; wanted 1 to 9999"]),
    ("year before all", ["request 2 1 1 1800 60"], ["year is 1800; this archive takes 1979 to 2100"]),
    ("another day on one rank", ["request 1 1 1 2001 60@1=61"], [DISAGREE, "day_of_year 61", "day_of_year 60"]),
    ("test of nothing", ["test 3 -"], ["slot 3 is empty: nothing was requested in it, or the request was refused"]),
    ("ready null on one rank", ["test 1 -@1=null"], ["on rank 1: ready is a null pointer"]),
    ("target null", ["receive 1 null sic 1 3 -"], ["target is a null pointer"]),
    ("unknown target", ["receive 1 U sic 1 3 -"], ["unknown target 'U'; add it with add_target"]),
    ("variable null", ["receive 1 T null 1 3 -"], ["variable is a null pointer"]),
    ("unknown variable", ["receive 1 T snow 1 3 -"], ["unknown variable 'snow'; this archive has sic, sit, sit_ice, blend"]),
    ("another variable on one rank", ["receive 1 T sic@1=sit 1 3 -"], [DISAGREE, "variable sit", "variable sic"]),
    ("member not requested", ["receive 1 T sic 4 3 -"], ["member is 4; the request was for 1 to 3"]),
    ("member of another slot", [SLOT2, "receive 2 T sic 1 3 -"], ["member is 1; the request was for 4 to 5"]),
    ("slot without request", ["receive 2 T sic 1 3 -"], ["slot 2 is empty: nothing was requested in it, or the request was refused"]),
    ("arrays too small on one rank", ["receive 1 T sic 1 3@1=2 -"], ["on rank 1: target 'T' has 3 points here; the arrays hold 2"]),
    ("arrays below 0", ["receive 1 T sic 1 -3 -"], ["target 'T' has 3 points here; the arrays hold -3"]),
    ("values null on one rank", ["receive 1 T sic 1 3 -@1=null"], ["on rank 1: values is a null pointer"]),
    ("given to no target", ["give null sic 3 .5,.5,.5"], ["target is a null pointer"]),
    ("given to an unknown target", ["give U sic 3 .5,.5,.5"], ["unknown target 'U'; add it with add_target"]),
    ("given without a name", ["give T null 3 .5,.5,.5"], ["variable is a null pointer"]),
    ("unknown variable given", ["give T snow 3 .5,.5,.5"], ["variable 'snow' cannot be given; wanted one of sic, sit"]),
    ("derived variable given", ["give T sit_ice 3 .5,.5,.5"], ["variable 'sit_ice' cannot be given; wanted one of sic, sit"]),
    ("increment given", ["give T sic_increment 3 .5,.5,.5"], ["variable 'sic_increment' cannot be given"]),
    ("another variable given on one rank", ["give T sic@1=sit 3 .5,.5,.5"], [DISAGREE, "target T, variable sit", "target T, variable sic"]),
    ("too few values given on one rank", ["give T sic 3@1=2 .5,.5,.5"], ["on rank 1: target 'T' has 3 points here; the arrays hold 2"]),
    ("values given below 0", ["give T sic -1 .5,.5,.5"], ["target 'T' has 3 points here; the arrays hold -1"]),
    ("null given on one rank", ["give T sic 3 .5,.5,.5@1=null"], ["on rank 1: values is a null pointer"]),
    ("no number given on one rank", ["give T sic 3 .5,.5,.5@1=.5,nan,.5"], ["on rank 1: sic of point 2 is nan; wanted -1024 to 1024"]),
    ("endless ice given", ["give T sit 3 .5,.5,inf"], ["sit of point 3 is inf; wanted -1024 to 1024"]),
    ("more than any ice given on one rank", ["give T sit 3 0,0,0@1=0,1e30,0"], ["on rank 1: sit of point 2 is 1e+30; wanted -1024 to 1024"]),
    ("given twice", ["give T sic 3 .5,.5,.5", "give T sic 3 .6,.6,.6"], ["sic was given already; the next call of perturb takes it"]),
    ("level above 1", ["perturb 2 1 1 1.5 2001 60"], ["level is 1.5; wanted 0 to 1"]),
    ("level below 0", ["perturb 2 1 1 -.1 2001 60"], ["level is -0.1; wanted 0 to 1"]),
    ("level that is no number", ["perturb 2 1 1 nan 2001 60"], ["level is nan; wanted 0 to 1"]),
    ("another level on one rank", ["perturb 2 1 1 .3@1=.30000001 2001 60"], [DISAGREE, "level 0.30000000999999998", "level 0.29999999999999999"]),
    ("perturbation that contract 1 lacks", ["give T sic 3 .5,.5,.5", "perturb 2 1 1 .3 2001 60"], ["an archive of contract 1 cannot perturb; wanted one of contract 2"]),
    ("increments of a request", ["receive 1 T sic_increment 1 3 -"], ["sic_increment is known after perturb; slot 1 holds a request"]),
    ("increments of a factor", ["receive 1 T blend_increment 1 3 -"], ["unknown variable 'blend_increment'"]),
    ("the given state of a request", ["receive 1 T sic 0 3 -"], ["member is 0; the request was for 1 to 3"]),
    ("state null", ["get_state 256 null"], ["state is a null pointer"]),
    ("small state on one rank", ["get_state 256@1=20 -"], ["on rank 1: state holds 20 characters; wanted at least 256"]),
    ("nothing for a state", ["set_state ''"], ["state is ''; wanted one of icegen_get_state"]),
    ("state of the future", ["set_state 'icegen-state 9'"], ["state is of version 9; this icegen reads 1 and 2"]),
    ("half a state", ["set_state 'icegen-state 1 archive {sha256}'"], ["state 'icegen-state 1 archive", "is damaged"]),
    ("state with a bad seed", [STATE.format(-1, 2)], ["seed -1", "is damaged"]),
    ("state with a huge seed", [STATE.format("9" * 20, 2)], ["is damaged"]),
    ("state without steps", [STATE.format(1, 0)], ["steps 0", "is damaged"]),
    ("state with half its dates", ["set_state 'icegen-state 2 archive {sha256} seed 1 steps 2 condition date history independent years'"], ["is damaged"]),
    ("state with an unknown calendar", [STATE2.format("independent", "given", "lunar")], ["calendar lunar", "is damaged"]),
    ("state with a year that the archive lacks", [STATE2.format("independent", 1850, "standard")], ["years 1850", "is damaged"]),
    ("state with a history that the archive lacks", [STATE2.format("continuous", "given", "standard")], ["is damaged"]),
    ("state of another archive", [f"set_state 'icegen-state 1 archive {DIGEST} seed 1 steps 2 condition date'"],
     ["state is of the archive 0123456789ab...; this one is {sha256:.12}..."]),
    ("negative area", ["categories 2 0.5,-0.5 1,1 2 0,1,2"], ["area of point 2 is -0.5; wanted 0 or more"]),
    ("volume not a number", ["categories 1 0.5 nan 2 0,1,2"], ["volume of point 1 is nan; wanted 0 or more"]),
    ("no category", ["categories 1 0.5 1 0 0"], ["there are 0 categories; wanted at least 1"]),
    ("bounds that fall", ["categories 1 0.5 1 3 0,2,1,9"], ["bound 3 of the categories is 1 m; wanted more than 2"]),
    ("a first bound below 0", ["categories 1 0.5 1 2 -1,1,2"], ["the first bound is -1 m; wanted 0 to less than 20"]),
    ("bounds that begin beyond all ice", ["categories 1 0.5 1 2 25,30,35"], ["the first bound is 25 m; wanted 0 to less than 20"]),
    ("a last bound that is no number", ["categories 1 0.5 1 2 0,1,nan"], ["bound 3 of the categories is nan m; wanted more than 1"]),
    ("more volume than a cell holds", ["categories 2 0.5,1 1,30 2 0,1,99"], ["volume of point 2 is 30 m; wanted at most 20"]),
    ("bounds null", ["categories 1 0.5 1 2 null"], ["an array of the categories is a null pointer"]),
]  # fmt: skip

OPENS = [
    ("no namelist", "open null world", ARGUMENT, ["namelist is a null pointer"]),
    ("no namelist on the first rank", "open null@1={folder}/good.nml world", ARGUMENT, ["namelist is a null pointer"]),
    ("missing namelist", "open nowhere.nml world", NAMELIST, ["namelist nowhere.nml: ", "No such file"]),
    ("a folder for a namelist", "open {folder} world", NAMELIST, ["namelist {folder} is a folder; wanted a file"]),
    ("no communicator", "open {folder}/good.nml nothing", ARGUMENT, ["comm is MPI_COMM_NULL; wanted a communicator"]),
    (
        "a number for a communicator",
        "open {folder}/good.nml 123456789",
        ARGUMENT,
        ["comm is 123456789, which is no communicator"],
    ),
    ("a freed communicator", "open {folder}/good.nml freed", ARGUMENT, ["comm is ", ", which is no communicator"]),
    ("inter-communicator", "open {folder}/good.nml inter", ARGUMENT, ["is an inter-communicator; wanted an intra-"]),
]


def write_weights(path: Path, change: dict) -> None:
    """Weights from the archive's first cells to a grid of five cells; entries that are None are left out."""
    sizes = {"num_links": LINKS, "num_wgts": 1, "src_grid_size": CELLS**2, "dst_grid_size": 5}
    columns = {"src_address": [1, 2, 3], "dst_address": [1, 2, 3], "remap_matrix": [1.0, 1.0, 1.0]}
    with netCDF4.Dataset(path, "w") as nc:
        for name, size in (sizes | change).items():
            if name in sizes and size is not None:
                nc.createDimension(name, size)
        for name, values in (columns | change).items():
            if name not in columns or values is None:
                continue
            values = np.asarray(values)
            for axis, size in enumerate(values.shape):
                nc.createDimension(f"{name}_{axis}", size)
            nc.createVariable(name, values.dtype, [f"{name}_{axis}" for axis in range(values.ndim)])[:] = values


def slug(name: str) -> str:
    return name.replace(" ", "_")


def opening(kind: str, name: str, status: int, words: list[str], write: Callable[[Path, Path], None]) -> Case:
    """A case of opening by a namelist; `write` makes it, given the good archive and the path of the namelist."""
    path = f"{slug(kind)}_{slug(name)}.nml"
    return Case(
        f"{kind}: {name}", (f"open {{folder}}/{path} world",), status, tuple(words),
        opens=True, write=lambda folder: write(folder / "good.pt", folder / path),
    )  # fmt: skip


def with_entries(name: str, entries: dict, status: int, words: list[str]) -> Case:
    def write(good: Path, path: Path) -> None:
        bridge.namelist(path, **{"archive": str(good)} | entries)

    return opening("namelist", name, status, words, write)


def with_text(name: str, text: bytes, words: list[str]) -> Case:
    return opening("namelist", name, NAMELIST, words, lambda good, path: path.write_bytes(text))


def with_archive(name: str, damage: Callable[[Path, Path], None], words: list[str]) -> Case:
    """A namelist that names an archive, which `damage` makes of the good one."""

    def write(good: Path, path: Path) -> None:
        bridge.namelist(path, archive=str(path.with_suffix(".pt")))
        damage(good, path.with_suffix(".pt"))

    return opening("archive", name, ARCHIVE, words, write)


def with_bytes(name: str, change: Callable[[bytes], bytes], words: list[str]) -> Case:
    return with_archive(name, lambda good, path: path.write_bytes(change(good.read_bytes())), words)


def with_metadata(name: str, change: dict, words: list[str]) -> Case:
    """Changes of the grid's mapping and of its dx are merged with what is there."""

    def damage(good: Path, path: Path) -> None:
        entries = archives.unpack(good)
        metadata = json.loads(entries["icegen.json"])
        grid = metadata["grid"]
        if "mapping" in change:
            metadata["grid"] = grid | {"mapping": grid["mapping"] | change["mapping"]}
        elif "dx" in change.get("grid", {}):
            metadata["grid"] = grid | change["grid"]
        else:
            metadata |= change
        archives.pack(path, entries | {"icegen.json": json.dumps(metadata)})

    return with_archive(name, damage, words)


def with_packing(name: str, change: dict, compression: int, words: list[str]) -> Case:
    """Changes of the entries; None leaves one out."""

    def damage(good: Path, path: Path) -> None:
        entries = {k: v for k, v in (archives.unpack(good) | change).items() if v is not None}
        archives.pack(path, entries, compression)

    return with_archive(name, damage, words)


def with_weights(name: str, change: dict, words: list[str]) -> Case:
    path = f"weights_{slug(name)}.nc"
    call = f"weights W 3 {POINTS} degrees {{folder}}/{path} 1,2,3"
    return Case(
        f"weights: {name}", (call,), ARGUMENT, tuple(words), write=lambda folder: write_weights(folder / path, change)
    )


CASES = [
    *(Case(f"open: {name}", (call,), status, tuple(words), opens=True) for name, call, status, words in OPENS),
    *(with_entries(*row) for row in NAMELISTS),
    *(with_text(*row) for row in NAMELIST_FILES),
    *(with_metadata(*row) for row in METADATA),
    *(with_bytes(*row) for row in FILES),
    *(with_packing(*row) for row in PACKINGS),
    *(with_weights(*row) for row in WEIGHTS),
    *(Case(f"call: {name}", tuple(calls), ARGUMENT, tuple(words)) for name, calls, words in CALLS),
]
