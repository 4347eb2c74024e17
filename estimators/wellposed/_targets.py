"""What y is: the numbers a network is trained on, their loss, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d


class Targets(Protocol):
    """What an estimator knows of its y."""

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        """Targets (n_samples, n_targets) of these labels or numbers."""

    def weigh(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        """Weights of the rows, those of their classes included."""

    def loss(self, n_targets: int) -> str:
        """Name of the loss."""

    def n_tasks(self, n_targets: int) -> int:
        """How many tasks these targets are."""

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """Classes (n_samples,) whose shares a split keeps, or None."""

    def squeeze(self, value: np.ndarray) -> Any:
        """One number or row for one target, where y was one-dimensional."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What a classifier learned about y.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted. The columns' numbers if there are several labels a row.
    several : bool
        Whether y has a column of 0 and 1 for each label.
    class_weight : dict, "balanced" or None
    """

    classes: np.ndarray
    several: bool
    class_weight: Any = None

    @classmethod
    def learn(cls, y: Any, class_weight: Any = None, named: np.ndarray | None = None) -> Labels:
        """Read the labels in y, or those named beforehand."""
        _refuse_mixture(y)
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] > 1:
            return cls(np.arange(y.shape[1]), True, class_weight)
        classes = np.unique(y) if named is None else named
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class, {classes.tolist()[0]!r}; a classifier needs at least 2 "
                "classes. Give rows of another class, too."
            )
        return cls(classes, False, class_weight)

    def encode(self, y: Any, dtype: Any) -> np.ndarray:
        """Turn labels into targets (n, outputs) for each output unit, 0 or 1."""
        check_classification_targets(y)
        several = y.ndim == 2 and y.shape[1] > 1
        if several != self.several:
            was, now = ("one label", "several") if several else ("several labels", "one")
            raise ValueError(f"The model was fitted to {was} a row, and y now holds {now}.")
        if several:
            y = y.toarray() if issparse(y) else y
            if not np.isin(y, (0, 1)).all():
                raise ValueError(
                    f"y of shape {y.shape} holds several labels a row, and they are not all 0 or "
                    "1. Give one label a row, or a column of 0 and 1 for each label."
                )
            return y.astype(dtype)
        index = self._index(column_or_1d(y, warn=True))
        if len(self.classes) == 2:
            return index[:, None].astype(dtype)
        return np.eye(len(self.classes), dtype=dtype)[index]

    def _index(self, y: Any) -> np.ndarray:
        y = y.ravel()
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"y holds labels {unknown.tolist()!r} that are not among the classes "
                f"{self.classes.tolist()!r}. Leave these rows out, or fit anew with all classes."
            )
        return np.searchsorted(self.classes, y)

    def weigh(self, y: Any, weight: np.ndarray | None) -> np.ndarray | None:
        """Multiply the rows' weights by their classes'."""
        class_weight = self.class_weight
        if class_weight is None:
            return weight
        if self.several:
            raise ValueError(
                "class_weight needs one label a row, and y has several. Set class_weight=None and "
                "give sample_weight."
            )
        index, n_classes = self._index(y), len(self.classes)
        with np.errstate(over="ignore"):
            if weight is not None and not np.isfinite(weight.sum()):
                weight = weight / weight.max()
        if isinstance(class_weight, str):  # "balanced"
            mass = np.bincount(index, weight, n_classes)
            of_class = mass.sum() / (n_classes * np.where(mass > 0, mass, np.inf))
        else:
            of_class = compute_class_weight(class_weight, classes=self.classes, y=y.ravel())
        if not np.all((of_class >= 0) & np.isfinite(of_class)):
            raise ValueError(
                f"class_weight={class_weight!r} holds a weight that is not a finite number >= 0."
            )
        if weight is None:
            return of_class[index]
        with np.errstate(over="ignore"):
            product = weight * of_class[index]
        if not np.isfinite(product).all():
            raise ValueError(
                "sample_weight times class_weight is too large for a float. Only their ratios "
                "count: divide sample_weight by its mean."
            )
        return product

    def loss(self, n_targets: int) -> str:
        return "logistic" if self.several or n_targets == 1 else "cross_entropy"

    def n_tasks(self, n_targets: int) -> int:
        return n_targets if self.several else 1

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        if self.several:
            return None
        return self.classes[target[:, 0].astype(int) if target.shape[1] == 1 else target.argmax(1)]

    def squeeze(self, value: np.ndarray) -> np.ndarray:
        return value


def _refuse_mixture(y: Any) -> None:
    if getattr(getattr(y, "dtype", None), "kind", None) != "O":
        return
    labels = np.ravel(y)
    others = {type(label).__name__ for label in labels if not isinstance(label, str)}
    if not others or not any(isinstance(label, str) for label in labels):
        return
    raise ValueError(
        f"y holds labels of types that cannot be sorted together: {', '.join(sorted(others))} and "
        "text. Make them all one type, for instance y.astype(str)."
    )


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a regressor learned about y.

    Attributes
    ----------
    one : bool
        Whether y is one-dimensional.
    of_loss : {"squared_error", "poisson"}
    """

    one: bool
    of_loss: str

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        with np.errstate(over="ignore"):
            target = np.asarray(y, dtype=dtype).reshape(len(y), -1)
        if not np.isfinite(target).all():
            raise ValueError(
                f"y holds values too large for {np.dtype(dtype)}. Scale y, or set dtype='float64'."
            )
        if target.dtype == np.float32 and (np.ptp(target, axis=0) < _spread(y) / 2).any():
            raise ValueError(
                "y varies by less than float32 can tell from its size. Subtract its mean "
                "(TransformedTargetRegressor), or set dtype='float64'."
            )
        if self.of_loss == "poisson" and target.min() < 0:
            raise ValueError(
                f"loss='poisson' is for counts and rates, and y holds {target.min():g}. Give "
                "values >= 0, or set loss='squared_error'."
            )
        return target

    def weigh(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        return weight

    def loss(self, n_targets: int) -> str:
        return self.of_loss

    def n_tasks(self, n_targets: int) -> int:
        return n_targets

    def strata(self, target: np.ndarray) -> None:
        return None

    def squeeze(self, value: np.ndarray) -> Any:
        return value[0] if self.one else value


def _spread(y: np.ndarray) -> np.ndarray:
    return np.ptp(np.asarray(y, dtype=float).reshape(len(y), -1), axis=0)
