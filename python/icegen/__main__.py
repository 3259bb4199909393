# SPDX-License-Identifier: MIT
"""`python -m icegen` is the command line."""

from icegen.cli import main

main()
