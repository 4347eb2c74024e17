"""The study, its data, the network that is trained, and the strengths of each regularizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...loading.datasets import scikit_learn
from ...loading.training_sets import N_TEST, split
from ...study import Data, Profile, Study, by_profile

#: Inputs, training rows and standard deviation of the noise of the synthetic truth.
N_INPUTS = 6
N_TRAIN = 100
NOISE = 0.5

#: The network without any regularizer: the weakest end of every axis.
WIDTH = 64
EPOCHS = {"regression": 160, "classification": 60}

#: Each regularizer's strengths from weak to strong; "epochs" and "width" are strong when small.
STRENGTHS: dict[str, Any] = {
    "l2": by_profile(
        quick=np.logspace(-3, -0.5, 6).round(6), full=np.logspace(-3, -0.5, 11).round(6)
    ),
    "l1": by_profile(
        quick=np.logspace(-3.5, -1, 6).round(6), full=np.logspace(-3.5, -1, 11).round(6)
    ),
    "dropout": by_profile(
        quick=[0.1, 0.2, 0.4, 0.6, 0.8, 0.9],
        full=[0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    ),
    "input_noise": by_profile(
        quick=[0.1, 0.2, 0.4, 0.8, 1.6, 3.2],
        full=[0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1.1, 1.6, 2.3, 3.2],
    ),
    "epochs": by_profile(
        quick=[40.0, 20.0, 10.0, 5.0, 2.0],
        full=[50.0, 40.0, 30.0, 20.0, 15.0, 10.0, 7.0, 5.0, 3.0, 2.0],
    ),
    "width": by_profile(
        quick=[128.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0],
        full=[256.0, 128.0, 32.0, 24.0, 16.0, 12.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0],
    ),
}
REGULARIZERS = tuple(STRENGTHS)

#: A share of the error that counts as a profit, or as harm.
SMALL = 0.01


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


def synthetic(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """Points to test at, one training set to bootstrap, and a line to draw the fits along."""
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


def fixed_design(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """Inputs that stay while targets are drawn again; their covariance has a spread spectrum."""
    n, p = 40, 20
    mixing = np.linalg.qr(rng.normal(size=(p, p)))[0] * np.logspace(0.3, -0.7, p)
    X, X_test = rng.normal(size=(n, p)) @ mixing.T, rng.normal(size=(N_TEST, p)) @ mixing.T
    w = rng.normal(size=p) / 2
    return {"X": X, "f": X @ w, "X_test": X_test, "f_test": X_test @ w, "noise": 1.0}


study = Study(
    title="What does a regularizer trade?",
    summary=(
        "Bias, variance and noise of a network's test error against the strength of L2, L1, "
        "dropout, input noise, early stopping and width: on a truth that is known, on diabetes "
        "(squared loss) and on digits (log loss and 0-1 loss)."
    ),
    version=3,
    minutes={"quick": 2.0, "full": 20.0},
    data={
        "synthetic": Data(
            synthetic,
            task="regression",
            synthetic=True,
            source="sin(pi x1) + 2 x2 x3 + x4/2 and noise of variance 0.25",
        ),
        "fixed-design": Data(
            fixed_design,
            task="regression",
            synthetic=True,
            source="a linear truth on 40 fixed rows of 20 inputs, noise of variance 1",
        ),
        "diabetes": scikit_learn("diabetes"),
        "digits": scikit_learn("digits"),
    },
    repetitions=by_profile(quick=40, full=200),
    side_by_side=True,
    max_rows=10_000,
)


@study.prepare
def prepare(data: Any, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """A test set and a pool of every real table."""
    return split(data, rng)


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
        init="glorot",
        learning_rate=0.02,
        dtype="float32",
        random_state=random_state,
        **settings,
    )


def plain_strength(regularizer: str, loss: str) -> float:
    """The strength that the network without regularizers has of one, under a loss."""
    if regularizer == "width":
        return float(WIDTH)
    task = "regression" if loss == "squared" else "classification"
    return float(EPOCHS[task]) if regularizer == "epochs" else 0.0
