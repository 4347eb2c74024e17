"""A user's own table: csv, parquet or npz, checked before a study runs on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, suggest
from .loading.columns import Column, understand
from .loading.npz import read_npz
from .loading.parquet import read_parquet
from .loading.preprocessing import MAX_CATEGORIES, as_numbers
from .loading.sheet import normal, some
from .loading.target import Target, understand_target
from .loading.text import read_text
from .study import Task

if TYPE_CHECKING:
    import pandas as pd

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
    file = Path(path).expanduser()
    table = _read(file, target)
    name = _target_name(table, target if target is not None else "y")
    found = _target(table, name, task)
    _, notes = _inputs(table, name)
    return OwnTable(
        path=str(file.resolve()),
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
    names, _ = _inputs(read, table.target)
    inputs = "1 input" if len(names) == 1 else f"{len(names)} inputs"
    line = (
        f"{read.name}: {read.n_rows} rows, {inputs} ({some(names)}), the target {table.target!r} "
        f"taken for {table.meaning}"
    )
    return "\n".join([line, *(f"  - {note}" for note in table.notes)])


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
    names, _ = _inputs(read, table.target)
    inputs = _frame(read, names)
    if all(dtype.kind == "f" for dtype in inputs.dtypes) and not inputs.isna().any(axis=None):
        return {"X": np.ascontiguousarray(inputs.to_numpy(dtype=np.float64)), "y": y}
    return {"X": as_numbers({"inputs": inputs}, np.arange(len(inputs))), "y": y, "inputs": inputs}


def _read(path: Path, target: str | None) -> _Table:
    """The table in a file, read again only if the file has changed."""
    if not path.is_file():
        beside = path.parent.iterdir() if path.parent.is_dir() else []
        tables = sorted(p.name for p in beside if p.suffix.lower() in ENDINGS)
        what = f"{path} is no file" if path.exists() else f"there is no file {path}"
        raise DataError(f"{what}. {suggest(path.name, tables)}")
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(
            f"{path} ends in {ending!r}; expected .csv, .parquet or .npz (or .tsv, .txt). Unpack "
            "what is compressed, and save worksheets as CSV UTF-8."
        )
    try:
        state = path.stat()
        return _read_once(path.resolve(), target, (state.st_mtime_ns, state.st_size, state.st_ino))
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


def _inputs(table: _Table, target: str) -> tuple[list[str], list[str]]:
    """Names of the inputs, and notes on what they were taken for.

    Raises
    ------
    DataError
        If there is none, or one can be neither numbers nor categories.
    """
    given = {
        name: column
        for name, column in table.columns.items()
        if name != target and name not in table.set_aside
    }
    empty = [name for name, column in given.items() if column.kind == "empty"]
    names_rows = [name for name, column in given.items() if _names_rows(column)]
    inputs = {n: c for n, c in given.items() if n not in empty and n not in names_rows}
    if not inputs:
        raise DataError(
            f"{table.name} has no columns besides the target that are inputs; expected one or more."
        )
    _refuse_dates(table.name, inputs)
    _refuse_others(table.name, inputs)
    notes = []
    if empty:
        notes.append(f"columns without any value were left out: {some(empty)}")
    if names_rows:
        notes.append(f"text that differs in every row was left out: {some(names_rows)}")
    return list(inputs), notes + _meanings(inputs)


def _names_rows(column: Column) -> bool:
    """Whether each row has another word, which tells nothing about other rows."""
    words = column.values[~column.missing] if column.kind == "categories" else []
    return len(words) > MAX_CATEGORIES and len(set(words)) == len(words)


def _refuse_dates(file: str, inputs: dict[str, Column]) -> None:
    dates = [name for name, column in inputs.items() if column.kind == "dates"]
    if dates:
        raise DataError(
            f"{file} has dates or times in: {some(dates)}. Write what matters of them as numbers "
            "(year, month, days since a start), or leave them out."
        )


def _refuse_others(file: str, inputs: dict[str, Column]) -> None:
    for name, column in inputs.items():
        if column.kind == "spoilt":
            raise DataError(
                f"the column {name!r} of {file} has {column.problem}. Write all values as plain "
                "numbers, such as 1234.5, and leave fields empty where they are unknown."
            )
        if column.kind == "other":
            raise DataError(
                f"the column {name!r} of {file} has {column.problem}; expected numbers or text."
            )
    infinite = [
        name
        for name, column in inputs.items()
        if column.kind == "numbers" and np.isinf(column.values).any()
    ]
    if infinite:
        raise DataError(f"{file} has infinite values in: {some(infinite)}. Replace them.")


def _meanings(inputs: dict[str, Column]) -> list[str]:
    """How inputs are made numbers."""
    notes = []
    how = [f"{name} ({' and '.join(column.how)})" for name, column in inputs.items() if column.how]
    if how:
        notes.append(f"numbers written as text: {some(how)}")
    categories = [
        f"{name} ({len(set(column.values[~column.missing]))})"
        for name, column in inputs.items()
        if column.kind == "categories"
    ]
    if categories:
        notes.append(
            f"categories: {some(categories)}; a column of zeros and ones for each of the "
            f"{MAX_CATEGORIES} most frequent in the training rows"
        )
    holes = [
        f"{name} ({int(column.missing.sum())}{_words(column)})"
        for name, column in inputs.items()
        if column.missing.any()
    ]
    if holes:
        notes.append(
            f"missing values: {some(holes)}; numbers are filled with the training rows' median and "
            "marked in a column, in text they are a category"
        )
    return notes


def _words(column: Column) -> str:
    return f" written {' or '.join(map(repr, column.unknown))}" if column.unknown else ""


def _frame(table: _Table, names: list[str]) -> pd.DataFrame:
    """Inputs as columns of float64 with NaN, and of text with None."""
    import pandas as pd

    columns = {}
    for name in names:
        column = table.columns[name]
        values = column.values
        if column.kind == "booleans":
            codes = {"true": 1.0, "false": 0.0}
            values = np.array([np.nan if v is None else codes[v.lower()] for v in values])
        columns[name] = pd.Series(values, dtype=values.dtype)
    return pd.DataFrame(columns)
