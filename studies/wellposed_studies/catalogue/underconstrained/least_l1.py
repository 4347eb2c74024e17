"""The solution of least 1-norm: statement 9."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Estimate, at_most, worst
from ...escaping import mathtext
from ...reporting.drawing import GREY, PALETTE, band, letters
from ...study import Cell, Grid
from .data import linear_problem
from .linear import mse, regressor
from .setup import DRAWN, study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: Strengths of L1, from strong to weak, relative to the one at which all weights are zero.
L1_STEPS = np.logspace(0, -8.5, 9)
#: A weight counts as zero below this share of the largest.
NEGLIGIBLE = 1e-5


def basis_pursuit(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of least 1-norm that solve ``X w = y``, by linear programming.

    Examples
    --------
    >>> basis_pursuit(np.array([[1.0, 2.0]]), np.array([2.0])).round(12)
    array([0., 1.])
    """
    from scipy.optimize import linprog

    p = X.shape[1]
    found = linprog(np.ones(2 * p), A_eq=np.hstack([X, -X]), b_eq=y, bounds=(0, None))
    if not found.success:
        raise ValueError(f"basis pursuit has no solution: {found.message}")
    return found.x[:p] - found.x[p:]


@study.experiment(settings=[Grid({"k": [3, 60]}, [DRAWN]), Grid({}, ["diabetes"])])
def minimum_l1(cell: Cell, k: int | None = None) -> dict[str, Any]:
    """Row 9: L1 with a strength that goes to zero, each fit started from the one before."""
    import pandas as pd

    problem = linear_problem(cell, k)
    X, y = problem["X"], problem["y"]
    pursuit = basis_pursuit(X, y)
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


@study.claim(
    "L1 with a strength that goes to zero, down a warm-started path, gives the "
    "solution of least 1-norm.",
    at_most(1e-6),
    measured="largest relative difference of the 1-norms",
    oracle="basis pursuit by scipy.optimize.linprog",
    source="7.3; Chen 1998",
    row=9,
)
def l1_limit(results: Results) -> Estimate:
    return worst(results["minimum_l1"], "excess_norm")


@study.claim(
    "The end of the L1 path and the solution of least 1-norm have the same weights "
    "different from zero.",
    at_most(0),
    measured="largest number of weights in one support only; what is below 1e-5 of the "
    "largest weight is zero",
    oracle="basis pursuit by scipy.optimize.linprog",
    source="7.3; Chen 1998",
    row=9,
)
def l1_support(results: Results) -> Estimate:
    return worst(results["minimum_l1"], "wrong_support")


@study.figure(
    "Does the L1 path end in the solution of basis pursuit?",
    alt="In a, three falling straight lines on logarithmic axes, for sparse and dense drawn "
    "truths and for a real table. In b, the number of weights rises from zero and levels off at "
    "the number of rows, or at that of the true weights where these are few.",
    name="minimum-l1",
)
def l1_paths(results: Results, figure: Figure) -> None:
    """How near the L1 path comes to basis pursuit, and with how many weights."""
    path = results["minimum_l1"].table("l1_path")
    path["problem"] = [
        mathtext(name) if k != k else f"{mathtext(name)}, {int(k)} true weights"
        for name, k in zip(path["data"], path["k"])
    ]
    axes = figure.subplots(1, 2)
    for i, problem in enumerate(path["problem"].unique()):
        part = path[path["problem"] == problem]
        options = {"marker": "osD"[i % 3], "ls": ["-", "--", "-."][i % 3], "label": problem}
        for ax, column in zip(axes, ("excess_norm", "n_nonzero")):
            wide = part.pivot(index="relative_strength", columns="repetition", values=column)
            values = np.abs(wide.to_numpy())
            band(ax, wide.index, values, PALETTE[i], **options)
    axes[0].axhline(1e-6, color=GREY, lw=0.8)
    axes[0].set_yscale("log")
    axes[0].set_ylim(top=3)
    axes[0].set_ylabel("difference of the 1-norm from\nthe least one, a share")
    axes[1].set_ylabel("weights that are not zero")
    axes[1].set_ylim(bottom=0)
    for ax in axes:
        ax.set(xscale="log", xlabel="L1 strength, share of the all-zero one")
        ax.invert_xaxis()
    axes[0].set_title("towards the least 1-norm")
    axes[1].set_title("sparsity")
    letters(axes)
    axes[0].legend(loc="lower left")
