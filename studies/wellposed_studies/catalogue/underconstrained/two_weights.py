"""One equation in two unknowns: the way of each method in the plane of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...reporting.drawing import PALETTE
from ...study import Cell
from .linear import curvature, regressor
from .setup import study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...storing.results import Results

#: Corners of the part of the plane that is drawn.
LOW, HIGH = np.array([-1.25, -1.1]), np.array([2.45, 1.5])


@study.experiment(data="two-weights")
def geometry(cell: Cell) -> dict[str, Any]:
    """Every method's weights, step by step or along its strengths, all from zero."""
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


@study.figure(
    "One equation, two weights: where does each method end on the line of solutions?",
    alt="A plane of two weights with a line of solutions and parallel lines of equal training "
    "error. Gradient descent and the L2 path run along the same straight line and end where a "
    "circle touches the line of solutions, at a right angle to it; the L1 path ends where the "
    "corner of a diamond touches it, on an axis; Adam takes a diagonal to another point of it.",
    height=4.9,
    name="geometry",
    key=True,
)
def ways(results: Results, ax: Axes) -> None:
    """One equation in two unknowns, and where each method ends on the line of solutions."""
    _plane(ax)
    table = results["geometry"].table("ways")
    table = table[table["repetition"] == 0]
    look: dict[str, dict[str, Any]] = {
        "gradient descent": {"color": PALETTE[4], "marker": "o", "ms": 8, "lw": 6, "alpha": 0.55},
        "L2 path": {"color": PALETTE[0], "marker": "s", "ls": "--"},
        "L1 path": {"color": PALETTE[1], "marker": "D", "ls": "-."},
        "adam": {"color": PALETTE[2], "marker": "^"},
    }
    for way, options in look.items():
        rows = table[table["way"] == way]
        options = {"lw": 1.2, "ms": 3, "label": "Adam" if way == "adam" else way, **options}
        ax.plot(rows["w1"], rows["w2"], **options)
        last = rows.iloc[-1]
        end = {"color": options["color"], "marker": options["marker"], "mec": "white"}
        ax.plot(last["w1"], last["w2"], ms=17 if way == "gradient descent" else 9, **end)
    _names(ax)


def _plane(ax: Axes) -> None:
    """The training error, its zeros, and the smallest balls that reach these."""
    w1, w2 = np.meshgrid(*(np.linspace(*ends, 60) for ends in zip(LOW, HIGH)))
    levels = [0.2, 0.8, 1.8, 3.2, 5.0, 7.2, 9.8, 12.8, 16.2, 20.0]
    error = (w1 + 2 * w2 - 2) ** 2
    ax.contour(w1, w2, error, levels=levels, colors="#dde2e7", linewidths=0.8)
    ends = np.array([LOW[0], HIGH[0]])
    ax.plot(ends, (2 - ends) / 2, color=PALETTE[6], lw=2, label="training error zero")
    turn = np.linspace(0, 2 * np.pi, 200)
    radius = 2 / np.sqrt(5)
    ax.plot(radius * np.cos(turn), radius * np.sin(turn), color=PALETTE[0], lw=1, ls=":")
    ax.plot([0, 1, 0, -1, 0], [1, 0, -1, 0, 1], color=PALETTE[1], lw=1, ls=":")
    ax.set(xlim=(LOW[0], HIGH[0]), ylim=(LOW[1], HIGH[1]))
    ax.set(xlabel="first weight", ylabel="second weight")
    ax.set_aspect("equal")
    ax.grid(visible=False)


def _names(ax: Axes) -> None:
    """Names beside the lines, in their colours, in place of a legend."""
    named = [
        (0.5, 0.95, "gradient descent and\nL2 path: least 2-norm", PALETTE[0]),
        (-1.2, 0.75, "L1 path:\nleast 1-norm", PALETTE[1]),
        (0.82, 0.68, "Adam: elsewhere", PALETTE[2]),
        (1.65, 0.28, "training\nerror zero", PALETTE[6]),
        (0.78, -0.9, "smallest ball\nof the 2-norm", PALETTE[0]),
        (-1.2, -0.95, "smallest ball\nof the 1-norm", PALETTE[1]),
    ]
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85}
    for x, y, text, color in named:
        ax.text(x, y, text, color=color, fontsize=8.5, bbox=box)
