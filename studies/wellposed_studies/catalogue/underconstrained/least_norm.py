"""The null space, and the solution of least norm: statements 7 and 8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import (
    Estimate,
    at_least,
    at_most,
    least,
    mean,
    relative_change,
    slope,
    within,
    worst,
)
from ...escaping import mathtext
from ...reporting.drawing import PALETTE, band, legend, letters, sets_of
from ...study import Cell
from .data import linear_problem
from .linear import curvature, descend, mse, regressor, relative
from .setup import DRAWN, LINEAR, study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: Moves along the null space, in norms of the minimum-norm solution.
MOVES = np.linspace(-3, 3, 25)
#: Strengths of L2, from strong to weak, relative to the largest eigenvalue.
L2_STEPS = np.logspace(0, -9, 10)
SOLVERS = ["gradient descent", "momentum", "adam", "random start"]


@study.experiment(data=LINEAR)
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


@study.claim(
    "Moving along the null space of X leaves the training error as it is.",
    at_most(1e-10),
    measured="largest change over moves of up to three norms, a share of the targets' mean square",
    oracle="null space by SVD",
    source="7.3",
    row=7,
)
def flat_valley(results: Results) -> Estimate:
    return worst(results["null_space"], "train_change")


@study.claim(
    "For rows drawn from a real table, moving along the null space of X makes "
    "predictions of the others worse.",
    at_least(0.01),
    measured="test error after a move by the solution's own norm, less that at the solution, "
    "as a share",
    oracle="rows that were not trained on",
    source="7.3",
    row=7,
    data="diabetes",
)
def moving_hurts(results: Results) -> Estimate:
    """Test error after a move along the null space by the solution's norm, less that at the
    solution, as a share of the latter."""
    table = results["null_space"].table()
    after, before = (table[c].to_numpy() for c in ("test_moved", "test_at_solution"))
    return relative_change(after, before)


@study.figure(
    "What happens along the null space?",
    alt="In a, training error against the length of a move: flat at zero along the null space, "
    "steep parabolas along the row space. In b, test error along the null space, lowest near the "
    "solution of least norm and rising to both sides.",
)
def valley(results: Results, figure: Figure) -> None:
    """Training and test error along the null space, and along the row space for comparison."""
    walk = results["null_space"].table("walk")
    axes = figure.subplots(1, 2)
    for k, name in enumerate(sets_of(results["null_space"])):
        part = walk[walk["data"] == name]
        color, line = PALETTE[k], ["-", "--"][k % 2]
        wide = {
            column: part.pivot(index="move", columns="repetition", values=column)
            for column in ("train", "train_row_space", "test")
        }
        moves = wide["train"].index.to_numpy()
        look: dict[str, Any] = {"ls": line, "lw": 4 - 2 * k, "zorder": 3}
        look["label"] = f"{mathtext(name)}, null space"
        band(axes[0], moves, wide["train"].to_numpy(), color, **look)
        look = {"ls": line, "lw": 0.8, "label": f"{mathtext(name)}, row space"}
        band(axes[0], moves, wide["train_row_space"].to_numpy(), color, **look)
        test = wide["test"].to_numpy()
        start = test[np.abs(moves).argmin()]
        band(axes[1], moves, test / start, color, ls=line, label=mathtext(name))
    axes[0].set_ylim(-0.5, 4)
    axes[0].grid(axis="y", visible=False)
    axes[0].text(0, -0.12, "null space: no change", ha="center", va="top")
    axes[0].text(1.6, 3.5, "row space", ha="left")
    axes[0].set_title("training error")
    axes[0].set_ylabel("share of the targets' mean square")
    axes[1].set_title("test error")
    axes[1].set_ylabel("multiple of that at the solution")
    for ax in axes:
        ax.set_xlabel("move, in norms of the solution")
    letters(axes)
    legend(figure, axes[0], 2)


@study.experiment(data=LINEAR, solver=SOLVERS)
def minimum_norm(cell: Cell, solver: str) -> dict[str, Any]:
    """Row 8: where gradient descent, heavy ball, Adam and a random start end."""
    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    w = descend(X, y, solver, cell.seed)
    pinv = np.linalg.pinv(X) @ y
    row_space = np.linalg.pinv(X) @ X
    return {
        "distance": relative(w, pinv),
        "row_space_distance": relative(row_space @ w, pinv),
        "train_error": mse(X, w, y) / float(np.mean(y**2)),
        "test_error": mse(problem["X_test"], w, problem["y_test"]),
        "norm_ratio": float(np.linalg.norm(w) / np.linalg.norm(pinv)),
    }


@study.claim(
    "Gradient descent, momentum, Adam and a random start all reach training error "
    "zero, in every run.",
    at_most(1e-6),
    measured="largest training error, a share of the targets' mean square",
    oracle="the rows themselves",
    source="7.3",
    row=8,
)
def interpolates(results: Results) -> Estimate:
    """Largest training error, as a share of the targets' mean square, over solvers and sets."""
    return worst(results["minimum_norm"], "train_error")


