# SPDX-License-Identifier: MIT
"""The compiled bridge seen from Python, as a host model sees it."""
