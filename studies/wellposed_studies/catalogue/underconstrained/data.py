"""The data of the study: problems with fewer rows than weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...datasets import scikit_learn
from ...study import Cell, Data, Profile

#: Rows of a training set that is drawn from a real table, at most.
N_TRAIN = 24

#: Real tables with fewer columns get their squares and products.
MIN_COLUMNS = 2 * N_TRAIN


def _gaussian(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    return {"n": 20, "p": 60}


def _separable(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    return {"n": 30, "p": 60}


def _two_weights(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """One equation, ``w1 + 2 w2 = 2``, given twice, as an estimator wants two rows."""
    return {"X": np.array([[1.0, 2.0]] * 2), "target": np.array([2.0, 2.0])}


def wave(x: np.ndarray) -> np.ndarray:
    """The true function of one input."""
    return np.sin(np.pi * x / 2)


def _wave(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """Twelve noisy points with a gap in the middle, and as many elsewhere to stop by."""
    x = np.concatenate([np.linspace(-3, -0.8, 6), np.linspace(0.8, 3, 6)])
    x, x_val = x + rng.uniform(-0.1, 0.1, 12), rng.uniform(-3, 3, 12)
    grid = np.linspace(-3, 3, 201)
    return {
        "X_train": x[:, np.newaxis],
        "y_train": wave(x) + 0.2 * rng.normal(size=12),
        "X_val": x_val[:, np.newaxis],
        "y_val": wave(x_val) + 0.2 * rng.normal(size=12),
        "X_test": grid[:, np.newaxis],
        "y_test": wave(grid),
    }


class _ThreesAndEights:
    """Images of the digits 3 and 8: the first real table with more columns than rows here."""

    def __call__(self, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
        digits = scikit_learn("digits").load(rng, profile)
        rows = np.isin(digits["y"], [3, 8])
        return {"X": digits["X"][rows], "y": (digits["y"][rows] == 8).astype("int64")}


DATA = {
    "two-weights": Data(
        _two_weights,
        task="regression",
        synthetic=True,
        source="one equation in two unknowns, given twice: an estimator wants two rows",
    ),
    "gaussian": Data(
        _gaussian,
        task="regression",
        synthetic=True,
        source="20 rows of 60 independent standard normal inputs",
    ),
    "separable": Data(
        _separable,
        task="classification",
        synthetic=True,
        source="30 rows of 60 standard normal inputs, labels by a linear rule",
    ),
    "wave": Data(
        _wave, task="regression", synthetic=True, source="12 noisy points of sin(pi x / 2)"
    ),
    "diabetes": scikit_learn("diabetes"),
    "digits": Data(
        _ThreesAndEights(),
        task="classification",
        source="scikit-learn's digits, threes and eights; Alpaydin and Kaynak 1998",
    ),
}


def widen(data: Any, rng: np.random.Generator) -> dict[str, Any]:
    """A real table with more columns than a training set has rows, standardised.

    A narrow table gets the squares and products of its columns, without what is constant or a
    linear function of an earlier column (the square of a 0-1 column). Of several classes the two
    largest stay, with targets -1 and 1.
    """
    X, y = np.asarray(data.X, dtype=float), np.asarray(data.y)
    regression = y.dtype.kind == "f"
    if not regression:
        classes, counts = np.unique(y, return_counts=True)
        two = classes[np.argsort(-counts, kind="stable")[:2]]
        X, y = X[np.isin(y, two)], y[np.isin(y, two)]
    X = _standardise(X)
    if X.shape[1] < MIN_COLUMNS:
        p = X.shape[1]
        i, j = np.triu_indices(p)
        X = _standardise(np.hstack([X, X[:, i] * X[:, j]]))
    X = X[:, _distinct(X)]
    target = (y - y.mean()) / y.std() if regression else np.where(y == y.max(), 1.0, -1.0)
    n_train = 2 * (min(N_TRAIN, X.shape[1] // 2, len(y) // 3) // 2)
    order = rng.permutation(len(y))
    train, val, test = np.split(order, [n_train, 2 * n_train])
    return {
        "task": "regression" if regression else "classification",
        "X": X,
        "target": target,
        "n_train": n_train,
        "X_train": X[train],
        "y_train": target[train],
        "X_val": X[val],
        "y_val": target[val],
        "X_test": X[test],
        "y_test": target[test],
    }


def _standardise(X: np.ndarray) -> np.ndarray:
    deviation = X.std(axis=0)
    varies = deviation > 1e-9 * np.abs(X).max(axis=0)
    return (X[:, varies] - X[:, varies].mean(axis=0)) / deviation[varies]


def _distinct(X: np.ndarray) -> np.ndarray:
    """Which columns are no copy, but for sign, of an earlier one."""
    overlap = np.abs(X.T @ X) / len(X)
    copies = np.tril(overlap > 1 - 1e-9, -1)
    return ~copies.any(axis=1)


def linear_problem(cell: Cell) -> dict[str, np.ndarray]:
    """A training set ``X, y`` of the cell, and rows to test on.

    Gaussian inputs have `k` true weights that are not zero, all by default, and no noise.
    """
    data, rng = cell.data, cell.rng("training set")
    if cell.data_name == "gaussian":
        w = np.zeros(data.p)
        k = int(cell.params.get("k", data.p))
        w[rng.permutation(data.p)[:k]] = rng.choice([-1.0, 1.0], k) * rng.uniform(0.5, 1.5, k)
        X, X_test = rng.normal(size=(data.n, data.p)), rng.normal(size=(300, data.p))
        return {"X": X, "y": X @ w, "X_test": X_test, "y_test": X_test @ w}
    rows = rng.permutation(len(data.target))
    train, test = rows[: data.n_train], rows[data.n_train :]
    return {
        "X": data.X[train],
        "y": data.target[train],
        "X_test": data.X[test],
        "y_test": data.target[test],
    }


def separable_problem(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels -1, 1 that a plane through the origin separates, both classes present."""
    data, rng = cell.data, cell.rng("training set")
    if cell.data_name == "separable":
        X = rng.normal(size=(data.n, data.p))
        y = np.where(X @ rng.normal(size=data.p) > 0, 1.0, -1.0)
        y[:2] = [1.0, -1.0]
        return X, y
    rows = balanced(rng, data.target, data.n_train)
    return data.X[rows], data.target[rows]


def balanced(rng: np.random.Generator, target: np.ndarray, n: int) -> np.ndarray:
    """Positions of `n` rows, half of them with target -1 and half with target 1.

    Examples
    --------
    >>> y = np.repeat([-1.0, 1.0], [50, 10])
    >>> float(y[balanced(np.random.default_rng(0), y, 8)].sum())
    0.0
    """
    rows = rng.permutation(len(target))
    return np.concatenate([rows[target[rows] == sign][: n // 2] for sign in (-1.0, 1.0)])
