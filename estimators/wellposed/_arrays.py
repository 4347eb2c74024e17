"""From what a user hands over to the arrays a network is trained on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse, vstack
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight, check_array, validate_data

from ._missing import fill_missing, refuse_missing
from ._streams import generator
from ._tasks import Tasks
from .regularizers import Regularizer
from .training.request import of_mean_one
from .unlabeled import parts_of, split_off

if TYPE_CHECKING:
    from ._base import BaseNet

_DENSE_BYTES = (
    1 << 26
)  # what a sparse X may take as a dense one before rows are made dense batchwise


def densify(X: Any) -> Any:
    """Make a sparse matrix dense where that takes little memory, and sum its duplicates."""
    if not issparse(X):
        return X
    if math.prod(X.shape) * X.dtype.itemsize <= _DENSE_BYTES:
        return X.toarray()
    X = csr_array(X, copy=not X.has_canonical_format)  # sums in place, and X is the caller's
    X.sum_duplicates()
    return X


def sparse_vstack(parts: Any) -> csr_array:
    """Stack sparse matrices on one another."""
    return csr_array(vstack([csr_array(part) for part in parts], format="csr"))


class Arrays(NamedTuple):
    """Rows to train on: X (n, inputs), encoded target (n, outputs), weight (n,) or None.

    X may be sparse. ``unlabeled`` (m, inputs) are rows without labels, ``there`` (n, outputs) says
    which targets are not missing, if not all are there, ``tasks`` are further ones.
    """

    X: Any
    target: np.ndarray
    weight: np.ndarray | None
    unlabeled: Any = None
    there: np.ndarray | None = None
    tasks: Tasks | None = None

    @property
    def n_outputs(self) -> int:
        """Outputs of a network for all tasks."""
        return self.target.shape[1] + (0 if self.tasks is None else self.tasks.n_units)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.target)

    def take(self, rows: np.ndarray) -> Arrays:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        there = None if self.there is None else self.there[rows]
        tasks = None if self.tasks is None else self.tasks.take(rows)
        return Arrays(self.X[rows], self.target[rows], weight, self.unlabeled, there, tasks)

    def join(self, other: Arrays) -> Arrays:
        """Return the rows of both; where only one has weights, the other's rows weigh 1."""
        weight = None
        if self.weight is not None or other.weight is not None:
            parts = (self, other)
            weight = np.concatenate([np.ones(p.n) if p.weight is None else p.weight for p in parts])
        stack = sparse_vstack if issparse(self.X) or issparse(other.X) else np.concatenate
        X = stack((self.X, other.X))
        there = None
        if self.there is not None or other.there is not None:
            parts = (self, other)
            each = [(p.target.shape, p.there) for p in parts]
            there = np.concatenate([np.ones(n, bool) if t is None else t for n, t in each])
        target = np.concatenate((self.target, other.target))
        tasks = self.tasks and self.tasks.join(other.tasks, other.n)
        return Arrays(X, target, weight, self.unlabeled, there, tasks)


def validate(
    estimator: BaseNet,
    X: Any,
    y: Any,
    sample_weight: Any,
    dtype: Any,
    reset: bool,
    X_unlabeled: Any = None,
    uses_unlabeled: bool = False,
    further_tasks: Any = None,
) -> Arrays:
    """Check X, y and weights, encode y, and leave out the rows of weight zero.

    Parameters
    ----------
    estimator : NetClassifier or NetRegressor
        Encodes y, weighs classes, and learns features and classes if `reset`.
    dtype : dtype or list of dtype
        What X may be; anything else becomes the first of them.
    X_unlabeled : array-like or a tuple of some, optional
    uses_unlabeled : bool, default=False
        Whether rows without labels, in `X_unlabeled` and in X, are looked at.
    further_tasks : array-like, optional
        Targets of further tasks.
    """
    parts = []
    if uses_unlabeled:
        classes = not estimator.y_numeric
        X, y, (sample_weight, further_tasks), others = split_off(
            X, y, (sample_weight, further_tasks), classes, known_classes(estimator, reset)
        )
        parts = [part for part in (*parts_of(X_unlabeled), others) if part is not None]
    try:
        y, there = fill_missing(y)
        refuse_missing(y, "O")  # of floats scikit-learn says it
        X, y = validate_data(
            estimator,
            X,
            y,
            reset=reset,
            dtype=dtype,
            multi_output=True,
            accept_sparse="csr",
            y_numeric=estimator.y_numeric,
        )
        X = densify(X)
        targets = estimator._targets = estimator._read_targets(y, reset)
        target = targets.encode(y, X.dtype)
    except ValueError as error:
        if "could not convert string to float" not in str(error):
            raise
        raise ValueError(f"{error}. {_of_text(estimator, X)}") from None
    weight = None
    if sample_weight is not None:
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    weight = targets.weigh(y, weight)
    tasks = None
    if further_tasks is not None:
        counted = weight
        if there is not None:  # rows without any target are left out
            counted = np.where(there.any(1), 1.0 if weight is None else weight, 0.0)
        tasks = Tasks.read(further_tasks, len(target), counted)
    others = _unlabeled(estimator, parts, X.dtype)
    arrays = Arrays(X, target, weight, others, there, tasks)
    if there is not None and not there.any(1).all():
        if not there.any():
            raise ValueError("y holds no value, so there is nothing to learn from. Give some.")
        arrays = arrays.take(np.flatnonzero(there.any(1)))
        weight = arrays.weight
    if weight is None:
        return arrays
    if not weight.any():
        raise ValueError(
            "Every row has weight zero, so there is nothing to learn from. Give at least one row a "
            "positive sample_weight, and its class a positive class_weight."
        )
    positive = of_mean_one(weight).astype(X.dtype) > 0  # nor 0 in this precision
    return arrays if positive.all() else arrays.take(positive)


