"""What L1 and L2 do: shrinkage along eigenvectors, soft thresholding, and when each predicts
better."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...study import Cell
from .data import linear_problem
from .linear import curvature, mse, regressor, relative
from .separable import classifier

#: Strengths relative to the largest eigenvalue of the Hessian.
SHRINKAGE = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
#: Strengths relative to the one at which all weights are zero.
THRESHOLDS = (0.003, 0.03, 0.1, 0.3, 0.9)

#: Strengths of the paths on real tables, relative to the strongest.
RELATIVE = tuple(np.logspace(0, -3, 9).round(6))

#: The grid of true sparsity: rows, columns, standard deviation of the noise.
N_ROWS, N_COLUMNS, NOISE = 50, 100, 0.3


def shrinkage(cell: Cell) -> dict[str, Any]:
    """Row 2: the L2 solution in the Hessian's eigenvectors, against ``lambda / (lambda + a)``.

    Of an under-determined problem the unpenalised solution is the one of least norm.
    """
    import pandas as pd

    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    s, vectors = np.linalg.svd(X, full_matrices=True)[1:]
    eigenvalues = np.append(s**2, np.zeros(len(vectors) - len(s))) / len(X)
    star = np.linalg.pinv(X) @ y
    frames, n_zeros = [], 0
    for step in SHRINKAGE:
        a = step * eigenvalues[0]
        net = regressor(solver="lbfgs", l2=a, tol=1e-12, max_epochs=20_000)
        w = net.fit(X, y).coef_
        n_zeros += int((w[(X != 0).any(axis=0)] == 0).sum())
        frame = pd.DataFrame({"eigenvalue": eigenvalues, "filter": eigenvalues / (eigenvalues + a)})
        frame["coordinate"] = vectors @ w
        frame["unpenalised"] = vectors @ star
        frames.append(frame.assign(relative_strength=step))
    table = pd.concat(frames, ignore_index=True)
    wrong = table["coordinate"] - table["filter"] * table["unpenalised"]
    return {
        "shrinkage": table,
        "filter_error": float(wrong.abs().max() / np.linalg.norm(star)),
        "l2_zeros": n_zeros,
    }


def soft_thresholds(cell: Cell) -> dict[str, Any]:
    """Row 3: L1 where the Hessian is diagonal, that is on the table's principal axes."""
    import pandas as pd

    X, y = cell.data.X, cell.data.target
    rows = cell.rng("training set").integers(len(y), size=len(y))
    u, s, _ = np.linalg.svd(X[rows], full_matrices=False)
    kept = s > 1e-3 * s[0]
    Z, hessian = u[:, kept] * s[kept], s[kept] ** 2 / len(rows)
    star = Z.T @ y[rows] / len(rows) / hessian
    top = float(np.abs(hessian * star).max())
    frames = []
    for step in THRESHOLDS:
        net = regressor(solver="lbfgs", l1=step * top, tol=1e-12, max_epochs=20_000)
        frame = pd.DataFrame({"weight": net.fit(Z, y[rows]).coef_, "unpenalised": star})
        frame["threshold"] = step * top / hessian
        frame["formula"] = np.sign(star) * np.maximum(np.abs(star) - frame["threshold"], 0)
        frames.append(frame.assign(relative_strength=step))
    table = pd.concat(frames, ignore_index=True)
    zeros = [(table[c] == 0).to_numpy() for c in ("weight", "formula")]
    return {
        "soft_thresholds": table,
        "threshold_error": relative(table["weight"].to_numpy(), table["formula"].to_numpy()),
        "different_zeros": int((zeros[0] != zeros[1]).sum()),
        "l1_zeros": float(zeros[0].mean()),
    }


def sparsity(cell: Cell) -> dict[str, Any]:
    """Row 4: L1 or L2 at its best strength, on a truth of which `k` weights are not zero.

    The strength is chosen on 300 rows of their own. The truth has norm 1 and the inputs unit
    covariance, so the excess error is the squared distance of the weights from the truth.
    """
    rng, k = cell.rng("training set"), int(cell.params["k"])
    truth = np.zeros(N_COLUMNS)
    truth[rng.permutation(N_COLUMNS)[:k]] = rng.choice([-1.0, 1.0], k) / np.sqrt(k)
    X, X_val = rng.normal(size=(N_ROWS, N_COLUMNS)), rng.normal(size=(300, N_COLUMNS))
    y = X @ truth + NOISE * rng.normal(size=len(X))
    y_val = X_val @ truth + NOISE * rng.normal(size=len(X_val))
    penalty = cell.params["penalty"]
    net = regressor(solver="lbfgs", tol=1e-6, max_epochs=2000, warm_start=True)
    weights = [
        net.set_params(**{penalty: strength}).fit(X, y).coef_.copy()
        for strength in strengths(penalty, X, y)
    ]
    w = min(weights, key=lambda w: mse(X_val, w, y_val))
    true = truth != 0
    return {
        "excess_error": float(((w - truth) ** 2).sum()),
        "recall": float((w != 0)[true].mean()),
        "precision": float(true[w != 0].mean()) if w.any() else 1.0,
        "n_nonzero": int((w != 0).sum()),
    }


def strengths(penalty: str, X: np.ndarray, y: np.ndarray, n: int = 9) -> np.ndarray:
    """Strengths from strong to weak: to a thousandth of what makes all weights zero (l1), or of
    ten times the largest eigenvalue (l2)."""
    top = np.abs(X.T @ y).max() / len(X) if penalty == "l1" else 10 * curvature(X)
    return top * np.logspace(0, -3, n)


def penalty_path(cell: Cell) -> dict[str, Any]:
    """Test error on a real table along the strengths of both penalties, and with neither.

    Regression: mean squared error. Classification: share of wrong labels. Neither is what
    gradient descent from zero has reached after 4000 steps.
    """
    import pandas as pd

    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    error = _test_error(problem, _unpenalised(cell.data.task, X))
    rows = [{"path": "none", "strength": 0.0, "test": error}]
    for penalty in ("l1", "l2"):
        net = _penalised(cell.data.task)
        for relative_strength, strength in zip(RELATIVE, strengths(penalty, X, y, len(RELATIVE))):
            error = _test_error(problem, net.set_params(**{penalty: strength}))
            rows.append({"path": penalty, "strength": relative_strength, "test": error})
    return {"penalty_path": pd.DataFrame(rows)}


def _unpenalised(task: str, X: np.ndarray) -> Any:
    """Heavy ball from zero for regression, plain gradient descent for classes."""
    make, smoothness = (regressor, 1.0) if task == "regression" else (classifier, 0.25)
    step = 1 / (smoothness * curvature(X))
    return make(solver="sgd", learning_rate=step, max_epochs=4000)


def _penalised(task: str) -> Any:
    make = regressor if task == "regression" else classifier
    return make(solver="lbfgs", tol=1e-5, max_epochs=5000, warm_start=True)


def _test_error(problem: dict[str, np.ndarray], net: Any) -> float:
    net.fit(problem["X"], problem["y"])
    prediction, y = net.predict(problem["X_test"]), problem["y_test"]
    if hasattr(net, "classes_"):
        return float(np.mean(prediction != y))
    return float(np.mean((prediction - y) ** 2))
