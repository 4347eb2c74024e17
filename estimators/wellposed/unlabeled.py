"""Rows without labels: how they are given, and kept out of scikit-learn's folds (section 7.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from ._missing import fill_missing, is_missing


class Unlabeled(tuple):
    """Rows without labels, which scikit-learn passes on whole.

    A search cuts an array that happens to have as many rows as X to the folds of X. This holder of
    one array has the length 1. A pipeline that transforms X_unlabeled looks inside:
    ``Pipeline(..., transform_input=["X_unlabeled"])``.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_unlabeled, n_features)

    Examples
    --------
    >>> import sklearn
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.model_selection import GridSearchCV
    >>> from wellposed import NetClassifier, Unlabeled
    >>> X, y = make_moons(120, noise=0.1, random_state=0)
    >>> net = NetClassifier((8,), learning_rate=0.01, random_state=0)
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     net = net.set_fit_request(X_unlabeled=True)
    ...     search = GridSearchCV(net, {"l2": [0.0, 0.01], "entropy": [0.1, 0.3]}, cv=3)
    ...     search = search.fit(X[:60], y[:60], X_unlabeled=Unlabeled(X[60:]))
    """

    def __new__(cls, X: Any) -> Unlabeled:
        return super().__new__(cls, (X,))

    def __getnewargs__(self) -> tuple[Any]:
        return (self[0],)

    def __repr__(self) -> str:
        return f"Unlabeled({self[0]!r})"


class KeepUnlabeled(BaseEstimator):
    """Cross-validation in which rows without labels are in every training fold, and never tested.

    Parameters
    ----------
    cv : int, splitter or iterable, default=5
        How the labelled rows are split, as in scikit-learn.
    classifier : bool, default=True
        Whether y holds classes: -1 beside two of them stands for no label then, and an integer `cv`
        keeps the classes' shares. NaN and None stand for none in any case.

    Examples
    --------
    >>> import numpy as np
    >>> from wellposed import KeepUnlabeled
    >>> y = np.array([0, 1, -1, 0, 1, -1])
    >>> for train, test in KeepUnlabeled(2).split(np.zeros((6, 1)), y):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 2 5] [3 4]
    """

    def __init__(self, cv: Any = 5, *, classifier: bool = True) -> None:
        self.cv = cv
        self.classifier = classifier

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield row numbers to train on and to test on."""
        missing = without_label(y, self.classifier)
        labelled, unlabelled = np.flatnonzero(~missing), np.flatnonzero(missing)
        if not len(labelled):
            raise ValueError("y labels no row, so there is nothing to test on. Label some rows.")
        parts = (
            None if part is None else _safe_indexing(part, labelled) for part in (X, y, groups)
        )
        X, y, groups = parts
        y = _settled(y)
        for train, test in check_cv(self.cv, y, classifier=self.classifier).split(X, y, groups):
            yield np.sort(np.concatenate([labelled[train], unlabelled])), labelled[test]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""
        if y is not None:
            y = _settled(_safe_indexing(y, np.flatnonzero(~without_label(y, self.classifier))))
        return check_cv(self.cv, y, classifier=self.classifier).get_n_splits(X, y, groups)


def without_label(y: Any, classes: bool, known: Any = None) -> np.ndarray:
    """Which rows have no label: NaN, None or, of classes, -1; of several columns NaN in all.

    Where -1 is one of two classes, it is a label.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    classes : bool
    known : array-like, optional
        Classes, where they are known already.
    """
    if issparse(y):
        return np.zeros(y.shape[0], dtype=bool)
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        return np.asarray(is_missing(values).all(1))
    values = values.reshape(len(values), -1)[:, 0] if values.ndim else values.reshape(-1)
    missing = is_missing(values)
    if classes and values.dtype.kind in "ifO":
        minus_one = np.array([_is_minus_one(value) for value in values], dtype=bool)
        others = {*values[~missing & ~minus_one].tolist()}
        if len(others) >= 2 if known is None else not any(map(_is_minus_one, known)):
            missing = missing | minus_one
    return missing


def _is_minus_one(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and value == -1


def _settled(y: Any) -> Any:
    """Numbers that came as objects beside None, and columns without what is missing."""
    y, _ = fill_missing(y)
    values = np.asarray(y)
    if values.dtype.kind != "O" or not all(isinstance(v, int | float | np.number) for v in values):
        return y
    return np.array(values.tolist())


def parts_of(X_unlabeled: Any) -> list[Any]:
    """The arrays that X_unlabeled is: one, or those in a tuple of them."""
    if isinstance(X_unlabeled, tuple) and all(np.ndim(X) == 2 or issparse(X) for X in X_unlabeled):
        return list(X_unlabeled)
    return [X_unlabeled]


def split_off(
    X: Any, y: Any, aside: tuple[Any, ...], classes: bool, known: Any = None
) -> tuple[Any, Any, tuple[Any, ...], Any]:
    """Return X, y and arrays aside of the rows that have a label, and X of the others, or None."""
    if y is None:
        return X, y, aside, None
    check_consistent_length(X, y)
    missing = without_label(y, classes, known)
    if not missing.any():
        return X, y, aside, None
    if missing.all():
        raise ValueError(
            "y labels no row: NaN, None and, of classes, -1 stand for no label where a regularizer "
            "that uses such rows is on. Label some rows."
        )
    labelled = np.flatnonzero(~missing)
    has_rows = [part is not None and np.asarray(part).ndim > 0 for part in aside]
    check_consistent_length(y, *(part for part, has in zip(aside, has_rows) if has))
    aside = tuple(_safe_indexing(p, labelled) if has else p for p, has in zip(aside, has_rows))
    X = X.tocsr() if issparse(X) else X
    others = _safe_indexing(X, np.flatnonzero(missing))
    return _safe_indexing(X, labelled), _settled(_safe_indexing(y, labelled)), aside, others
