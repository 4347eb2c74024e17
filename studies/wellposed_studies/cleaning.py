"""Deleting what no current version of a study uses."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from . import atomic, layout
from .store import Store
from .study import Source


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
            n_bytes += sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
            if not dry_run:
                shutil.rmtree(folder)
        return Removed(n_cells, n_runs, n_bytes)


def _version_of(run: Path) -> int | None:
    try:
        return int(json.loads((run / "manifest.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
