# SPDX-License-Identifier: MIT
"""The version of icegen. setup.py and CMakeLists.txt read it here."""

__version__ = "0.2.0"
