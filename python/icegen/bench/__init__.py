# SPDX-License-Identifier: MIT
"""The cost of icegen on this machine: time, memory and traffic, as ratios of two alternatives in one run.

This module imports nothing, so that launched hosts run without torch.
"""
