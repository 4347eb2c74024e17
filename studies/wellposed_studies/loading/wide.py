"""Real tables with more columns than rows to train on, and training sets of independent rows.

`widen` is what a study of such problems registers under ``@study.prepare``; a cell draws by
`training_rows`, and tests on `rows_to_test`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from .preprocessing import as_numbers
from .scaling import standardised

#: Rows of a training set that is drawn from a real table, at most.
N_TRAIN = 24

#: Rows and columns of the least problem that is worth the name, of one more column than row.
LEAST_TRAIN = 2
LEAST_COLUMNS = 2 * LEAST_TRAIN

#: A column of which other columns explain all but this share of its length is left out.
NEW = 0.01

#: Rows are drawn anew while their least singular value is below this share of the largest.
INDEPENDENT = 0.01
#: Draws that `widen` tries, and those among them that must do.
TRIALS, ENOUGH = 50, 10

#: Real tables with fewer columns get their squares and products.
MIN_COLUMNS = 2 * N_TRAIN


def widen(data: Any, rng: np.random.Generator) -> dict[str, Any]:
    """A real table with more columns than a training set has rows, standardised.

    A narrow table gets the squares and products of its columns, without what is constant or, to a
    hundredth, a linear function of earlier columns (the square of a 0-1 column). Of several classes
    the two largest stay, with targets -1 and 1.

    Of a table with text or holes two thirds of the rows, in the classes' shares, are ``pool``:
    training sets are drawn from these, columns are encoded and standardised by these, and the
    other rows are tested on. Without ``pool`` all rows may be trained on, and the rest tests.

    Raises
    ------
    DataError
        If there are too few such columns, too few rows that differ, or a target that hardly does.
    """
    y = np.asarray(data.y)
    regression = y.dtype.kind == "f"
    rows: np.ndarray | slice = slice(None)
    if not regression:
        rows = _two_largest(y)
        y = y[rows]
    pool = _pool(rng, y, regression) if "inputs" in data else slice(None)
    X = as_numbers(data, np.arange(len(data.y))[rows][pool])[rows]
    X = _wide(X, pool, n_inputs=data.get("inputs", X).shape[1])
    if regression:
        target = standardised(y[:, np.newaxis], pool)[:, 0]
    else:
        target = np.where(y == y.max(), 1.0, -1.0)
    held_out = len(y) - len(target[pool])
    n_train = _n_train(X[pool], target[pool], regression, held_out, rng.spawn(1)[0])
    order = _order(target[pool], n_train, rng)
    train, val, test = np.split(order, [n_train, 2 * n_train])
    drawn_from = {}
    if not isinstance(pool, slice):
        train, val, test = pool[train], pool[val], np.setdiff1d(np.arange(len(y)), pool)
        drawn_from["pool"] = pool
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
        **drawn_from,
    }


def _two_largest(y: np.ndarray) -> np.ndarray:
    """Positions of the rows of the two largest classes."""
    classes, counts = np.unique(y, return_counts=True)
    least = int(np.sort(counts)[-2:].min())
    if least < 3:
        raise DataError(
            f"the second largest class has {least} {'row' if least == 1 else 'rows'}; the "
            "study compares the two largest classes, and needs at least 3 rows of each. Give "
            "more rows, or merge classes."
        )
    return np.flatnonzero(np.isin(y, classes[np.argsort(-counts, kind="stable")[:2]]))


def _pool(rng: np.random.Generator, y: np.ndarray, regression: bool) -> np.ndarray:
    """Two thirds of the rows, of each class two thirds."""
    order = rng.permutation(len(y))
    parts = [order] if regression else [order[y[order] == c] for c in np.unique(y)]
    return np.sort(np.concatenate([part[: 2 * len(part) // 3] for part in parts]))


def _wide(X: np.ndarray, pool: np.ndarray | slice, n_inputs: int) -> np.ndarray:
    """Columns that vary over `pool` and are independent there, with products if X is narrow."""
    X = _varying(X, pool)
    if X.shape[1] < MIN_COLUMNS:
        i, j = np.triu_indices(X.shape[1])
        X = np.hstack([X, _varying(X[:, i] * X[:, j], pool)])
    X = X[:, independent_columns(X[pool])]
    if X.shape[1] < LEAST_COLUMNS:
        raise DataError(
            f"the table's inputs ({n_inputs}), their squares and products make only "
            f"{X.shape[1]} columns of which none is constant or a linear function of others. "
            f"The study needs at least {LEAST_COLUMNS}, more than rows to train on: give more "
            "inputs, or inputs with more than two values."
        )
    return X


def _varying(X: np.ndarray, pool: np.ndarray | slice) -> np.ndarray:
    """The columns that vary over the rows `pool`, standardised by these."""
    X = standardised(X, pool)
    return X[:, X.any(axis=0)]


def independent_columns(X: np.ndarray) -> np.ndarray:
    """Positions of the columns that are no linear function of earlier ones, to a hundredth.

    Examples
    --------
    >>> a, b = np.random.default_rng(0).normal(size=(2, 9))
    >>> independent_columns(np.column_stack([a, -2 * a, b, a + b])).tolist()
    [0, 2]
    """
    basis = np.empty((len(X), 0))
    kept: list[int] = []
    for j, column in enumerate(X.T):
        rest = column
        for _ in range(2):  # twice is enough, against rounding
            rest = rest - basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if len(kept) < len(X) and length > NEW * np.linalg.norm(column):
            kept.append(j)
            basis = np.column_stack([basis, rest / length])
    return np.array(kept, dtype=int)


def _n_train(
    X: np.ndarray, target: np.ndarray, regression: bool, held_out: int, rng: np.random.Generator
) -> int:
    """The largest even number of training rows, up to `N_TRAIN`, that are independent if drawn.

    Rows are drawn from `X`; `held_out` further ones are only tested on.
    """
    most = min(N_TRAIN, X.shape[1] // 2, (len(target) + held_out) // 3)
    if not regression:  # one row of the smaller class at least is for testing
        smaller = int(min((target < 0).sum(), (target > 0).sum()))
        most = min(most, 2 * (smaller if held_out else smaller - 1))
    for n in range(2 * (most // 2), LEAST_TRAIN - 1, -2):
        draws = (draw_rows(rng, target, n, regression) for _ in range(TRIALS))
        if sum(usable(X[rows], target[rows]) for rows in draws) >= ENOUGH:
            return n
    raise DataError(
        f"the table's {len(target)} rows are too few or too much alike: hardly any two have "
        "inputs that are no multiples of each other, which is what the study draws to train on. "
        "Give more rows, or inputs with more values."
    )


def _order(target: np.ndarray, n_train: int, rng: np.random.Generator) -> np.ndarray:
    """Rows in random order, the first to train on and as many to stop by, each with two values."""
    for _ in range(1000):
        order = rng.permutation(len(target))
        if np.ptp(target[order[:n_train]]) > 0 and np.ptp(target[order[n_train : 2 * n_train]]) > 0:
            return order
    raise DataError(
        f"the target is the same in nearly all of the {len(target)} rows: {n_train} rows that are "
        "drawn to train on hardly ever have two values. Give more rows of the others."
    )


def usable(X: np.ndarray, y: np.ndarray) -> bool:
    """Whether rows are independent, and some target is not zero: then a solution is not, either."""
    s = np.linalg.svd(X, compute_uv=False)
    return bool(s[-1] > INDEPENDENT * s[0] and np.abs(y).max() > 1e-6)


def draw_rows(rng: np.random.Generator, target: np.ndarray, n: int, regression: bool) -> np.ndarray:
    """Positions of `n` rows, of classes half of them each."""
    return rng.permutation(len(target))[:n] if regression else balanced(rng, target, n)


def training_rows(data: Any, rng: np.random.Generator) -> np.ndarray:
    """Positions of a training set's rows in a real table, drawn until they are `usable`."""
    regression = data.task == "regression"
    pool = pool_of(data)
    for _ in range(100 * TRIALS):
        rows = pool[draw_rows(rng, data.target[pool], data.n_train, regression)]
        if usable(data.X[rows], data.target[rows]):
            return rows
    raise RuntimeError("no training set of independent rows was found, though `widen` found some")


def pool_of(data: Any) -> np.ndarray:
    """Positions of the rows that training sets of a real table are drawn from."""
    return data.get("pool", np.arange(len(data.target)))


def rows_to_test(data: Any, train: np.ndarray) -> np.ndarray:
    """Positions of the rows outside the pool, or those left in it where it has all."""
    return np.setdiff1d(np.arange(len(data.target)), data.get("pool", train))


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
