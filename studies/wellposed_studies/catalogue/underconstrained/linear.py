"""Linear problems with fewer equations than unknowns: which solution does one get?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...study import Cell
from .data import linear_problem

#: Moves along the null space, in norms of the minimum-norm solution.
MOVES = np.linspace(-3, 3, 25)
#: Penalties, from strong to weak, relative to the largest eigenvalue or to the one at which L1
#: is all zero.
L2_STEPS = np.logspace(0, -9, 10)
L1_STEPS = np.logspace(0, -8.5, 9)
#: A weight counts as zero below this share of the largest.
NEGLIGIBLE = 1e-5


def curvature(X: np.ndarray) -> float:
    """Largest eigenvalue of the Hessian ``X'X / n``."""
    return float(np.linalg.norm(X, 2) ** 2 / len(X))


def regressor(**settings: Any) -> Any:
    """A linear network without intercept."""
    from wellposed import NetRegressor

    return NetRegressor((), fit_intercept=False, batch_size=None, **settings)


def minimum_l1(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of least 1-norm that solve ``X w = y``, by linear programming (basis pursuit).

    Examples
    --------
    >>> minimum_l1(np.array([[1.0, 2.0]]), np.array([2.0])).round(12)
    array([0., 1.])
    """
    from scipy.optimize import linprog

    p = X.shape[1]
    found = linprog(np.ones(2 * p), A_eq=np.hstack([X, -X]), b_eq=y, bounds=(0, None))
    if not found.success:
        raise ValueError(f"basis pursuit has no solution: {found.message}")
    return found.x[:p] - found.x[p:]


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


def null_space(cell: Cell) -> dict[str, Any]:
    """Row 7: go along the null space, by multiples of the solution's norm."""
    import pandas as pd

    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    w = descend(X, y, "momentum", cell.seed)
    s, rows = np.linalg.svd(X, full_matrices=True)[1:]
    null = rows[int((s > 1e-10 * s[0]).sum()) :].T
    direction = null @ cell.rng("direction").normal(size=null.shape[1])
    direction *= np.linalg.norm(w) / np.linalg.norm(direction)
    row = rows[0] * np.linalg.norm(w)
    scale = float(np.mean(y**2))
    walk = pd.DataFrame(
        {
            "move": MOVES,
            "train": [mse(X, w + t * direction, y) / scale for t in MOVES],
            "train_row_space": [mse(X, w + t * row, y) / scale for t in MOVES],
            "test": [mse(problem["X_test"], w + t * direction, problem["y_test"]) for t in MOVES],
        }
    )
    at = {t: int(np.abs(MOVES - t).argmin()) for t in (0.0, 1.0)}
    return {
        "walk": walk,
        "null_dimensions": null.shape[1],
        "train_change": float(np.abs(walk["train"] - walk["train"][at[0.0]]).max()),
        "test_at_solution": walk["test"][at[0.0]],
        "test_moved": walk["test"][at[1.0]],
    }


def minimum_norm(cell: Cell) -> dict[str, Any]:
    """Row 8: where gradient descent, heavy ball, Adam and a random start end."""
    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    w = descend(X, y, cell.params["solver"], cell.seed)
    pinv = np.linalg.pinv(X) @ y
    row_space = np.linalg.pinv(X) @ X
    return {
        "distance": relative(w, pinv),
        "row_space_distance": relative(row_space @ w, pinv),
        "train_error": mse(X, w, y) / float(np.mean(y**2)),
        "test_error": mse(problem["X_test"], w, problem["y_test"]),
        "norm_ratio": float(np.linalg.norm(w) / np.linalg.norm(pinv)),
    }


def l2_to_zero(cell: Cell) -> dict[str, Any]:
    """Row 8: L2 with a strength that goes to zero."""
    import pandas as pd

    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    pinv, top = np.linalg.pinv(X) @ y, curvature(X)
    net = regressor(solver="lbfgs", tol=1e-12, max_epochs=20_000, warm_start=True)
    rows = []
    for step in L2_STEPS:
        w = net.set_params(l2=step * top).fit(X, y).coef_
        test = mse(problem["X_test"], w, problem["y_test"])
        rows.append({"relative_strength": step, "distance": relative(w, pinv), "test": test})
    return {"l2_path": pd.DataFrame(rows), "last_distance": rows[-1]["distance"]}


def l1_to_zero(cell: Cell) -> dict[str, Any]:
    """Row 9: L1 with a strength that goes to zero, each fit started from the one before."""
    import pandas as pd

    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    pursuit = minimum_l1(X, y)
    top = float(np.abs(X.T @ y).max() / len(X))
    net = regressor(solver="lbfgs", max_epochs=100_000, warm_start=True)
    rows = []
    for step in L1_STEPS:
        strength = step * top
        w = net.set_params(l1=strength, tol=max(1e-4 * strength, 1e-15)).fit(X, y).coef_
        rows.append(
            {
                "relative_strength": step,
                "excess_norm": float(np.abs(w).sum() / np.abs(pursuit).sum() - 1),
                "n_nonzero": int((w != 0).sum()),
                "test": mse(problem["X_test"], w, problem["y_test"]),
            }
        )
    found, wanted = (np.abs(v) > NEGLIGIBLE * np.abs(v).max() for v in (w, pursuit))
    return {
        "l1_path": pd.DataFrame(rows),
        "excess_norm": abs(rows[-1]["excess_norm"]),
        "wrong_support": int((found != wanted).sum()),
        "n_nonzero": int(found.sum()),
        "test_minimum_l1": mse(problem["X_test"], pursuit, problem["y_test"]),
    }


def geometry(cell: Cell) -> dict[str, Any]:
    """One equation in two unknowns: the way of each method in the plane of the weights."""
    import pandas as pd

    X, y = cell.data.X, cell.data.target
    top = curvature(X)
    start = regressor(solver="sgd", momentum=0.0, learning_rate=0.15 / top, warm_start=True)
    zero = float(np.abs(X.T @ y).max() / len(X))
    ways: dict[str, Any] = {
        "gradient descent": (start.set_params(max_epochs=1) for _ in range(40)),
        "adam": (
            regressor(solver="adam", learning_rate=0.03, max_epochs=int(t))
            for t in np.logspace(0, 2.1, 20)
        ),
        "L2 path": (
            regressor(solver="lbfgs", tol=1e-10, l2=top * a) for a in np.logspace(2, -6, 17)
        ),
        "L1 path": (
            regressor(solver="lbfgs", tol=1e-10, l1=zero * a) for a in np.linspace(1, 1e-6, 9)
        ),
    }
    frames = []
    for way, nets in ways.items():
        weights = np.array([np.zeros(2)] + [net.fit(X, y).coef_.copy() for net in nets])
        frame = pd.DataFrame({"way": way, "step": np.arange(len(weights))})
        frames.append(frame.assign(w1=weights[:, 0], w2=weights[:, 1]))
    return {"ways": pd.concat(frames, ignore_index=True)}
