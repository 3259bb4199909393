# SPDX-License-Identifier: MIT
"""`python -m icegen` is the command line."""

from icegen.command.main import main

main()