def _of_text(estimator: BaseNet, X: Any) -> str:
    try:
        check_array(X, accept_sparse=True, ensure_all_finite=False)
    except ValueError:
        return (
            "X holds text: make it numbers first, as OneHotEncoder does in a ColumnTransformer, in "
            "a pipeline before the network."
        )
    return (
        f"y holds text: {type(estimator).__name__} wants numbers, and NetClassifier takes labels."
    )


def _unlabeled(estimator: BaseNet, parts: list[Any], dtype: Any) -> Any:
    """Check rows without labels and stack them on one another."""
    if not parts:
        return None
    try:
        checked = [
            densify(validate_data(estimator, X, reset=False, dtype=dtype, accept_sparse="csr"))
            for X in parts
        ]
    except ValueError as error:
        raise ValueError(f"X_unlabeled must look like X, and does not: {error}") from error
    return (sparse_vstack if any(map(issparse, checked)) else np.concatenate)(checked)


def known_classes(estimator: BaseNet, reset: bool) -> Any:
    """Classes that are known before y is read, or None."""
    return getattr(estimator, "_named_classes" if reset else "classes_", None)


def all_apart(
    estimator: BaseNet, on: dict[str, Regularizer], X: Any, y: Any, given: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """X and y without the rows that y marks as unlabelled, which join those that are given."""
    if not any(r.uses_unlabeled for r in on.values()):
        return X, y, given
    names = given.keys() - {"X_val", "y_val", "X_unlabeled"}  # what has a value for each row
    aside, classes = tuple(given[name] for name in names), not estimator.y_numeric
    X, y, aside, others = split_off(X, y, aside, classes)
    parts = tuple(part for part in (*parts_of(given["X_unlabeled"]), others) if part is not None)
    return X, y, {**given, **dict(zip(names, aside)), "X_unlabeled": parts or None}


def validate_held_out(
    estimator: BaseNet, X_val: Any, y_val: Any, like: Arrays, sample_weight: Any = None
) -> Arrays | None:
    """Check validation rows, which must look like the training rows `like`.

    ``sample_weight`` is that of the training rows: validation rows have its mean, so that its scale
    means nothing where both are trained on.
    """
    if X_val is None and y_val is None:
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}. Give both, or neither.")
    weight = None
    if sample_weight is not None:
        largest = np.max(sample_weight)  # by which the sum is finite
        weight = float(largest * np.mean(np.divide(sample_weight, largest)))
    try:
        arrays = validate(estimator, X_val, y_val, weight, like.X.dtype, reset=False)
    except ValueError as error:
        raise ValueError(f"X_val and y_val must look like X and y, and do not: {error}") from error
    if arrays.target.shape[1] != like.target.shape[1]:
        raise ValueError(
            f"y has {like.target.shape[1]} columns and y_val has {arrays.target.shape[1]}. Give "
            "y_val the columns of y."
        )
    return arrays


def hold_out(
    arrays: Arrays, fraction: float, strata: np.ndarray | None, seed: int
) -> tuple[Arrays, Arrays]:
    """Split off a share of the rows for early stopping, with equal shares of each class."""
    rng = generator(seed, "validation split")
    try:
        kept, held = train_test_split(
            np.arange(arrays.n),
            test_size=fraction,
            random_state=rng.initial_seed() % 2**32,
            stratify=strata,
        )
    except ValueError as error:
        raise ValueError(
            f"validation_fraction={fraction:g} of {arrays.n} rows cannot be held out: "
            f"{str(error).rstrip('.')}. Give more rows, another validation_fraction, or X_val and "
            "y_val."
        ) from error
    return arrays.take(kept), arrays.take(held)
