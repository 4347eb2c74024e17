"""On a truth that is known: which way bias and variance move, whether the trade pays, and how
far it can be driven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...claims import Axis, Estimate, at_least, halves, peak_inside, relative_slope
from ...claims import too_much_hurts as hurts
from ...reporting.drawing import PALETTE, legend
from .drawing import along_strengths
from .setup import SMALL, study
from .tables import Place, axes_at, axis_at, decompositions, estimates

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: How a sentence says that a regularizer gets stronger.
STRONGER = [
    {"regularizer": "l2", "stronger": "More L2"},
    {"regularizer": "l1", "stronger": "More L1"},
    {"regularizer": "dropout", "stronger": "More dropout"},
    {"regularizer": "input_noise", "stronger": "More input noise"},
    {"regularizer": "epochs", "stronger": "Stopping earlier"},
    {"regularizer": "width", "stronger": "Reducing the number of hidden units"},
]
ORACLE = "the true function, independent training sets"


def place(results: Results) -> Place:
    """The one data set with its loss."""
    return Place(results.data_names[0], "squared", "independent")


@study.claim(
    "{stronger} raises bias² and lowers variance: a straight line through all strengths rises "
    "through the one and falls through the other.",
    at_least(0),
    name="moves-{regularizer}",
    measured="the smaller of the two slopes, share of the error per step of strength",
    oracle=ORACLE,
    source="5.4.4; 7",
    row=29,
    data="synthetic",
    each=STRONGER,
)
def moves(results: Results, regularizer: str) -> Estimate:
    """The smaller of the bias's rise and the variance's fall, per step of strength."""
    return relative_slope(
        [axis_at(results, place(results), regularizer)], {"bias": 1, "variance": -1}
    )


@study.claim(
    "{stronger} makes a profitable trade.",
    at_least(SMALL),
    name="trade-pays-{regularizer}",
    measured="variance saved less bias² paid, a share of the error, at a strength chosen on other "
    "repetitions",
    oracle=ORACLE,
    source="7, introduction; 5.4.4",
    row=29,
    data="synthetic",
    each=STRONGER,
)
def trade_pays(results: Results, regularizer: str) -> Estimate:
    """Variance saved less bias paid, a share of the error without regularization.

    The two differences add up to that of the errors, in every repetition.
    """
    return axis_at(results, place(results), regularizer).saved_by_chosen()


@study.claim(
    "Of each regularizer there is a too much: the strongest that was tried is worse than the one "
    "chosen.",
    at_least(SMALL),
    name="best-inside",
    measured="share by which the strongest is worse than the chosen one, least of six",
    oracle=ORACLE,
    source="5.4.4",
    row=29,
    data="synthetic",
)
def too_much_hurts(results: Results) -> Estimate:
    """Least loss, over the regularizers, by going from the chosen strength to the strongest."""
    return hurts(axes_at(results, place(results)))


@study.claim(
    "Variance is highest at a width between the ends of those tried.",
    at_least(0),
    name="variance-peaks-in-width",
    measured="variance at a width chosen on other repetitions, less that at the worse end",
    oracle=ORACLE,
    source="Yang 2020; Belkin 2019",
    row=29,
    data="synthetic",
)
def variance_peaks(results: Results) -> Estimate:
    """Variance at the width where the first half of the repetitions sees most of it, less that at
    the narrower and at the wider end, whichever is larger."""
    axis = axis_at(results, place(results), "width")
    parts = halves(axis.matrix("error").shape[1])
    return peak_inside(*(_variances(results, axis, part) for part in parts))


def _variances(results: Results, axis: Axis, part: slice) -> np.ndarray:
    """Pseudo-values of the variance (n_settings, n) from some of the repetitions only."""
    found = {
        (row["regularizer"], row["strength"]): result.pseudo_values["variance"]
        for row, result in decompositions(results, part, ["independent"])
    }
    return np.array([found[setting] for setting in axis.settings])


@study.figure(
    "How do networks differ from one training set to the next?",
    alt="Three panels of thin fitted curves, their dashed mean and a sine-shaped true function: L2 "
    "off, L2 at its best strength, L2 at its strongest. From panel to panel the curves scatter "
    "less; in the last they are nearly flat lines. At both ends of the first panel an arrow leads "
    "from the mean to the truth, which it misses.",
    height=2.7,
    data="synthetic",
)
def fits(results: Results, figure: Figure) -> None:
    """Fits to independent training sets along the first input, at three strengths of L2."""
    data = results.data()
    axis = axis_at(results, place(results), "l2")
    error = estimates(results, place(results), axis, "error")["estimate"].to_numpy()
    shown = {"off": 0, "best": max(int(error.argmin()), 1), "strongest": len(axis.strengths) - 1}
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    x = data.X_line[:, 0]
    for ax, (title, position) in zip(axes, shown.items()):
        name, strength = axis.settings[position]
        setting = {"regularizer": name, "strength": strength}
        lines = results["independent"].stacked("line", **setting)["line"].iloc[0]
        ax.plot(x, lines[:30].T, color=PALETTE[1], lw=0.6, alpha=0.45)
        ax.plot([], [], color=PALETTE[1], lw=0.9, label="one training set each")
        ax.plot(x, lines.mean(axis=0), color=PALETTE[0], lw=2, ls="--", label="their mean")
        ax.plot(x, data.f_line, color=PALETTE[6], lw=1.6, label="the truth")
        ax.set_title("L2 off" if title == "off" else f"L2 {title}: {strength:.2g}")
        ax.set_xlabel("first input, others at 0")
        if title == "off":
            _missed(ax, x, lines.mean(axis=0), data.f_line)
    axes[0].set_ylabel("prediction")
    legend(figure, axes[0], 3)


def _missed(ax: Axes, x: np.ndarray, mean: np.ndarray, truth: np.ndarray) -> None:
    """Arrows from the mean to the truth at both ends of a line of inputs, and what they show."""
    look = {"arrowstyle": "->", "color": PALETTE[0], "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    for end in (0, -1):
        ax.annotate("", (x[end], truth[end]), (x[end], mean[end]), arrowprops=look)
    ax.text(0.03, 0.97, "bias without L2", color=PALETTE[0], va="top", transform=ax.transAxes)


@study.derived
def missed(results: Results) -> pd.DataFrame:
    """How far the mean of the networks without L2 is from the truth along the line of inputs: at
    its ends, the mean of the two, and at most in the middle, between -1/2 and 1/2."""
    import pandas as pd

    data = results.data("synthetic")
    setting = {"data": "synthetic", "regularizer": "none", "strength": 0.0}
    lines = results["independent"].stacked("line", **setting)["line"].iloc[0]
    distance = np.abs(lines.mean(axis=0) - data.f_line)
    middle = np.abs(data.X_line[:, 0]) <= 0.5
    found = {"ends": distance[[0, -1]].mean(), "middle": distance[middle].max()}
    return pd.DataFrame({"where": list(found), "distance": list(found.values())})


@study.figure(
    "What does each regularizer trade, from weak (left) to strong (right)?",
    alt="Six panels, a large one for L2, small ones for L1, dropout, input noise, epochs and "
    "width. Each shows squared bias, variance, the constant noise and their sum, the error, "
    "against strength, from weak at the left to strong at the right, with bands for the "
    "intervals.",
    height=5.4,
    data="synthetic",
    name="synthetic",
    key=True,
)
def strengths(results: Results, figure: Figure) -> None:
    along_strengths(figure, results, place(results))
