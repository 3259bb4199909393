# SPDX-License-Identifier: MIT
"""An archive's model as plain PyTorch: float32, in the default memory layout."""

import dataclasses

from icegen.archive import Archive
from icegen.archive.rebuild import rebuild
from icegen.model.generative_model import GenerativeModel
from icegen.model.sampler import SamplerName
from icegen.training.config import from_stored


def eager(archive: Archive, sampler: SamplerName = "heun") -> GenerativeModel:
    """The archive's model as plain PyTorch in the default memory layout, with one of the samplers.

    Raises ValueError for an archive of a version of icegen with other modules.
    """
    config = from_stored(archive.metadata["provenance"]["configuration"], archive.path)
    return rebuild(archive, dataclasses.replace(config.sampler, name=sampler))[0]
