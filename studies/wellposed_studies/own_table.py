"""A user's own table: csv, parquet or npz, checked before a study runs on it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, suggest
from .study import Task

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 20
MIN_ROWS_A_CLASS = 5
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".npz")
#: A target of whole numbers with at most this many different ones is taken for classes.
MAX_CLASSES = 20


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
    """

    path: str
    target: str
    task: Task

    @property
    def name(self) -> str:
        """Name of the data set: the file's, without folder and ending."""
        return Path(self.path).stem


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
    features, values, name = _read(Path(path).expanduser(), target)
    _check_features(path, features)
    if task is None:
        task = "classification" if _looks_like_classes(values) else "regression"
    table = OwnTable(str(Path(path).expanduser().resolve()), name, task)
    _encode_target(table, values)
    return table


def describe(table: OwnTable) -> str:
    """What is in a table, in a line.

    Raises
    ------
    DataError
        As `open_table` does.
    """
    features, values, _ = _read(Path(table.path), table.target)
    kind = "a quantity (regression)"
    if table.task == "classification":
        kind = f"{len(np.unique(_encode_target(table, values)))} classes"
    inputs = "1 input" if features.shape[1] == 1 else f"{features.shape[1]} inputs"
    return (
        f"{Path(table.path).name}: {len(features)} rows, {inputs} ({_some(list(features))}), the "
        f"target {table.target!r} taken for {kind}"
    )


def load_table(table: OwnTable) -> dict[str, Any]:
    """``X``, float64 (n_samples, n_features), and ``y``: float64, or class numbers as int64."""
    features, values, _ = _read(Path(table.path), table.target)
    _check_features(table.path, features)
    X = np.ascontiguousarray(features.to_numpy(dtype=np.float64))
    return {"X": X, "y": _encode_target(table, values)}


def _read(path: Path, target: str | None) -> tuple[pd.DataFrame, np.ndarray, str]:
    """Features, target and the target's name."""
    if not path.is_file():
        beside = path.parent.iterdir() if path.parent.is_dir() else []
        tables = sorted(p.name for p in beside if p.suffix.lower() in ENDINGS)
        raise DataError(f"there is no file {path}. {suggest(path.name, tables)}")
    ending = path.suffix.lower()
    if ending == ".npz":
        return _read_npz(path, "y" if target is None else target)
    if ending not in ENDINGS:
        raise DataError(f"{path} ends in {ending!r}; expected .csv, .parquet or .npz.")
    frame = _read_frame(path, ending)
    columns = [str(c) for c in frame.columns]
    if target is None:
        raise DataError(
            f"say which column of {path.name} is the target: --target NAME. Its columns are: "
            f"{', '.join(columns[:30])}."
        )
    if target not in columns:
        raise DataError(f"{path.name} has no column {target!r}. {suggest(target, columns)}")
    frame.columns = columns  # type: ignore[assignment]
    if columns[0].startswith("Unnamed: ") and np.array_equal(frame.iloc[:, 0], range(len(frame))):
        raise DataError(
            f"the first column of {path.name} has no name and numbers the rows. Write the file "
            "without it (for instance with to_csv(..., index=False)), or name it."
        )
    return frame.drop(columns=target), frame[target].to_numpy(), target


def _read_frame(path: Path, ending: str) -> pd.DataFrame:
    import pandas as pd

    try:
        if ending == ".parquet":
            return pd.read_parquet(path)
        with open(path, encoding="utf-8-sig", newline="") as file:
            head = file.readline()
        try:
            separator = csv.Sniffer().sniff(head, delimiters=",;\t|").delimiter
        except csv.Error:
            separator = ","
        _refuse_twins(path, next(csv.reader([head], delimiter=separator), []))
        return pd.read_csv(path, sep=separator, encoding="utf-8-sig")
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as {ending[1:]}: {type(error).__name__}: {error}"
        ) from error


def _refuse_twins(path: Path, header: list[str]) -> None:
    twins = sorted({name for name in header if name and header.count(name) > 1})
    if twins:
        raise DataError(
            f"{path.name} has several columns of one name: {_some(twins)}. Name each column once."
        )


