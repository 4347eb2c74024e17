"""The data of the study, its training sets and the network that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import DataError
from ...loading.datasets import scikit_learn
from ...loading.preprocessing import as_numbers
from ...study import Cell, Data, Profile
from .._scaling import standardised

#: Inputs, training rows and standard deviation of the noise of the synthetic truth.
N_INPUTS = 6
N_TRAIN = 100
NOISE = 0.5

#: Rows of the training sets that are drawn from a real set, if it has four times as many.
N_TRAIN_REAL = {"regression": 60, "classification": 100}
N_TEST = 250

#: The network without any regularizer: the weakest end of every axis.
WIDTH = 64
EPOCHS = {"regression": 160, "classification": 60}

#: Each regularizer's strengths from weak to strong; "epochs" and "width" are strong when small.
REGULARIZERS = ("l2", "l1", "dropout", "input_noise", "epochs", "width")


def word(regularizer: str) -> str:
    """How a regularizer is written in a sentence.

    Examples
    --------
    >>> word("l2"), word("input_noise")
    ('L2', 'input noise')
    """
    return {"l1": "L1", "l2": "L2"}.get(regularizer, regularizer.replace("_", " "))


#: Training sets that one cell of the fixed design draws, as the outputs of one network.
N_DRAWS = 25


def truth(X: np.ndarray) -> np.ndarray:
    """The true function (n,) of inputs (n, 6) in [-1, 1]: four of them matter.

    Examples
    --------
    >>> truth(np.zeros((2, 6)))
    array([0., 0.])
    """
    return np.sin(np.pi * X[:, 0]) + 2 * X[:, 1] * X[:, 2] + X[:, 3] / 2


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 6) and noisy targets (n,) of an independent training set."""
    X = rng.uniform(-1, 1, (n, N_INPUTS))
    return X, truth(X) + NOISE * rng.normal(size=n)


def _synthetic(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    X_test = rng.uniform(-1, 1, (N_TEST, N_INPUTS))
    X_one, y_one = draw(rng, N_TRAIN)
    line = np.zeros((61, N_INPUTS))
    line[:, 0] = np.linspace(-1, 1, len(line))
    return {
        "task": "regression",
        "X_test": X_test,
        "f_test": truth(X_test),
        "noise": NOISE**2,
        "X_one": X_one,
        "y_one": y_one,
        "X_line": line,
        "f_line": truth(line),
    }


def _fixed_design(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """Inputs that stay while targets are drawn again; their covariance has a spread spectrum."""
    n, p = 40, 20
    mixing = np.linalg.qr(rng.normal(size=(p, p)))[0] * np.logspace(0.3, -0.7, p)
    X, X_test = rng.normal(size=(n, p)) @ mixing.T, rng.normal(size=(N_TEST, p)) @ mixing.T
    w = rng.normal(size=p) / 2
    return {"X": X, "f": X @ w, "X_test": X_test, "f_test": X_test @ w, "noise": 1.0}


DATA = {
    "synthetic": Data(
        _synthetic,
        task="regression",
        synthetic=True,
        source="sin(pi x1) + 2 x2 x3 + x4/2 and noise of variance 0.25",
    ),
    "fixed-design": Data(
        _fixed_design,
        task="regression",
        synthetic=True,
        source="a linear truth on 40 fixed rows of 20 inputs, noise of variance 1",
    ),
    "diabetes": scikit_learn("diabetes"),
    "digits": scikit_learn("digits"),
}


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
        "n_train": min(N_TRAIN_REAL[task], len(pool) // 4),
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


def training_set(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """The training rows of a cell; all settings of a repetition see the same ones."""
    data, rng = cell.data, cell.rng("training set")
    if cell.params["sampling"] == "independent":
        return draw(rng, N_TRAIN)
    if cell.params["sampling"] == "subsample":
        rows = subsample(rng, data.y_pool, data.n_train, data.task)
        return data.X_pool[rows], data.y_pool[rows]
    rows = _bootstrap(rng, data.y_one)
    return data.X_one[rows], data.y_one[rows]


def _bootstrap(rng: np.random.Generator, y: np.ndarray) -> np.ndarray:
    """Rows drawn with replacement, of every class as many as there are."""
    if y.dtype.kind == "f":
        return rng.integers(len(y), size=len(y))
    return np.concatenate(
        [rng.choice(np.flatnonzero(y == c), (y == c).sum()) for c in np.unique(y)]
    )


def network(task: str, regularizer: str, strength: float, random_state: int) -> Any:
    """The estimator of a setting: the network without regularizers, but for one.

    Small full batches, Adam, single precision.
    """
    from wellposed import NetClassifier, NetRegressor

    settings: dict[str, Any] = {"max_epochs": EPOCHS[task], "hidden_layer_sizes": (WIDTH,)}
    if regularizer == "epochs":
        settings["max_epochs"] = int(strength)
    elif regularizer == "width":
        settings["hidden_layer_sizes"] = (int(strength),)
    elif regularizer != "none":
        settings[regularizer] = strength
    kind = NetRegressor if task == "regression" else NetClassifier
    return kind(
        batch_size=None,
        learning_rate=0.02,
        dtype="float32",
        random_state=random_state,
        **settings,
    )
