"""Where the results of a study lie, and which of its runs is the last one.

::

    results/STUDY/cells/        finished cells, several to a file (see `store`)
    results/STUDY/runs/RUN/     a finished run: manifest.json, verdicts.parquet, timings.parquet,
                                tables/*.parquet, arrays/*.parquet
    results/STUDY/latest.json   the name of the last finished run
    results/STUDY/history/      a manifest of every run, also of those that did not finish
    results/STUDY/.lock         held by the run that is writing
"""

from __future__ import annotations

from pathlib import Path

#: What a run's folder holds.
MANIFEST, VERDICTS, TIMINGS = "manifest.json", "verdicts.parquet", "timings.parquet"
TABLES, ARRAYS = "tables", "arrays"


def cells_folder(root: Path, study: str) -> Path:
    return root / study / "cells"


def runs_folder(root: Path, study: str) -> Path:
    return root / study / "runs"


def history_folder(root: Path, study: str) -> Path:
    return root / study / "history"


def latest_file(root: Path, study: str) -> Path:
    return root / study / "latest.json"


def lock_file(root: Path, study: str) -> Path:
    return root / study / ".lock"


def stored_studies(root: Path) -> list[str]:
    """Names of the studies that have anything stored, sorted."""
    if not root.is_dir():
        return []
    return sorted(p.parent.name for p in root.glob("*/cells") if p.is_dir())
