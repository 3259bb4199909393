# SPDX-License-Identifier: MIT
"""The archives that come with icegen: inside an installed package, or in torchscript/ of a checkout."""

from pathlib import Path

DEFAULT = "arctic_observed"


def names() -> list[str]:
    """Names of the archives that came with this installation."""
    return sorted(path.stem for path in _folder().glob("*.pt"))


def find(archive: str | Path | None = None) -> Path:
    """The path of an archive given by its path, by the name of a shipped one, or not at all.

    Raises ValueError where a shipped one is wanted and not there.
    """
    name = DEFAULT if archive is None else str(archive)
    if archive is not None and (Path(name).exists() or not name.isidentifier()):
        return Path(name)
    path = _folder() / f"{name}.pt"
    if not path.is_file():
        held = ", ".join(names()) or "none"
        raise ValueError(f"there is no file {name}, and no such archive came with icegen; those that did: {held}")
    return path


def _folder() -> Path:
    package = Path(__file__).parents[1]
    packaged = package / "archives"
    return packaged if packaged.is_dir() else package.parents[1] / "torchscript"
