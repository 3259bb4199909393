# SPDX-License-Identifier: MIT
"""Maps and time series of sea ice."""
