"""Where everything lies: results, which of a study's runs is the last one, and reports.

::

    RESULTS/STUDY/cells/        finished cells, several to a file (see `store`)
    RESULTS/STUDY/runs/RUN/     a finished run: manifest.json, verdicts.parquet, timings.parquet,
                                tables/*.parquet, arrays/*.parquet
    RESULTS/STUDY/latest.json   the name of the last finished run
    RESULTS/STUDY/history/      a manifest of every run, also of those that did not finish
    RESULTS/STUDY/.lock         held by the run that is writing
    RESULTS/reports/            rendered reports, but for those of a clone's own results

    PROJECT/NAME.qmd            a folder of documents, and what rendering makes beside them:
    PROJECT/figures/            figures, with their data and pictures to take away
    PROJECT/_output/NAME.html   what was rendered
"""

from __future__ import annotations

import os
from pathlib import Path

#: The results folder where none is named, and the environment variable that may name one.
DEFAULT, VARIABLE = "results", "WELLPOSED_RESULTS"

#: In a report's cells, that folder as the user wrote it.
WRITTEN = "WELLPOSED_RESULTS_WRITTEN"

#: What a run's folder holds.
MANIFEST, VERDICTS, TIMINGS = "manifest.json", "verdicts.parquet", "timings.parquet"
TABLES, ARRAYS = "tables", "arrays"

#: What rendering makes beside documents.
FIGURES, OUTPUT = Path("figures"), "_output"

_TABLE = ".parquet"


def results_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """The results folder: the one given, what the variable says, or the default."""
    return Path(given or os.environ.get(VARIABLE) or DEFAULT)


def option(root: Path) -> list[object]:
    """The option of a command that names the results folder, where it has to be named."""
    return [] if str(root) == DEFAULT else ["--results", root]


def written(root: Path) -> Path:
    """The results folder as commands on a page name it."""
    return Path(os.environ.get(WRITTEN) or root)


def cells_folder(root: Path, study: str) -> Path:
    return root / study / "cells"


def runs_folder(root: Path, study: str) -> Path:
    return root / study / "runs"


def run_folder(root: Path, study: str, profile: str, run: str) -> Path:
    return runs_folder(root, study) / f"{profile}-{run}"


def root_of(run: Path) -> Path:
    """The results folder that a run's folder lies in."""
    return run.parents[2]


def history_folder(root: Path, study: str) -> Path:
    return root / study / "history"


def history_file(root: Path, study: str, run: str) -> Path:
    return history_folder(root, study) / f"{run}.json"


def latest_file(root: Path, study: str) -> Path:
    return root / study / "latest.json"


def lock_file(root: Path, study: str) -> Path:
    return root / study / ".lock"


def stored_studies(root: Path) -> list[str]:
    """Names of the studies that have anything stored, sorted."""
    if not root.is_dir():
        return []
    return sorted(p.parent.name for p in root.glob("*/cells") if p.is_dir())


def table_file(kind: str, name: str, experiment: str = "") -> str:
    """A table's file in a run's folder, as a manifest lists it.

    Examples
    --------
    >>> table_file(TABLES, "slopes"), table_file(ARRAYS, "prediction", "fits")
    ('tables/slopes.parquet', 'arrays/fits/prediction.parquet')
    """
    return "/".join(filter(None, [kind, experiment, f"{name}{_TABLE}"]))


def is_table(file: str | Path) -> bool:
    return Path(file).suffix == _TABLE


def table_names(run: Path, kind: str, experiment: str = "") -> list[str]:
    """Names of the tables of a kind in a run's folder."""
    return sorted(path.stem for path in (run / kind / experiment).glob(f"*{_TABLE}"))


def table_files(run: Path) -> list[str]:
    """Every table's file in a run's folder."""
    return sorted(file.relative_to(run).as_posix() for file in run.rglob(f"*{_TABLE}"))


def cells_file(folder: Path, digest: str) -> Path:
    return folder / f"{digest}{_TABLE}"


def cells_files(folder: Path) -> list[Path]:
    """The files of finished cells in their folder."""
    return sorted(folder.glob(f"[!.]*{_TABLE}"))


def reports_folder(root: Path) -> Path:
    """Where reports on a results folder go, if it is not a clone's own."""
    return root / "reports"


def rendered_file(project: Path, name: str, fmt: str) -> Path:
    """What a document becomes when it is rendered in a folder of documents."""
    return project / OUTPUT / f"{name}.{fmt}"
