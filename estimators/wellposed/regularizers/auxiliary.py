"""Auxiliary tasks over the same hidden layers (section 7.7), and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from torch import Tensor

from .._missing import is_missing
from ..networks.losses import differentiable
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Batch, Model


class Auxiliary(Regularizer):
    """Weight of further tasks, ``fit(X, y, auxiliary=T)``, that share the hidden layers.

    Adds ``auxiliary`` times the sum of their losses, each the mean over the rows where its target
    is there (section 7.7). T has a column a task. Columns of floats are numbers, which are scaled
    to mean 0 and variance 1 and have half the squared error; all others, integers too, are classes,
    with their cross-entropy. NaN, None and NA are missing. These tasks are not predicted, and early
    stopping does not look at them. A module of your own is built with outputs for all tasks, those
    of y first.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from wellposed import NetRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, age = X[:, 1:], X[:, :1]
    >>> net = NetRegressor((16,), auxiliary=0.5, learning_rate=0.02, random_state=0)
    >>> net.fit(X, y, auxiliary=age).predict(X).shape
    (442,)
    """

    name, symbol, section, acts_on = "auxiliary", "lambda", "7.7", "targets"
    typical = (0.05, 2.0)
    paper = "Caruana 1997"
    needs_hidden = True
    uses_tasks = True
    in_cocktail = False  # there must be tasks

    def term(self, model: Model, batch: Batch) -> Tensor:
        assert batch.tasks is not None
        z = model.all_outputs(batch.x)[:, model.n_outputs :]
        target, share = batch.tasks.chunk(2, 1)
        losses, at = [], 0
        for loss, units in self.setting.rows[0].tasks:
            part = slice(at, at + units)
            weight = batch.weight * share[:, part]
            losses.append(differentiable(loss, z[:, part], target[:, part], weight))
            at += units
        return self.strength * sum(losses)


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

    kinds: tuple[tuple[str, int], ...]
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
    def read(cls, given: Any, n: int) -> Tasks:
        """Encode the columns of an array or frame with n rows.

        Raises
        ------
        ValueError
            If these are no columns of numbers or classes, one value a row.
        """
        columns = _columns(given)
        if len(columns[0]) != n:
            raise ValueError(
                f"auxiliary has {len(columns[0])} rows and X has {n}. Give a value for each row, "
                "NaN or None where it is missing."
            )
        parts = [_encoded(i, column) for i, column in enumerate(columns)]
        there = [np.broadcast_to(t[:, None], target.shape) for _, target, t in parts]
        targets = np.concatenate([target for _, target, _ in parts], axis=1)
        kinds = tuple((loss, target.shape[1]) for loss, target, _ in parts)
        return cls(kinds, targets, np.concatenate(there, axis=1))


def _columns(given: Any) -> list[np.ndarray]:
    if hasattr(given, "columns") and hasattr(given, "iloc"):  # a frame, whose columns have types
        columns = [_values(given.iloc[:, i]) for i in range(given.shape[1])]
    else:
        values = np.empty(0) if issparse(given) else np.asarray(given)
        columns = [values] if values.ndim == 1 else list(values.T) if values.ndim == 2 else []
    if issparse(given) or not columns:
        raise ValueError(
            "auxiliary must be an array or frame with a row for each of X and a column a task; got "
            f"{type(given).__name__}. Give ndarray.toarray() of a sparse one."
        )
    return columns


def _values(series: Any) -> np.ndarray:
    """Values of a frame's column: categories may be numbers, and are classes all the same."""
    categorical = getattr(series.dtype, "name", "") == "category"
    return np.asarray(series.astype(object) if categorical else series)


def _encoded(i: int, column: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """Loss, targets (n, units) and which rows have one."""
    there = ~is_missing(column)
    seen = column[there]
    if len({*seen.tolist()}) < 2:
        raise ValueError(
            f"Column {i} of auxiliary holds {sorted(map(str, {*seen.tolist()}))!r}; a task needs "
            "two values that differ. Leave the column out."
        )
    if column.dtype.kind == "f" or all(isinstance(value, float | np.floating) for value in seen):
        return "squared_error", _scaled(i, seen.astype(np.float64), there), there
    names = seen.astype(str) if column.dtype.kind == "O" else seen
    classes, index = np.unique(names, return_inverse=True)
    one_hot = np.zeros((len(column), len(classes)))
    one_hot[there, index] = 1.0
    if len(classes) == 2:
        return "logistic", one_hot[:, 1:], there
    return "cross_entropy", one_hot, there


def _scaled(i: int, seen: np.ndarray, there: np.ndarray) -> np.ndarray:
    if not np.isfinite(seen).all():
        raise ValueError(f"Column {i} of auxiliary holds infinite numbers. Set them to NaN.")
    target = np.zeros((len(there), 1))
    target[there, 0] = (seen - seen.mean()) / seen.std()
    return target
