"""Linear networks, how they are trained, and how far apart two solutions are."""

from __future__ import annotations

from typing import Any

import numpy as np


def curvature(X: np.ndarray) -> float:
    """Largest eigenvalue of the Hessian ``X'X / n``."""
    return float(np.linalg.norm(X, 2) ** 2 / len(X))


def regressor(**settings: Any) -> Any:
    """A linear network without intercept."""
    from wellposed import NetRegressor

    return NetRegressor((), fit_intercept=False, batch_size=None, **settings)


def classifier(**settings: Any) -> Any:
    """A linear network for two classes without intercept, on all rows, without momentum."""
    from wellposed import NetClassifier

    return NetClassifier((), fit_intercept=False, batch_size=None, momentum=0.0, **settings)


def relative(a: np.ndarray, b: np.ndarray) -> float:
    """Distance of `a` from `b`, a share of the norm of `b`."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def mse(X: np.ndarray, w: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of the linear prediction."""
    return float(np.mean((X @ w - y) ** 2))


def descend(X: np.ndarray, y: np.ndarray, solver: str, seed: int) -> np.ndarray:
    """Weights after 4000 steps on all rows."""
    settings: dict[str, Any] = {"max_epochs": 4000, "solver": "sgd", "random_state": seed}
    plain = solver == "gradient descent"
    settings["learning_rate"] = (1.8 if plain else 1.0) / curvature(X)
    settings["momentum"] = 0.0 if plain else 0.9
    if solver == "adam":
        settings |= {"solver": "adam", "learning_rate": 0.002}
    if solver == "random start":
        settings["init"] = "glorot"
    return regressor(**settings).fit(X, y).coef_
