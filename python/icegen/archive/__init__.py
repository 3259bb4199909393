# SPDX-License-Identifier: MIT
"""The archive: one TorchScript file with a whole generative model inside. torchscript/README.md states its contract.

``format`` reads and writes the file, ``archive`` runs it, ``export`` makes it from checkpoints.
"""

from icegen.archive.archive import PRECISIONS, Archive, autocast, load
from icegen.archive.format import CONTRACT, FORMAT, Description, describe, save

__all__ = ["CONTRACT", "FORMAT", "PRECISIONS", "Archive", "Description", "autocast", "describe", "load", "save"]
