"""Several tasks: targets that are missing, and what each task weighs (section 7.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ._missing import is_missing
from ._warn import warn
from .regularizers import REGULARIZERS
from .training.request import Kinds, of_mean_one


@dataclass(frozen=True, eq=False)
class Tasks:
    """Encoded targets of further tasks.

    Attributes
    ----------
    kinds : tuple of (str, int)
        Loss and number of output units of each task.
    target : ndarray of shape (n_samples, units)
        Of all tasks side by side.
    there : ndarray of bool, shape (n_samples, units)
        Which are not missing.
    """

    kinds: Kinds
    target: np.ndarray
    there: np.ndarray

    @property
    def n_units(self) -> int:
        return self.target.shape[1]

    def take(self, rows: np.ndarray) -> Tasks:
        """Some of the rows."""
        return Tasks(self.kinds, self.target[rows], self.there[rows])

    def join(self, other: Tasks | None, n: int) -> Tasks:
        """Rows of both; the other's n rows have no targets if it has none."""
        target, there = np.zeros((n, self.n_units)), np.zeros((n, self.n_units), bool)
        if other is not None:
            target, there = other.target, other.there
        joined = np.concatenate([self.target, target]), np.concatenate([self.there, there])
        return Tasks(self.kinds, *joined)

    @classmethod
    def read(cls, given: Any, n: int, weight: np.ndarray | None = None) -> Tasks:
        """Encode the columns of an array or frame with n rows, which weigh so much.

        Raises
        ------
        ValueError
            If these are no columns of numbers or classes, one value a row.
        """
        columns = _columns(given)
        if len(columns[0]) != n:
            raise ValueError(
                f"{tasks_argument()} has {len(columns[0])} rows and X has {n}. Give a value for "
                "each row, NaN or None where it is missing."
            )
        parts = [_encoded(i, column, weight) for i, column in enumerate(columns)]
        there = [np.broadcast_to(t[:, None], target.shape) for _, target, t in parts]
        targets = np.concatenate([target for _, target, _ in parts], axis=1)
        kinds = tuple((loss, target.shape[1]) for loss, target, _ in parts)
        return cls(kinds, targets, np.concatenate(there, axis=1))


def tasks_argument() -> str:
    """The argument of `fit` that has further tasks: the name of the parameter that weighs them."""
    (name,) = (name for name, regularizer in REGULARIZERS.items() if regularizer.uses_tasks)
    return name


def warn_of_unseen(there: np.ndarray | None) -> None:
    """Warn of tasks without any target."""
    unseen = [] if there is None else np.flatnonzero(~there.any(0)).tolist()
    if unseen:
        warn(
            f"y has no value in column {', '.join(map(str, unseen))}: these outputs are not "
            "learned. Leave the columns out, or give some values.",
            UserWarning,
        )


def refuse_callbacks(callbacks: Any, there: np.ndarray | None, tasks: Tasks | None) -> None:
    """Refuse callbacks where they would be shown made-up targets, or not all."""
    if callbacks and tasks is not None:
        raise ValueError(
            "callbacks are shown the targets of y, and there are further tasks. Set callbacks=None."
        )
    if callbacks and there is not None:
        raise ValueError(
            "callbacks are shown the targets of every row, and y has missing ones (NaN). Set "
            "callbacks=None, or give all targets."
        )


def shares(
    there: np.ndarray | None,
    weight: np.ndarray | None,
    task_weights: np.ndarray | None,
    n: int,
) -> np.ndarray | None:
    """What each target's loss counts beside its row's weight, (n, n_tasks), or None if all alike.

    So that a task's J is the weighted mean over the rows where it is there, times its weight.
    """
    if there is None and task_weights is None:
        return None
    if there is None:
        return np.tile(np.asarray(task_weights), (n, 1))
    w = np.ones(len(there)) if weight is None else of_mean_one(weight)
    mass = (w[:, None] * there).mean(0)
    found = there / np.where(mass > 0, mass, 1.0)
    return found if task_weights is None else found * task_weights


def table_of(tasks: Tasks, weight: np.ndarray | None) -> tuple[Kinds, np.ndarray]:
    """Kinds of further tasks, and their targets and shares side by side, (n, 2 units)."""
    counts = shares(tasks.there, weight, None, len(tasks.there))
    assert counts is not None
    return tasks.kinds, np.hstack([tasks.target, counts])


def check_task_weights(given: Any, n_tasks: int) -> np.ndarray | None:
    """Return what tasks weigh, (n_tasks,), or None.

    Raises
    ------
    ValueError
        If these are not so many finite numbers >= 0, one of them larger.
    """
    if given is None:
        return None
    if n_tasks == 1:
        raise ValueError(
            f"task_weights={given!r} weighs the columns of y, and y is one task. Leave it None."
        )
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    right = found.shape == (n_tasks,) and np.isfinite(found).all() and (found >= 0).all()
    if not right or not found.any():
        raise ValueError(
            f"task_weights={given!r} must hold a finite number >= 0 for each column of y, of which "
            f"there are {n_tasks}, and one of them larger than 0."
        )
    return found


def _columns(given: Any) -> list[np.ndarray]:
    if hasattr(given, "columns") and hasattr(given, "iloc"):  # a frame, whose columns have types
        columns = [_values(given.iloc[:, i]) for i in range(given.shape[1])]
    else:
        values = np.empty(0) if issparse(given) else np.asarray(given)
        columns = [values] if values.ndim == 1 else list(values.T) if values.ndim == 2 else []
    if issparse(given) or not columns:
        raise ValueError(
            f"{tasks_argument()} must be an array or frame with a row for each of X and a column a "
            f"task; got {type(given).__name__}. Give ndarray.toarray() of a sparse one."
        )
    return columns


def _values(series: Any) -> np.ndarray:
    """Values of a frame's column: categories may be numbers, and are classes all the same."""
    categorical = getattr(series.dtype, "name", "") == "category"
    return np.asarray(series.astype(object) if categorical else series)


def _encoded(
    i: int, column: np.ndarray, weight: np.ndarray | None
) -> tuple[str, np.ndarray, np.ndarray]:
    """Loss, targets (n, units) and which rows have one."""
    there = ~is_missing(column)
    seen = column[there]
    if len({*seen.tolist()}) < 2:
        raise ValueError(
            f"Column {i} of {tasks_argument()} holds {sorted(map(str, {*seen.tolist()}))!r}; a "
            "task needs two values that differ. Leave the column out."
        )
    if column.dtype.kind == "f" or all(isinstance(value, float | np.floating) for value in seen):
        return "squared_error", _scaled(i, seen.astype(np.float64), there, weight), there
    names = seen.astype(str) if column.dtype.kind == "O" else seen
    classes, index = np.unique(names, return_inverse=True)
    one_hot = np.zeros((len(column), len(classes)))
    one_hot[there, index] = 1.0
    if len(classes) == 2:
        return "logistic", one_hot[:, 1:], there
    return "cross_entropy", one_hot, there


def _scaled(i: int, seen: np.ndarray, there: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Numbers with mean 0 and variance 1 over the rows as they weigh."""
    if not np.isfinite(seen).all():
        raise ValueError(
            f"Column {i} of {tasks_argument()} holds infinite numbers. Set them to NaN."
        )
    target = np.zeros((len(there), 1))
    w = None if weight is None or not weight[there].any() else of_mean_one(weight[there])
    mean = np.average(seen, weights=w)
    spread = np.average((seen - mean) ** 2, weights=w) ** 0.5
    target[there, 0] = (seen - mean) / (spread or seen.std())
    return target
