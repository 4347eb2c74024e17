"""What the column to predict is: classes or a quantity, and why it was taken for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..study import Task
from .columns import Column, is_unknown_word
from .sheet import some

MIN_ROWS_A_CLASS = 5
#: A target of whole numbers with at most this many different ones is taken for classes.
MAX_CLASSES = 20


@dataclass(frozen=True)
class Target:
    """A target, checked.

    Attributes
    ----------
    task : {"regression", "classification"}
    y : ndarray of shape (n_samples,)
        float64, or class numbers as int64.
    meaning : str
        What it was taken for, with the reason.
    """

    task: Task
    y: np.ndarray
    meaning: str


def understand_target(what: str, column: Column, task: Task | None) -> Target:
    """Settle the task of a target column and encode it.

    Text, truth values, what a file calls categories, and at most 20 different whole numbers are
    classes; other numbers are a quantity. In a column of words every word is a class, also None
    or NA; only an empty field is missing. Among numbers these words mean that the value is
    unknown.

    Parameters
    ----------
    what : str
        Names the column in messages.
    column : Column
    task : {"regression", "classification"} or None
        What the user said.

    Raises
    ------
    DataError
        If values are missing, or it cannot be what it was taken for.
    """
    _refuse_what_is_none(what, column)
    _refuse_missing(what, column)
    reason = {"booleans": "true or false", "categories": "text", "numbers": ""}[column.kind]
    if column.declared:
        column, reason = _numbers_of(column), "categories of the file"
        if column.kind == "numbers" and task != "regression":
            return _classes(what, column, reason)
    if column.kind != "numbers":
        if task == "regression":
            raise DataError(
                f"{what} is not made of numbers, as regression needs; its first value is "
                f"{column.values[0]!r}."
            )
        return _classes(what, column, reason)
    values = column.values
    if np.isinf(values).any():
        raise DataError(f"{what} has infinite values.")
    distinct = np.unique(values)
    whole = bool(np.all(distinct == np.round(distinct)) and len(distinct) <= MAX_CLASSES)
    if task == "classification" or (task is None and whole):
        reason = "as --task says" if task else "whole numbers; --task regression for a quantity"
        return _classes(what, column, reason)
    if len(distinct) == 1:
        raise DataError(f"{what} is {values[0]:g} in every row; there is nothing to predict.")
    if task:
        reason = "as --task says"
    elif whole or np.all(distinct == np.round(distinct)):
        reason = f"{len(distinct)} different whole numbers, more than {MAX_CLASSES}"
    else:
        reason = f"{len(distinct)} different numbers, not all whole"
    return Target("regression", values.astype(np.float64), f"a quantity (regression: {reason})")


def _refuse_what_is_none(what: str, column: Column) -> None:
    if column.kind == "empty":
        words = some(f"{word!r} ({count})" for word, count in column.unknown.items())
        hint = f" The words {words} say that it is unknown; write classes as other words."
        raise DataError(f"{what} has no value in any row.{hint if words else ''}")
    if column.kind == "spoilt":
        raise DataError(
            f"{what} has {column.problem}. Write all values as plain numbers, such as 1234.5, and "
            "drop the rows without one; for classes, write them as words."
        )
    if column.kind == "dates":
        raise DataError(
            f"{what} holds dates or times, the first {column.values[0]!r}. Write a number that "
            "says what is meant, such as days or seconds since a start."
        )
    if column.kind == "other":
        raise DataError(f"{what} has {column.problem}; expected numbers or text.")


def _refuse_missing(what: str, column: Column) -> None:
    n = int(column.missing.sum())
    if not n:
        return
    words = [f"{word!r} ({count})" for word, count in column.unknown.items()]
    advice = "Drop these rows."
    if words:
        advice = (
            f"Among them are the words {some(words)}, which stand for an unknown value where the "
            "others are numbers, or true and false. Drop these rows; if such a word is a class, "
            "write it as another word."
        )
    raise DataError(f"{what} has {n} missing values. {advice}")


def _numbers_of(column: Column) -> Column:
    """Categories that are numbers, as numbers."""
    try:
        return Column("numbers", np.array([float(value) for value in column.values]))
    except ValueError:
        return column


def _classes(what: str, column: Column, reason: str) -> Target:
    values = column.values
    if column.kind != "numbers":
        values = np.array([str(v) for v in values], dtype=str)
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    labels = [f"{name:.17g}" if column.kind == "numbers" else str(name) for name in names]
    if len(names) < 2:
        raise DataError(f"{what} has the one class '{labels[0]}'; expected two or more.")
    if column.kind != "numbers" and len(names) > len(values) / 2:
        raise DataError(
            f"{what} has {len(names)} different words in {len(values)} rows, such as "
            f"{labels[0]!r}; expected numbers, or classes of several rows each."
        )
    rare = [f"{label} ({k})" for label, k in zip(labels, counts) if k < MIN_ROWS_A_CLASS]
    if rare:
        quantity = "; if the target is a quantity, say --task regression"
        if column.kind != "numbers":
            quantity = ""
        raise DataError(
            f"{what} has classes with fewer than {MIN_ROWS_A_CLASS} rows: {some(rare)}. Merge or "
            f"drop them{quantity}."
        )
    doubtful = [label for label in labels if is_unknown_word(label)]
    if doubtful and column.kind != "numbers":
        reason += f"; {some(doubtful)} is a class, too: leave the field empty where it is unknown"
    meaning = f"{len(names)} classes ({some(labels)}: {reason})"
    return Target("classification", codes.astype(np.int64), meaning)
