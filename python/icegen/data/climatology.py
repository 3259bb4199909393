# SPDX-License-Identifier: MIT
"""The climatology of extent of a prepared file."""

import numpy as np

from icegen.data.extent import extent
from icegen.data.prepared_file import PreparedData


def extent_climatology(data: PreparedData) -> dict:
    """Monthly extent of the training years: mean, min, max, std over years, each [12] in m2, January first."""
    ids = [v.id for v in data.variables]
    if "sic" not in ids:
        return {}
    sic, times = ids.index("sic"), np.flatnonzero(data.training)
    if data.extent is not None:
        area = data.extent[times]
    else:
        area = np.array([extent(data.state[t, sic].astype(np.float32), data.grid.cell_area, data.grid.ocean)
                         for t in times])  # fmt: skip
    by_month = [area[data.month[times] == month] for month in range(1, 13)]
    if not all(len(values) for values in by_month):
        return {}
    return {
        "units": "m2",
        "years": [int(data.year[times].min()), int(data.year[times].max())],
        **{name: [float(f(values)) for values in by_month] for name, f in
           (("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std))},
    }  # fmt: skip
