# SPDX-License-Identifier: MIT
"""What icegen costs, measured on this machine: time, memory, traffic, as ratios of two ways in one run.

It imports nothing, so that the hosts that it launches do without torch.
"""
