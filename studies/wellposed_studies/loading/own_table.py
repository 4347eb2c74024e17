"""A user's own table: csv, parquet or npz, checked before a study runs on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, suggest
from ..escaping import visible
from ..study import Task
from .columns import Column, understand
from .inputs import as_frame, understand_inputs
from .npz import read_npz
from .parquet import read_parquet
from .preprocessing import as_numbers
from .sheet import normal, some
from .target import Target, understand_target
from .text import read_text

MIN_ROWS = 20
TEXT = (".csv", ".tsv", ".txt")
ENDINGS = (*TEXT, ".parquet", ".npz")


@dataclass(frozen=True)
class OwnTable:
    """A user's table that stands in for the real data sets of a study.

    Attributes
    ----------
    path : str
        A ``.csv`` (or ``.tsv``, ``.txt``), ``.parquet`` or ``.npz`` file.
    target : str
        The column (in npz: the array) with the target.
    task : {"regression", "classification"}
        What kind of target it is.
    meaning : str
        What the target was taken for, with the reason.
    notes : tuple of str
        How the file was read, and what its columns were taken for.
    n_rows : int
        Rows of the file; 0 if it was not read yet.
    """

    path: str
    target: str
    task: Task
    meaning: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    n_rows: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        """Name of the data set: the file's, without folder and ending."""
        return Path(self.path).stem


@dataclass(frozen=True)
class _Table:
    """A table that was read and understood."""

    name: str
    n_rows: int
    columns: dict[str, Column]
    set_aside: tuple[str, ...]
    notes: tuple[str, ...]


def open_table(path: str, target: str | None, task: Task | None = None) -> OwnTable:
    """Read and check a table once, and settle what kind of target it has.

    Parameters
    ----------
    path : str
        The file.
    target : str or None
        The target's name; may be left out for an npz with an array ``y``.
    task : {"regression", "classification"} or None
        None tells by the target: text, booleans, and at most 20 different whole numbers are
        classes, anything else is regression.

    Raises
    ------
    DataError
        With a sentence on what is wrong with the table and what to do.
    """
    try:
        file = Path(path).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise DataError(f"there is no file {path}: {error}.") from error
    table = _read(file, target)
    name = _target_name(table, target if target is not None else "y")
    found = _target(table, name, task)
    _, notes = understand_inputs(table.name, _others(table, name))
    return OwnTable(
        path=str(file),
        target=name,
        task=found.task,
        meaning=found.meaning,
        notes=(*table.notes, *notes),
        n_rows=table.n_rows,
    )


def describe(table: OwnTable) -> str:
    """What is in a table, in a line, and lines on how it was read.

    Raises
    ------
    DataError
        As `open_table` does.
    """
    read = _read(Path(table.path), table.target)
    names, _ = understand_inputs(read.name, _others(read, table.target))
    inputs = "1 input" if len(names) == 1 else f"{len(names)} inputs"
    line = (
        f"{read.name}: {read.n_rows} rows, {inputs} ({some(names)}), the target {table.target!r} "
        f"taken for {table.meaning}"
    )
    return "\n".join([visible(line), *(f"  - {visible(note)}" for note in table.notes)])


def load_table(table: OwnTable) -> dict[str, Any]:
    """``X`` and ``y`` of a table, and its ``inputs`` where these are not all numbers.

    Returns
    -------
    dict
        ``X``, float64 (n_samples, n_columns); ``y``, float64 or class numbers as int64. A table
        with text or holes has ``inputs``, a DataFrame, too: `wellposed_studies.loading` makes
        numbers of it with what is fitted on training rows, while ``X`` is fitted on all rows.
    """
    read = _read(Path(table.path), table.target)
    y = _target(read, table.target, table.task).y
    columns, _ = understand_inputs(read.name, _others(read, table.target))
    inputs = as_frame(columns)
    if all(dtype.kind == "f" for dtype in inputs.dtypes) and not inputs.isna().any(axis=None):
        return {"X": np.ascontiguousarray(inputs.to_numpy(dtype=np.float64)), "y": y}
    return {"X": as_numbers({"inputs": inputs}, np.arange(len(inputs))), "y": y, "inputs": inputs}


def _read(path: Path, target: str | None) -> _Table:
    """The table in a file, read again only if the file has changed."""
    ending = path.suffix.lower()
    try:
        if not path.is_file():
            beside = path.parent.iterdir() if path.parent.is_dir() else []
            tables = sorted(p.name for p in beside if p.suffix.lower() in ENDINGS and p != path)
            what = f"{path} is no file" if path.exists() else f"there is no file {path}"
            near = suggest(path.name, tables) if tables else "Its folder has no tables."
            raise DataError(f"{what}. {near}")
        if ending not in ENDINGS:
            raise DataError(
                f"{path} ends in {ending!r}; expected .csv, .parquet or .npz (or .tsv, .txt). "
                "Unpack what is compressed, and save worksheets as CSV UTF-8."
            )
        state = path.stat()
        return _read_once(path, target, (state.st_mtime_ns, state.st_size, state.st_ino))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


@lru_cache(maxsize=1)
def _read_once(path: Path, target: str | None, state: tuple[int, ...]) -> _Table:
    """The table in a file; `state` tells whether the file is still the same."""
    ending = path.suffix.lower()
    if ending == ".npz":
        sheet = read_npz(path, "y" if target is None else normal(target))
    elif ending == ".parquet":
        sheet = read_parquet(path)
    else:
        sheet = read_text(path)
    if target is None and ending != ".npz":
        raise DataError(
            f"say which column of {path.name} is the target: --target NAME. Its columns are: "
            f"{some(sheet.frame.columns, 30)}."
        )
    n_rows = len(sheet.frame)
    if n_rows < MIN_ROWS:
        raise DataError(
            f"{path.name} has {n_rows} rows; a study needs at least {MIN_ROWS}, and gives useful "
            "intervals from some hundreds on."
        )
    columns = understand(sheet)
    return _Table(path.name, n_rows, columns, tuple(sheet.set_aside), tuple(sheet.notes))


def _target_name(table: _Table, target: str) -> str:
    """The column that a user means: names are compared in composed form, without outer spaces."""
    if normal(target) not in table.columns:
        names = [name for name in table.columns if name not in table.set_aside]
        no_header = all(re.fullmatch(r"[-+.,\d\seE]*", name) for name in names)
        hint = " Its first line holds numbers, where names are expected." if no_header else ""
        raise DataError(f"{table.name} has no column {target!r}. {suggest(target, names)}{hint}")
    return normal(target)


def _target(table: _Table, name: str, task: Task | None) -> Target:
    return understand_target(f"the target {name!r} of {table.name}", table.columns[name], task)


def _others(table: _Table, target: str) -> dict[str, Column]:
    """All columns but the target and row names."""
    return {
        name: column
        for name, column in table.columns.items()
        if name != target and name not in table.set_aside
    }