@study.claim(
    "Gradient descent from zero, with or without momentum, ends in the solution of least norm.",
    at_most(1e-10),
    measured="largest relative distance",
    oracle="numpy.linalg.pinv",
    source="7.3",
    row=8,
    data=DRAWN,
)
def minimum_norm_drawn(results: Results) -> Estimate:
    """Largest distance from the minimum-norm solution, with and without momentum."""
    return worst(results["minimum_norm"], "distance", solver=["gradient descent", "momentum"])


@study.claim(
    "On a real table, gradient descent with momentum from zero ends in the solution of least norm.",
    at_most(1e-6),
    measured="largest relative distance",
    oracle="numpy.linalg.pinv",
    source="7.3",
    row=8,
    data="diabetes",
)
def minimum_norm_diabetes(results: Results) -> Estimate:
    return worst(results["minimum_norm"], "distance", solver="momentum")


@study.claim(
    "Adam from zero interpolates and ends elsewhere.",
    at_least(0.05),
    measured="least relative distance from the solution of least norm",
    oracle="numpy.linalg.pinv",
    source="7.3; Wilson 2017",
    row=8,
)
def adam_differs(results: Results) -> Estimate:
    return least(results["minimum_norm"], "distance", solver="adam")


@study.claim(
    "A random start ends in the solution of least norm but for its own part in the "
    "null space, which it keeps.",
    at_most(1e-6),
    measured="largest relative distance between the two in the row space",
    oracle="numpy.linalg.pinv",
    source="7.3",
    row=8,
)
def start_decides(results: Results) -> Estimate:
    return worst(results["minimum_norm"], "row_space_distance", solver="random start")


@study.experiment(data=LINEAR)
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


@study.claim(
    "L2 with a strength that goes to zero gives the solution of least norm.",
    at_most(1e-6),
    measured="largest relative distance at the weakest strength",
    oracle="numpy.linalg.pinv",
    source="7.3; pseudoinverse, eq. 7.29",
    row=8,
    data=DRAWN,
)
def l2_limit(results: Results) -> Estimate:
    return worst(results["l2_to_zero"], "last_distance")


@study.claim(
    "L2 comes nearer to the solution of least norm in proportion to its strength.",
    within(0.9, 1.1),
    measured="slope of log distance against log strength",
    oracle="eq. 7.13, to first order",
    source="7.1.1, eq. 7.13",
    row=8,
    data=DRAWN,
)
def l2_order(results: Results) -> Estimate:
    """Slope of the distance against the strength, both in logarithms, over the last decades."""
    path = {"rows": "relative_strength", "table": "l2_path"}
    distance = results["l2_to_zero"].matrix("distance", **path)
    distance = distance[distance.index <= 1e-3]
    return mean(slope(np.log(distance.to_numpy()), np.log(distance.index.to_numpy())))


@study.figure(
    "Who ends in the solution of least norm?",
    alt="In a, points by method; descent and momentum from zero lie many orders of magnitude "
    "below Adam and a random start. In b, the distance falls in a straight line with the "
    "strength of L2, for drawn data and for the real table.",
    name="minimum-norm",
)
def ends(results: Results, figure: Figure) -> None:
    """How far each method ends from the minimum-norm solution."""
    table = results["minimum_norm"].table()
    path = results["l2_to_zero"].table("l2_path")
    axes = figure.subplots(1, 2, sharey=True)
    names = sets_of(results["minimum_norm"])
    for k, name in enumerate(names):
        part = table[table["data"] == name]
        for x, solver in enumerate(SOLVERS):
            y = part.loc[part["solver"] == solver, "distance"].to_numpy()
            places = x + (k - 0.5) * 0.3 + np.linspace(-0.08, 0.08, len(y))
            marker = "os"[k % 2]
            axes[0].plot(places, np.maximum(y, 1e-17), marker, color=PALETTE[k], ms=3.5, alpha=0.7)
        wide = path[path["data"] == name].pivot(
            index="relative_strength", columns="repetition", values="distance"
        )
        options = {"marker": "os"[k % 2], "ls": ["-", "--"][k % 2], "label": mathtext(name)}
        band(axes[1], wide.index, wide.to_numpy(), PALETTE[k], **options)
    labels = ["descent", "momentum", "Adam", "random\nstart"]
    axes[0].set_xticks(range(len(SOLVERS)), labels)
    axes[0].set_yscale("log")
    axes[0].set_ylabel("distance from pinv(X) y,\nshare of its norm")
    axes[0].set_title("methods without penalty")
    axes[1].set(xscale="log", xlabel="L2 strength, share of the largest eigenvalue")
    axes[1].invert_xaxis()
    axes[1].set_title("L2 → 0")
    letters(axes)
    axes[1].legend()
