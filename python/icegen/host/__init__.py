# SPDX-License-Identifier: MIT
"""The compiled bridge in Python, with the calls of a host model."""
