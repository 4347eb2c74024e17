"""Row 10: logistic regression on separable rows, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...study import Cell
from .data import separable_problem
from .linear import curvature


def classifier(**settings: Any) -> Any:
    """A linear network for two classes without intercept, on all rows, without momentum."""
    from wellposed import NetClassifier

    return NetClassifier((), fit_intercept=False, batch_size=None, momentum=0.0, **settings)


def maximum_margin(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Unit vector of the plane through the origin that is farthest from all rows.

    A support vector machine with a huge C, by scikit-learn. Its intercept is zero as every row
    is given on both sides, ``(x, y)`` and ``(-x, -y)``.

    Examples
    --------
    >>> maximum_margin(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([1.0, -1.0])).round(3)
    array([0.707, 0.707])
    """
    from sklearn.svm import SVC

    both, labels = np.vstack([X, -X]), np.concatenate([y, -y])
    w = SVC(kernel="linear", C=1e6, tol=1e-8).fit(both, labels).coef_[0]
    return w / np.linalg.norm(w)


def growth(cell: Cell) -> dict[str, Any]:
    """Norm, angle and margin of gradient descent from zero, ten times a decade of steps."""
    import pandas as pd

    X, y = separable_problem(cell)
    l2, n_steps = cell.params["l2"], int(cell.params["steps"])
    best = maximum_margin(X, y)
    widest = float((y * (X @ best)).min())
    net = classifier(
        solver="sgd", l2=l2, learning_rate=1 / (curvature(X) / 4 + l2), warm_start=True
    )
    n_checks = round(10 * np.log10(n_steps)) + 1
    checks = np.unique(np.logspace(0, np.log10(n_steps), n_checks).round().astype(int))
    rows, done = [], 0
    for step in checks:
        w = net.set_params(max_epochs=int(step - done)).fit(X, y).coef_[0]
        done = step
        norm = float(np.linalg.norm(w))
        cosine = float(np.clip(w @ best / norm, -1, 1))
        margin = float((y * (X @ w)).min()) / norm
        rows.append(
            {
                "step": int(step),
                "norm": norm,
                "angle": float(np.degrees(np.arccos(cosine))),
                "margin": margin / widest,
                "loss": float(np.mean(np.logaddexp(0, -y * (X @ w)))),
            }
        )
    return {"growth": pd.DataFrame(rows), "widest_margin": widest}
