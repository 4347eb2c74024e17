"""Training sets of a real table: rows to test on, a pool to draw from, draws with the classes.

A study whose `prepare` is `split` has a fixed test set and a pool of every real table, and of a
user's; its experiments then train on a `subsample` of the pool that is drawn anew in every
repetition, or on a `bootstrap` of one training set.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from .preprocessing import as_numbers
from .scaling import standardised

#: Rows to test on, at most; never more than a third.
N_TEST = 250
#: Rows of a training set that is drawn from a table, if it has four times as many.
N_TRAIN = {"regression": 60, "classification": 100}


def split(data: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Test rows, the pool that training sets are drawn from, and one set to bootstrap.

    Text and holes are encoded by what the pool has. Inputs are standardised by the pool's means
    and deviations, and so is a numerical target: an error of 1 is that of predicting the mean.
    Classes are numbered from 0 in their sorted order; of each, about the same share of rows is set
    aside to test on, and one row at least is not.
    """
    y = np.asarray(data.y)
    task = "regression" if y.dtype.kind == "f" else "classification"
    n_test = min(N_TEST, len(y) // 3)
    if task == "regression":
        order = rng.permutation(len(y))
    else:
        y = np.unique(y, return_inverse=True)[1].astype(np.int64)
        order = in_proportion(rng, y)[::-1]  # the first row of every class is in the pool
    test, pool = order[:n_test], order[n_test:]
    X = standardised(as_numbers(data, pool), pool)
    if task == "regression":
        y = standardised(y[:, np.newaxis], pool)[:, 0]
        if not y.any():
            raise DataError(
                f"the target is the same in all {len(pool)} rows that are not set aside for "
                "testing, so that nothing can be learned: its other values are too rare. Give "
                "more rows, or make it classes with --task classification."
            )
    prepared: dict[str, Any] = {
        "task": task,
        "X_pool": X[pool],
        "y_pool": y[pool],
        "X_test": X[test],
        "y_test": y[test],
        "n_train": min(N_TRAIN[task], len(pool) // 4),
    }
    if task == "classification":
        prepared["n_classes"] = int(y.max()) + 1
        prepared["n_train"] = max(prepared["n_train"], prepared["n_classes"])
    one = subsample(rng, prepared["y_pool"], prepared["n_train"], task)
    return prepared | {"X_one": X[pool][one], "y_one": y[pool][one]}


def subsample(rng: np.random.Generator, y: np.ndarray, n: int, task: str) -> np.ndarray:
    """Positions of `n` different rows; for classes, as many of each as its share, at least one.

    Examples
    --------
    >>> rows = subsample(np.random.default_rng(0), np.repeat([0, 1], [30, 10]), 8, "classification")
    >>> np.sort(np.repeat([0, 1], [30, 10])[rows])
    array([0, 0, 0, 0, 0, 0, 1, 1])
    """
    if task == "regression":
        return rng.choice(len(y), n, replace=False)
    return in_proportion(rng, y)[: max(n, len(np.unique(y)))]


def in_proportion(rng: np.random.Generator, y: np.ndarray) -> np.ndarray:
    """All rows in an order of which any beginning has the classes in their shares, after the first
    rows, which are one of each class."""
    rows = rng.permutation(len(y))
    classes = np.unique(y)
    first = np.array([rows[y[rows] == c][0] for c in classes])
    others = rows[~np.isin(rows, first)]
    # Taking every class at its rate: row i of a class of m rows is due at (i + 1) / m.
    due = np.empty(len(others))
    for c in classes:
        mine = y[others] == c
        due[mine] = (np.arange(mine.sum()) + 2.0) / (mine.sum() + 1)
    return np.concatenate([first, others[np.argsort(due, kind="stable")]])


def draw(data: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A training set ``X, y`` of a table that was `split`: a subsample of its pool."""
    rows = subsample(rng, data.y_pool, data.n_train, data.task)
    return data.X_pool[rows], data.y_pool[rows]


def bootstrap(data: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the one training set ``X_one, y_one``, drawn with replacement; of every class as
    many as there are."""
    rows = _with_replacement(rng, data.y_one)
    return data.X_one[rows], data.y_one[rows]


def _with_replacement(rng: np.random.Generator, y: np.ndarray) -> np.ndarray:
    """Rows drawn with replacement, of every class as many as there are."""
    if y.dtype.kind == "f":
        return rng.integers(len(y), size=len(y))
    return np.concatenate(
        [rng.choice(np.flatnonzero(y == c), (y == c).sum()) for c in np.unique(y)]
    )
