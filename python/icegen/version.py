# SPDX-License-Identifier: MIT
"""The version of icegen. setup.py and CMakeLists.txt read it here."""

import subprocess
from pathlib import Path

__version__ = "0.2.0"


def git_revision() -> str:
    """The revision of this source tree; unknown for an installed copy."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else "unknown"
