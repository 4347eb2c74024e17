"""Running a study: what is missing is computed and stored, then tables and verdicts are made."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from .errors import Damaged, StudyError
from .escaping import visible
from .judging.verdicts import judge
from .loading.data import Selection
from .running.executors import Executor, make_executor
from .running.measuring import Measure, Outcome
from .running.plan import Plan, make_plan
from .running.progress import Progress
from .running.warned import tell
from .storing import atomic, layout
from .storing.encoding import to_tables
from .storing.manifest import describe_run
from .storing.reading import read_manifest
from .storing.results import Results
from .storing.store import Store, parquet_bytes, record_of

logger = logging.getLogger(__name__)

#: A run stops when this many of its cells have failed: it is then the study that is broken.
MAX_FAILURES = 20
_HOPELESS = 3  # failures of the first cells, where none has succeeded


class CellsFailed(StudyError):
    """Some cells failed; those that did not are stored."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace


class Interrupted(StudyError):
    """The run was interrupted; finished cells are stored."""

    exit_code = 130


def run(
    selection: Selection,
    results: str | os.PathLike[str] = layout.DEFAULT,
    *,
    n_jobs: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
    reuse: str | os.PathLike[str] | None = None,
) -> Results:
    """Compute the cells that are missing, store each as it is done, and finish the tables.

    Parameters
    ----------
    selection : Selection
        The study, profile, seed and data.
    results : path
        The results folder. A second run on it waits until the first one is done.
    n_jobs : int
        Number of processes; the tables do not depend on it.
    executor : Executor or None
        Another way to compute cells.
    progress : Progress or None
        Who watches.
    reuse : path or None
        Another results folder. What it has of the missing cells, computed by the same text of the
        study, is copied and not computed again.

    Returns
    -------
    Results
        The finished tables.

    Raises
    ------
    CellsFailed
        If the study's code raised in some cells.
    Interrupted
        On Ctrl-C.
    StoreError
        If the results folder cannot be written to.
    WorkerDied
        If a process that computes cells was killed.
    StudyError
        If the study, its data or its derived tables are not what they should be.
    """
    progress = progress or Progress()
    executor = executor or make_executor(n_jobs)
    plan = make_plan(selection)
    root = Path(results)
    name = plan.source.name
    for folder in (layout.cells_folder, layout.runs_folder, layout.history_folder):
        atomic.make_folder(folder(root, name))
    _check_pointer(layout.latest_file(root, name))
    with _locked(layout.lock_file(root, name), progress):
        started = datetime.now(UTC)
        run_id = f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        manifest = describe_run(plan, started.isoformat(timespec="seconds"), n_jobs)
        record = layout.history_file(root, name, run_id)
        atomic.write(record, _json(manifest | {"finished": None}))
        store = Store(layout.cells_folder(root, name))
        store.discard_unusable()
        copied = _copy_cells(plan, store, root, reuse)
        if copied and reuse is not None:
            manifest["reused"] = {"folder": os.path.realpath(reuse), "cells": copied}
        _warn_if_code_changed(store, plan)
        _compute_missing(plan, store, executor, run_id, progress)
        finished = _finish(plan, store, manifest, root, run_id)
        atomic.write(record, _json(finished.manifest))
    return finished


def _by_experiment(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes that are stored together: what other experiments measure must not matter."""
    parted: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        parted.setdefault(outcome.cell.experiment, []).append(outcome)
    return parted


def _check_pointer(path: Path) -> None:
    """Refuse a folder where the pointer to the last run is to be written, before computing."""
    if path.is_dir() and not path.is_symlink():
        raise Damaged(f"{visible(path)} is a folder; expected a file. Delete it.")


@contextlib.contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the study's lock, waiting for another run to finish if there is one."""
    lock = FileLock(path)
    with contextlib.ExitStack() as stack:
        with atomic.explained(path.parent):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress.waiting()
                logger.info("another run is writing to %s; waiting for it", path.parent)
                lock.acquire()
        stack.callback(lock.release)
        yield


def _copy_cells(
    plan: Plan,
    store: Store,
    root: Path,
    reuse: str | os.PathLike[str] | None,
) -> int:
    """Copy missing cells that the same code computed for another results folder; how many."""
    name = plan.source.name
    if reuse is None or os.path.realpath(reuse) == os.path.realpath(root):
        return 0
    missing = {cell.key for cell in plan.cells} - store.keys()
    known = {"version": str(plan.source.study.version), "code": plan.source.code}
    try:
        return store.copy(Store(layout.cells_folder(Path(reuse), name)), missing, known)
    except Damaged as error:
        logger.warning("no cells are taken from %s: %s", visible(reuse), error)
        return 0


def _compute_missing(
    plan: Plan, store: Store, executor: Executor, run_id: str, progress: Progress
) -> None:
    """Run what the store does not have, and store every outcome as it comes."""
    stored = store.keys()
    missing = [cell for cell in plan.cells if cell.key not in stored]
    progress.started(len(plan.cells), len(plan.cells) - len(missing))
    record = {
        "version": str(plan.source.study.version),
        "code": plan.source.code,
        "run": run_id,
    }
    measure = Measure(plan.selection, plan.source.code)
    failed: list[Outcome] = []
    warned: Counter[str] = Counter()
    done, stopped = 0, False
    try:
        with contextlib.closing(executor.run(measure, missing)) as stream:
            for outcomes in stream:
                good = [outcome for outcome in outcomes if outcome.measured is not None]
                bad = [outcome for outcome in outcomes if outcome.measured is None]
                if bad and not failed:
                    logger.warning("a cell has failed: %s: %s", _which(bad[0]), bad[0].error)
                failed += bad
                for name, those in _by_experiment(good).items():
                    store.add(those, record | {"experiment": name})
                done += len(good)
                for outcome in outcomes:
                    warned.update(outcome.warned)
                progress.advanced(len(outcomes))
                if stopped := len(failed) >= (MAX_FAILURES if done else _HOPELESS):
                    break
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted: {done} of {len(missing)} missing cells were computed and stored. The "
            "same command goes on from here."
        ) from None
    finally:
        tell(warned)
    if failed:
        kinds = Counter(outcome.error for outcome in failed)
        message, count = kinds.most_common(1)[0]
        raise CellsFailed(
            f"{len(failed)} of {len(missing)} cells failed, most often ({count}) with: {message}."
            f"{' The run was stopped early.' if stopped else ''} {done} new cells are stored, the "
            "failed ones are tried again by the next run. "
            f"The first to fail was {_which(failed[0])}.",
            failed[0].trace,
        )


