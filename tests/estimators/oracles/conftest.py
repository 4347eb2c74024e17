"""Problems and requests that the oracle tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from wellposed.networks import MLP
from wellposed.regularizers import REGULARIZERS, Regularizer
from wellposed.training.request import Request, Rows


def of_strengths(strengths: dict[str, float]) -> dict[str, Regularizer]:
    """Regularizers of these strengths in the order in which they act."""
    return {name: cls(strengths[name]) for name, cls in REGULARIZERS.items() if name in strengths}


@pytest.fixture
def make_request() -> Callable[..., Request]:
    """Return a function that turns arrays and options into what the trainer is asked."""

    def make(
        X: np.ndarray,
        target: np.ndarray,
        hidden: tuple[int, ...] = (),
        *,
        weight: np.ndarray | None = None,
        activation: str = "relu",
        fit_intercept: bool = True,
        loss: str = "squared_error",
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
        strengths: dict[str, float] | None = None,
        averaging: float = 0.0,
        **options: Any,
    ) -> Request:
        target = target.reshape(len(X), -1)
        rows = Rows.from_arrays(X, target, weight, dtype, torch.device("cpu"))
        network = MLP(X.shape[1], target.shape[1], hidden, activation, fit_intercept)
        options.setdefault("batch_size", len(X))
        on = (strengths or {}) | ({"averaging": averaging} if averaging else {})
        options["regularizers"] = of_strengths(on)
        return Request(network=network, loss=loss, rows=rows, seed=seed, **options)

    return make


@pytest.fixture
def regression() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a function that draws correlated inputs, a sparse truth and noisy targets."""

    def draw(
        n: int, p: int, n_outputs: int = 1, seed: int = 0, noise: float = 0.5
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1)) + rng.normal(size=p)
        truth = rng.normal(size=(p, n_outputs)) * (rng.random((p, n_outputs)) < 0.5)
        y = X @ truth + rng.normal(size=n_outputs) + noise * rng.normal(size=(n, n_outputs))
        return X, (y[:, 0] if n_outputs == 1 else y)

    return draw
