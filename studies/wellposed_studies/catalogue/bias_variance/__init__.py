"""What does regularization trade? Bias against variance, for six regularizers.

The measurement is here; data, derived tables, claims and figures are the files beside it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...study import Cell, Grid, Profile, Study, by_profile
from .claims import CLAIMS
from .data import DATA, N_DRAWS, network, split, training_set
from .figures import FIGURES
from .tables import DERIVED

_STRENGTHS = {
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
_NONE = {"regularizer": "none", "strength": 0.0}
_REAL = ["diabetes", "digits"]
_LINEAR = by_profile(quick=np.logspace(-3, 0, 7).round(6), full=np.logspace(-3, 0, 13).round(6))


def _axes(sampling: str, data: list[str], names: tuple[str, ...] = tuple(_STRENGTHS)) -> list[Grid]:
    axes = [{"regularizer": name, "strength": _STRENGTHS[name]} for name in names]
    return [Grid({**axis, "sampling": sampling}, data) for axis in (_NONE, *axes)]


class BiasVariance(Study):
    """Rows 29 and 30 of the chapter's statements."""

    title = "What does a regularizer trade?"
    summary = (
        "Bias, variance and noise of a network's test error against the strength of L2, L1, "
        "dropout, input noise, early stopping and width: on a truth that is known, on diabetes "
        "(squared loss) and on digits (log loss and 0-1 loss)."
    )
    version = 2
    minutes: ClassVar = {"quick": 2.0, "full": 20.0}
    data = DATA
    side_by_side = True
    max_rows = 10_000
    factors = (
        *_axes("independent", ["synthetic"]),
        *_axes("subsample", _REAL),
        *_axes("bootstrap", ["synthetic", *_REAL], ("l2",)),
        Grid(
            {"regularizer": "linear", "strength": _LINEAR, "sampling": "fixed design"},
            ["fixed-design"],
        ),
    )
    repetitions = by_profile(quick=40, full=200)
    claims = CLAIMS
    derived = DERIVED
    figures = FIGURES

    def prepare(self, data: Any, rng: np.random.Generator, profile: Profile) -> Any:
        return split(data, rng) if "y" in data else data

    def measure(self, cell: Cell) -> dict[str, Any]:
        if cell.params["regularizer"] == "linear":
            return _measure_linear(cell)
        data, strength = cell.data, cell.params["strength"]
        X, y = training_set(cell)
        net = network(data.task, cell.params["regularizer"], strength, cell.seed).fit(X, y)
        if data.task == "classification":
            probability = np.zeros((len(data.X_test), data.n_classes))
            probability[:, net.classes_] = net.predict_proba(data.X_test)
            return {"probability": probability, "train_loss": net.loss_}
        prediction = net.predict(data.X_test)
        measured = {
            "prediction": prediction,
            "train_loss": float(np.mean((net.predict(X) - y) ** 2)),
        }
        if "f_test" in data:
            fresh = cell.rng("test noise").normal(size=len(prediction)) * data.noise**0.5
            measured["fresh_error"] = float(np.mean((prediction - data.f_test - fresh) ** 2))
            measured["line"] = net.predict(data.X_line)
        return measured


def _measure_linear(cell: Cell) -> dict[str, Any]:
    """A linear network with `N_DRAWS` outputs, each a training set; and Ridge, by numpy."""
    from wellposed import NetRegressor

    data, alpha = cell.data, cell.params["strength"]
    n, p = data.X.shape
    noise = cell.rng("noise").normal(size=(n, N_DRAWS)) * data.noise**0.5
    Y = data.f[:, np.newaxis] + noise
    net = NetRegressor(
        (), l2=alpha, fit_intercept=False, solver="lbfgs", tol=1e-10, max_epochs=10_000
    ).fit(data.X, Y)
    ridge = np.linalg.solve(data.X.T @ data.X + n * alpha * np.eye(p), data.X.T @ Y)
    distance = np.linalg.norm(net.coef_.T - ridge) / np.linalg.norm(ridge)
    return {"draws": net.predict(data.X_test).T, "ridge_distance": float(distance)}
