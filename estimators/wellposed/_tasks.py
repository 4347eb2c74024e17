"""Several tasks: targets that are missing, and what each task weighs (section 7.7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._warn import warn
from .training.request import of_mean_one


def warn_of_unseen(there: np.ndarray | None) -> None:
    """Warn of tasks without any target."""
    unseen = [] if there is None else np.flatnonzero(~there.any(0)).tolist()
    if unseen:
        warn(
            f"y has no value in column {', '.join(map(str, unseen))}: these outputs are not "
            "learned. Leave the columns out, or give some values.",
            UserWarning,
        )


def refuse_callbacks(callbacks: Any, there: np.ndarray | None, tasks: Any) -> None:
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


def table_of(tasks: Any, weight: np.ndarray | None) -> tuple[Any, np.ndarray]:
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
