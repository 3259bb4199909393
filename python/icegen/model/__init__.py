# SPDX-License-Identifier: MIT
"""The networks and the sampler: everything that runs inside an archive. They work on tensors only."""
