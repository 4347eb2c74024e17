"""Problems with fewer rows than weights: drawn ones, and rows of a wide table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...loading.wide import rows_to_test, training_rows
from ...study import Cell


def drawn_anew(data: Any) -> bool:
    """Whether data are `n` rows of `p` normal inputs, which every cell draws, and no table."""
    return "p" in data


def linear_problem(cell: Cell, k: int | None = None) -> dict[str, np.ndarray]:
    """A training set ``X, y`` of the cell, and rows to test on.

    Gaussian inputs have `k` true weights that are not zero, all by default, and no noise.
    """
    data, rng = cell.data, cell.rng("training set")
    if drawn_anew(data):
        w = np.zeros(data.p)
        k = data.p if k is None else int(k)
        w[rng.permutation(data.p)[:k]] = rng.choice([-1.0, 1.0], k) * rng.uniform(0.5, 1.5, k)
        X, X_test = rng.normal(size=(data.n, data.p)), rng.normal(size=(300, data.p))
        return {"X": X, "y": X @ w, "X_test": X_test, "y_test": X_test @ w}
    train = training_rows(data, rng)
    test = rows_to_test(data, train)
    return {
        "X": data.X[train],
        "y": data.target[train],
        "X_test": data.X[test],
        "y_test": data.target[test],
    }


def separable_problem(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels -1, 1 that a plane through the origin separates, both classes present."""
    data, rng = cell.data, cell.rng("training set")
    if drawn_anew(data):
        X = rng.normal(size=(data.n, data.p))
        y = np.where(X @ rng.normal(size=data.p) > 0, 1.0, -1.0)
        y[:2] = [1.0, -1.0]
        return X, y
    rows = training_rows(data, rng)
    return data.X[rows], data.target[rows]
