"""Deleting what no current version of a study uses."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ..errors import Damaged
from ..study import Source
from . import atomic, layout
from .reading import read_json
from .store import Store


@dataclass(frozen=True)
class Removed:
    """What was deleted, or would be."""

    n_cells: int
    n_runs: int
    n_bytes: int


def clean_study(source: Source, root: Path, *, dry_run: bool) -> Removed:
    """Delete cells and runs of other versions of a study, damaged files, and leftovers.

    Parameters
    ----------
    source : Source
    root : Path
        The results folder. A run that is writing to it is waited for.
    dry_run : bool
        Count only.
    """
    with atomic.explained(root), FileLock(layout.lock_file(root, source.name)):
        version = source.study.version
        store = Store(layout.cells_folder(root, source.name))
        n_cells, n_bytes = store.clean(version, dry_run=dry_run)
        n_runs = 0
        for folder in sorted(layout.runs_folder(root, source.name).glob("*")):
            if _version_of(folder) == version:
                continue
            n_runs += 1
            n_bytes += sum(f.lstat().st_size for f in folder.rglob("*"))
            if dry_run:
                continue
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
            else:
                folder.unlink()
        return Removed(n_cells, n_runs, n_bytes)


def _version_of(run: Path) -> int | None:
    """The version of the study that a run is of; None if it is damaged.

    Raises
    ------
    Damaged
        If the manifest is there and may not be read: it may be sound.
    """
    try:
        version = read_json(run / layout.MANIFEST)["version"]
    except Damaged as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return None
    except (OSError, KeyError, TypeError):
        return None
    return version if isinstance(version, int) else None
