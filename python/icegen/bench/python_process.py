# SPDX-License-Identifier: MIT
"""A Python process that samples and prints its peak memory, MB: `python -m icegen.bench.python_process SETTINGS`."""

import json
import sys

import torch

import icegen
from icegen.bench import process


def main(archive: str, threads: int, steps: int, year: int, day: int) -> None:
    """Generate two members, one after the other as a host asks for them."""
    torch.set_num_threads(threads)
    loaded = icegen.load(archive)
    dated = bool(loaded.metadata["condition"])
    for member in (1, 2):
        loaded.generate([member], steps=steps, year=year if dated else None, day_of_year=day if dated else None)
    sys.stdout.write(json.dumps({"peak": process.peak_memory()}) + "\n")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
