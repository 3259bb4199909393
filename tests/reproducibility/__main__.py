# SPDX-License-Identifier: MIT
"""What ci/golden runs."""

import argparse
import sys

import torch

import icegen
from reproducibility import golden, machines

parser = argparse.ArgumentParser(
    prog="ci/golden",
    description="Write the golden data of all shipped archives into tests/reproducibility/golden, and remove those of "
    "archives that ship no more.",
)
parser.add_argument("--table", metavar="ARCHIVE", help="print instead how far its samples move on other machines")
arguments = parser.parse_args()
torch.set_num_threads(1)
try:
    if arguments.table is None:
        lines = map(str, golden.write_all())
    else:
        archive = icegen.load(arguments.table)
        lines = machines.table(archive, archive.default_steps)
except ValueError as error:
    parser.error(str(error))
for line in lines:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
