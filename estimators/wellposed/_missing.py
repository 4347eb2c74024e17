"""Values that are missing: NaN, None and the NA of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import _check_sample_weight


def is_missing(values: np.ndarray) -> np.ndarray:
    """Which of the values are missing, in the shape of the array."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=bool)
    flat = [_is_missing(value) for value in values.ravel()]
    return np.array(flat, dtype=bool).reshape(values.shape)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    differs = value != value  # which is NA itself for NA, and no bool
    return differs is value or (isinstance(differs, bool | np.bool_) and bool(differs))


def refuse_missing(y: Any, kinds: str = "fO") -> None:
    """Refuse a y with missing values, if its dtype is of these kinds."""
    if y is None or issparse(y):
        return
    try:
        values = np.asarray(y)
    except ValueError:  # rows of different lengths, which the estimator will explain
        return
    n_missing = int(is_missing(values).sum()) if values.dtype.kind in kinds else 0
    if n_missing:
        raise ValueError(
            f"y has {n_missing} missing values (NaN, None or NA). Leave these rows out. Only rows "
            "to train on may have no label, while a regularizer that uses such rows is on."
        )


def fill_missing(y: Any) -> tuple[Any, np.ndarray | None]:
    """Replace NaN in y of several columns, and return which targets are there, or None if all are.

    The mean of a column stands in for its numbers, or 0 where they are but 0 and 1.
    """
    if y is None or issparse(y):
        return y, None
    try:
        given = np.asarray(y)  # what is no array may know no function of NumPy but this one
        if given.ndim != 2 or given.shape[1] < 2:
            return y, None
        if given.dtype.kind == "O":
            given = np.where(is_missing(given), np.nan, given)
        values = given.astype(np.float64)
    except (TypeError, ValueError):  # which the estimator will explain
        return y, None
    there = ~np.isnan(values)
    if there.all():
        return y, None
    is_binary = np.isin(values[there], (0.0, 1.0)).all()
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.where(there, values, 0.0).sum(0) / np.maximum(there.sum(0), 1)
    return np.where(there, values, 0.0 if is_binary else mean), there


def r_squared(y: Any, prediction: np.ndarray, weight: Any = None) -> float:
    """R^2 of each output over the rows where its number is there, averaged over the outputs.

    Outputs with fewer than two such rows are left out.
    """
    y, there = fill_missing(y)
    if there is None:
        refuse_missing(y, "O")
        return float(r2_score(y, prediction, sample_weight=weight))
    _check_shape(y, prediction)
    w = _check_sample_weight(weight, y)
    seen = there & (w != 0)[:, None]
    scores = [
        r2_score(y[rows, t], prediction[rows, t], sample_weight=w[rows])
        for t, rows in enumerate(seen.T)
        if rows.sum() > 1
    ]
    return float(np.mean(scores)) if scores else np.nan


def accuracy(y: Any, prediction: np.ndarray, weight: Any = None) -> float:
    """Share of the rows whose labels are all right, where they are there.

    Rows without any label are left out.
    """
    y, there = fill_missing(y)
    if there is None:
        refuse_missing(y, "O")
        return float(accuracy_score(y, prediction, sample_weight=weight))
    _check_shape(y, prediction)
    rows = there.any(1)
    if not rows.any():
        return np.nan
    w = None if weight is None else _check_sample_weight(weight, y)[rows]
    y = np.where(there, y, prediction)[rows]
    return float(accuracy_score(y, prediction[rows], sample_weight=w))


def _check_shape(y: np.ndarray, prediction: np.ndarray) -> None:
    if y.shape != prediction.shape:
        raise ValueError(
            f"y has the shape {y.shape}, and predictions have {prediction.shape}. Give the rows of "
            "X and the columns of the y that was fitted."
        )
