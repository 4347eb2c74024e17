"""Which columns are inputs, and what they are taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .columns import Column
from .preprocessing import MAX_CATEGORIES
from .sheet import some

if TYPE_CHECKING:
    import pandas as pd


def understand_inputs(file: str, given: dict[str, Column]) -> tuple[dict[str, Column], list[str]]:
    """The columns that are inputs, and notes on what they were taken for.

    Columns without any value, and text that differs in every row, are left out.

    Raises
    ------
    DataError
        If there is none, or one can be neither numbers nor categories.
    """
    empty = [name for name, column in given.items() if column.kind == "empty"]
    names_rows = [name for name, column in given.items() if _names_rows(column)]
    inputs = {n: c for n, c in given.items() if n not in empty and n not in names_rows}
    if not inputs:
        raise DataError(
            f"{file} has no columns besides the target that are inputs; expected one or more."
        )
    _refuse_dates(file, inputs)
    _refuse_others(file, inputs)
    notes = []
    if empty:
        notes.append(f"columns without any value were left out: {some(empty)}")
    if names_rows:
        notes.append(f"text that differs in every row was left out: {some(names_rows)}")
    return inputs, notes + _meanings(inputs)


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


def as_frame(inputs: dict[str, Column]) -> pd.DataFrame:
    """Inputs as columns of float64 with NaN, and of text with None."""
    import pandas as pd

    columns = {}
    for name, column in inputs.items():
        values = column.values
        if column.kind == "booleans":
            codes = {"true": 1.0, "false": 0.0}
            values = np.array([np.nan if v is None else codes[v.lower()] for v in values])
        columns[name] = pd.Series(values, dtype=values.dtype)
    return pd.DataFrame(columns)
