# SPDX-License-Identifier: MIT
"""Sea-ice data: variables, grids, sources, and the prepared files that models are trained and scored on."""