def _which(outcome: Outcome) -> str:
    cell = outcome.cell
    return f"{cell.experiment} on {cell.data_name}, {cell.params}, repetition {cell.repetition}"


def _warn_if_code_changed(store: Store, plan: Plan) -> None:
    """Warn where cells of this version were computed by another text of the study's file."""
    study = plan.source.study
    records = [record_of(part) for part in store.parts(["key"])]
    if any(
        record.get("version") == str(study.version) and record.get("code") != plan.source.code
        for record in records
    ):
        logger.warning(
            "%s has changed since some of its stored cells were computed, and is still version "
            "%d. If what an experiment, `prepare` or a loader computes has changed, raise its "
            "`version`: the stored cells are used as they are.",
            plan.source.path,
            study.version,
        )


def _finish(plan: Plan, store: Store, manifest: dict[str, Any], root: Path, run_id: str) -> Results:
    """Write tables, verdicts and manifest to a new folder, then make it the latest run."""
    name = plan.source.name
    parts = list(store.parts())
    wanted = {cell.key for cell in plan.cells}
    computed_by: Counter[str] = Counter()
    for part in parts:
        mine = sum(key in wanted for key in part.column("key").to_pylist())
        if mine:
            computed_by[record_of(part).get("run", "unknown")] += mine
    folder = layout.run_folder(root, name, plan.selection.profile, run_id)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = manifest | {"finished": finished, "computed_by": dict(sorted(computed_by.items()))}
    try:
        timings = [
            _write_tables(plan, experiment, parts, folder) for experiment in plan.experiments
        ]
        atomic.write(folder / layout.TIMINGS, parquet_bytes(pa.concat_tables(timings)))
        atomic.write(folder / layout.MANIFEST, _json(manifest))
        results = Results(folder, plan.source)
        _derive(results)
        write_verdicts(results)
        listed = manifest | {"files": layout.table_files(folder)}
        atomic.write(folder / layout.MANIFEST, _json(listed))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atomic.write(layout.latest_file(root, name), _json({"run": folder.name}))
    _delete_superseded(folder, manifest)
    return results


def _write_tables(plan: Plan, experiment: str, parts: list[pa.Table], folder: Path) -> pa.Table:
    """Write the tables of an experiment; the seconds of each of its cells."""
    cells = [cell for cell in plan.cells if cell.experiment == experiment]
    factors = plan.experiments[experiment]["factors"]
    mine = [part for part in parts if record_of(part).get("experiment") == experiment]
    tables, arrays, timings = to_tables(cells, factors, mine)
    for kind, content in ((layout.TABLES, tables), (layout.ARRAYS, arrays)):
        atomic.make_folder(folder / kind / experiment)
        for name, table in sorted(content.items()):
            file = folder / layout.table_file(kind, name, experiment)
            atomic.write(file, parquet_bytes(table))
    columns = {
        "experiment": pa.array([experiment] * len(timings)),
        "data": timings["data"],
        "repetition": timings["repetition"],
        "params": pa.array([json.dumps(row) for row in timings.select(factors).to_pylist()]),
        "seconds": timings["seconds"],
    }
    return pa.table(columns)


def _derive(results: Results) -> None:
    """Compute and write the tables that a study derives from all cells."""
    for name, function in results.source.study.derived_tables.items():
        try:
            frame = function(results)
        except Exception as error:
            raise StudyError(
                f"the derived table {name!r} of {results.name} cannot be computed: "
                f"{type(error).__name__}: {error}. All cells are stored; mend the study and run "
                "again."
            ) from error
        table = pa.Table.from_pandas(frame, preserve_index=False)
        file = results.folder / layout.table_file(layout.TABLES, name)
        atomic.write(file, parquet_bytes(table))


def write_verdicts(results: Results) -> pd.DataFrame:
    """Test the study's claims and write the verdicts beside the tables."""
    verdicts = judge(results)
    table = pa.Table.from_pandas(verdicts, preserve_index=False)
    record = {**(table.schema.metadata or {}), b"code": results.source.code.encode()}
    content = parquet_bytes(table.replace_schema_metadata(record))
    atomic.write(results.folder / layout.VERDICTS, content)
    return verdicts


def _delete_superseded(folder: Path, manifest: dict[str, Any]) -> None:
    """Delete the folders of earlier runs of the same plan; others stay until they are cleaned."""
    for other in folder.parent.iterdir():
        if other.name == folder.name:
            continue
        try:
            plan = read_manifest(other)["plan"]
        except (OSError, Damaged):
            plan = manifest["plan"]
        if plan == manifest["plan"]:
            shutil.rmtree(other, ignore_errors=True)


def _json(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if any("\ud800" <= c <= "\udfff" for c in text):
        text = json.dumps(value, indent=2) + "\n"  # bytes of a file name that are no UTF-8
    return text.encode()
