# SPDX-License-Identifier: MIT
"""Training of the models: from a prepared file to checkpoints, and the settings."""
