"""Finished tables as DataFrames: rows that are asked for, and settings by repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa


def select(frame: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that have these values, None for a missing one, a list for any of several.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "y"]})
    >>> select(frame, {"a": [1, 2]})["a"].tolist(), select(frame, {"b": None})["a"].tolist()
    ([1, 2], [2])
    """
    for column, value in where.items():
        if column not in frame:
            raise KeyError(f"no column {column!r}; there are {', '.join(frame.columns)}.")
        as_text = not pd.api.types.is_numeric_dtype(frame[column])
        if value is None:
            frame = frame[frame[column].isna()]
        elif isinstance(value, list):
            frame = frame[frame[column].isin([str(v) if as_text else v for v in value])]
        else:
            frame = frame[frame[column] == (str(value) if as_text else value)]
    return frame.reset_index(drop=True)


def as_matrix(
    frame: pd.DataFrame, value: str, rows: str | list[str], known: Sequence[str]
) -> pd.DataFrame:
    """One column laid out as settings by repetitions; `known` are the columns to tell rows by."""
    by = [rows] if isinstance(rows, str) else list(rows)
    if frame.duplicated([*by, "repetition"]).any():
        others = [c for c in known if c not in by and c in frame and frame[c].nunique() > 1]
        raise ValueError(
            f"{', '.join(by)} and repetition do not tell the rows apart. Add to `rows`, or fix by "
            f"keyword, one of: {', '.join(others) or 'the other columns'}."
        )
    return frame.pivot(index=rows, columns="repetition", values=value).sort_index()


def stack(table: pa.Table, name: str, factors: Sequence[str], where: Mapping[str, Any]) -> Any:
    """Arrays of a stored table, those of all repetitions of a setting stacked.

    Returns
    -------
    DataFrame
        One row a setting: ``data``, one column a factor, and a column `name` that holds one array
        a row, of shape (n_repetitions, ...) in the order of the repetitions.
    """
    values, shapes = table.column(name), table.column("shape")
    frame = table.drop_columns([name, "shape"]).to_pandas(use_threads=False)
    frame = select(frame.assign(_position=np.arange(len(frame))), where)
    keys = ["data", *factors]
    rows = []
    for setting, group in frame.groupby(keys, dropna=False, sort=False):
        group = group.sort_values("repetition")
        cells = group["_position"].tolist()
        different = {tuple(shapes[i].as_py()) for i in cells}
        if len(different) > 1:
            raise ValueError(
                f"{name!r} has different shapes in different repetitions of {setting}: "
                f"{sorted(different)}. Arrays can be stacked where an experiment returns one "
                "shape for a setting; return a DataFrame otherwise."
            )
        arrays = [values[i].values.to_numpy(zero_copy_only=False) for i in cells]
        rows.append((*setting, np.stack(arrays).reshape(len(cells), *different.pop())))
    return pd.DataFrame(rows, columns=[*keys, name])