def _read_npz(path: Path, target: str) -> tuple[pd.DataFrame, np.ndarray, str]:
    import pandas as pd

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as npz: {type(error).__name__}: {error}. Expected an array X "
            "of shape (n_samples, n_features) and a target, both of numbers or text."
        ) from error
    if "X" not in arrays:
        raise DataError(
            f"{path.name} has no array 'X' of shape (n_samples, n_features). {suggest('X', arrays)}"
        )
    if target not in arrays:
        raise DataError(f"{path.name} has no array {target!r}. {suggest(target, arrays)}")
    X, y = arrays["X"], arrays[target]
    if X.ndim != 2 or y.ndim != 1 or len(X) != len(y):
        raise DataError(
            f"{path.name} has X of shape {X.shape} and {target} of shape {y.shape}; expected "
            "(n_samples, n_features) and (n_samples,)."
        )
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]), y, target


def _check_features(path: str, features: pd.DataFrame) -> None:
    name = Path(path).name
    if features.shape[1] == 0:
        raise DataError(f"{name} has no columns besides the target; expected at least one.")
    if len(features) < MIN_ROWS:
        raise DataError(
            f"{name} has {len(features)} rows; a study needs at least {MIN_ROWS}, and gives useful "
            "intervals from some hundreds on."
        )
    text = [c for c in features if features[c].dtype.kind not in "biuf"]
    commas = [c for c in text if _has_decimal_commas(features[c])]
    if commas:
        raise DataError(
            f"{name} writes numbers with a decimal comma in: {_some(commas)}. Write points instead "
            "(for instance with pandas.read_csv(..., decimal=',') and to_csv)."
        )
    if text:
        raise DataError(
            f"{name} has columns that are not numbers: {_some(text)}. Encode them as numbers (for "
            "instance with pandas.get_dummies), or leave them out."
        )
    missing = features.isna().sum()
    if missing.any():
        holes = [f"{c} ({k})" for c, k in missing.items() if k]
        raise DataError(
            f"{name} has missing values in: {_some(holes)}. Fill them in, or drop these rows or "
            "columns; a study cannot tell which is right for your data."
        )
    infinite = [c for c in features if not np.isfinite(features[c].to_numpy(dtype=float)).all()]
    if infinite:
        raise DataError(f"{name} has infinite values in: {_some(infinite)}. Replace them.")


def _has_decimal_commas(column: pd.Series) -> bool:
    """Whether all are numbers, some with a comma that separates no thousands."""
    words = column.astype(str)
    numbers = words.str.fullmatch(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
    thousands = words.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+|[+-]?\d+")
    return bool(numbers.all() and not thousands.all())


def _some(names: list[Any]) -> str:
    return ", ".join(str(n) for n in names[:10]) + (" ..." if len(names) > 10 else "")


def _is_text(values: np.ndarray) -> bool:
    return values.dtype.kind not in "biuf"


def _looks_like_classes(values: np.ndarray) -> bool:
    if _is_text(values) or values.dtype.kind == "b":
        return True
    numbers = values[np.isfinite(values)]
    return bool(np.all(numbers == np.round(numbers)) and len(np.unique(numbers)) <= MAX_CLASSES)


def _encode_target(table: OwnTable, values: np.ndarray) -> np.ndarray:
    """The target as float64, or as class numbers in the sorted order of the labels."""
    import pandas as pd

    name = Path(table.path).name
    if _is_text(values) and _has_decimal_commas(pd.Series(values)):
        raise DataError(
            f"the target {table.target!r} of {name} is written with a decimal comma. Write points "
            "instead (for instance with pandas.read_csv(..., decimal=',') and to_csv)."
        )
    missing = int(pd.isna(values).sum())
    if missing:
        raise DataError(
            f"the target {table.target!r} of {name} has {missing} missing values. Drop these rows."
        )
    if not _is_text(values) and np.isinf(values).any():
        raise DataError(f"the target {table.target!r} of {name} has infinite values.")
    if table.task == "regression":
        if _is_text(values):
            raise DataError(
                f"the target {table.target!r} of {name} is not made of numbers, as regression "
                f"needs; its first value is {values[0]!r}. For classes: --task classification"
            )
        y = values.astype(np.float64)
        if y.min() == y.max():
            raise DataError(
                f"the target {table.target!r} of {name} is {y[0]:g} in every row; there is nothing "
                "to predict."
            )
        return y
    if _is_text(values):
        values = values.astype(str)
    classes, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise DataError(
            f"the target {table.target!r} of {name} has the one class '{classes[0]}'; expected two "
            "or more."
        )
    rare = [f"{c} ({k})" for c, k in zip(classes, counts) if k < MIN_ROWS_A_CLASS]
    if rare:
        raise DataError(
            f"the target {table.target!r} of {name} has classes with fewer than "
            f"{MIN_ROWS_A_CLASS} rows: {_some(rare)}. Merge or drop them; if the target is a "
            "quantity, say --task regression."
        )
    return codes.astype(np.int64)
