"""What L1 and L2 do to each weight: statements 2 and 3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Estimate, at_most, worst
from ...reporting.drawing import GREY, PALETTE, letters
from ...study import Cell
from .data import linear_problem
from .linear import regressor, relative
from .setup import LINEAR, study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: Strengths relative to the largest eigenvalue of the Hessian.
SHRINKAGE = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
#: Strengths relative to the one at which all weights are zero.
THRESHOLDS = (0.003, 0.03, 0.1, 0.3, 0.9)


@study.experiment(data=LINEAR)
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


@study.claim(
    "L2 shrinks along the Hessian's eigenvectors by λ / (λ + α), and to zero along the null space.",
    at_most(1e-6),
    measured="largest error of a coordinate, a share of the norm",
    oracle="eigenvectors by SVD, minimum-norm solution by pinv",
    source="7.1.1, eq. 7.13",
    row=2,
)
def l2_filter(results: Results) -> Estimate:
    return worst(results["shrinkage"], "filter_error")


@study.claim(
    "L2 sets no weight to zero.",
    at_most(0),
    measured="largest number of exact zeros over five strengths",
    oracle="counting",
    source="7.1.2",
    row=2,
    kind="identity",
)
def l2_no_zeros(results: Results) -> Estimate:
    return worst(results["shrinkage"], "l2_zeros")


@study.experiment(data="diabetes")
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


@study.claim(
    "On principal axes L1 is soft thresholding.",
    at_most(1e-6),
    measured="largest relative distance from the formula",
    oracle="eq. 7.23 by numpy",
    source="7.1.2, eq. 7.23",
    row=3,
    data="diabetes",
)
def l1_thresholds(results: Results) -> Estimate:
    return worst(results["soft_thresholds"], "threshold_error")


@study.claim(
    "On principal axes L1 gives exactly the zeros of soft thresholding.",
    at_most(0),
    measured="largest number of weights that are zero in one of the two only",
    oracle="eq. 7.23 by numpy",
    source="7.1.2, eq. 7.23",
    row=3,
    data="diabetes",
)
def l1_zeros(results: Results) -> Estimate:
    return worst(results["soft_thresholds"], "different_zeros")


@study.figure(
    "Do fitted networks follow the formulas?",
    alt="In a, points on four curves that rise from zero to one with the eigenvalue, later the "
    "stronger the penalty. In b, points on a line that is zero between minus one and one "
    "threshold and parallel to the diagonal outside.",
    height=3.2,
    data="diabetes",
)
def filters(results: Results, figure: Figure) -> None:
    """What L2 leaves of each coordinate, and what L1 leaves of each weight."""
    axes = figure.subplots(1, 2)
    _shrinkage_on(axes[0], results)
    table = results["soft_thresholds"].table("soft_thresholds")
    table = table[table["repetition"] == 0]
    strengths = sorted(table["relative_strength"].unique())[1:4]
    for i, strength in enumerate(strengths):
        part = table[table["relative_strength"] == strength]
        x = part["unpenalised"] / part["threshold"]
        y = part["weight"] / part["threshold"]
        axes[1].plot(x, y, "oD^"[i], color=PALETTE[i], label=f"α = {strength:g} of the largest")
    x = np.linspace(-4.3, 4.3, 161)
    soft = np.sign(x) * np.maximum(np.abs(x) - 1, 0)
    axes[1].plot(x, soft, color=GREY, lw=1, zorder=0, label="soft thresholding")
    axes[1].set(xlim=(-4.3, 4.3), ylim=(-3.4, 3.4), title="L1 on principal axes")
    axes[1].set_xlabel("unpenalised weight, in thresholds α / H")
    axes[1].set_ylabel("weight with L1, in thresholds")
    letters(axes)
    axes[1].legend(loc="upper left")


def _shrinkage_on(ax: Axes, results: Results) -> None:
    table = results["shrinkage"].table("shrinkage")
    table = table[table["repetition"] == 0]
    top = table["eigenvalue"].max()
    for i, strength in enumerate(sorted(table["relative_strength"].unique())[:4]):
        part = table[(table["relative_strength"] == strength) & (table["eigenvalue"] > 0)]
        part = part[part["unpenalised"].abs() > 1e-3 * part["unpenalised"].abs().max()]
        grid = np.geomspace(part["eigenvalue"].min(), top, 100)
        ax.plot(grid, grid / (grid + strength * top), color=PALETTE[i], lw=1)
        ratio = part["coordinate"] / part["unpenalised"]
        label = f"α = {strength:g} λ₁"
        ax.plot(part["eigenvalue"], ratio, "oD^s"[i], color=PALETTE[i], ms=3.5, label=label)
    ax.set(xscale="log", ylim=(-0.03, 1.05), title="L2 along eigenvectors")
    ax.set_xlabel("eigenvalue λ of the Hessian")
    ax.set_ylabel("coordinate, share of the unpenalised one")
    ax.legend(loc="lower right")
