"""Logistic regression on separable rows, step by step: statement 10."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import (
    Estimate,
    at_least,
    at_most,
    change_of_log_slope,
    decade_changes,
    extreme,
    least_mean,
    range_in_last_decade,
)
from ...escaping import mathtext
from ...reporting.drawing import PALETTE, band, legend, letters, sets_of
from ...study import Cell, by_profile
from .data import separable_problem
from .linear import classifier, curvature
from .setup import study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ...storing.results import Results


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


@study.experiment(
    data=["separable", "digits"], l2=[0.0, 0.03], steps=by_profile(quick=10_000, full=100_000)
)
def growth(cell: Cell, l2: float, steps: int) -> dict[str, Any]:
    """Norm, angle and margin of gradient descent from zero, ten times a decade of steps."""
    import pandas as pd

    X, y = separable_problem(cell)
    best = maximum_margin(X, y)
    widest = float((y * (X @ best)).min())
    net = classifier(
        solver="sgd", l2=l2, learning_rate=1 / (curvature(X) / 4 + l2), warm_start=True
    )
    n_checks = round(10 * np.log10(steps)) + 1
    checks = np.unique(np.logspace(0, np.log10(steps), n_checks).round().astype(int))
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


def runs(results: Results, column: str, l2: float) -> list[pd.DataFrame]:
    """Of every data set what was measured, one row a step and one column a repetition."""
    table = results["growth"].table("growth", l2=l2)
    return [
        part.pivot(index="step", columns="repetition", values=column)
        for _, part in table.groupby("data")
    ]


def largest(found: list[pd.DataFrame], measure: Callable[..., np.ndarray]) -> Estimate:
    """The largest in all runs of what `claims.steps` measures; a repetition is on all data sets."""
    import pandas as pd

    sets = [
        pd.Series(measure(wide.index.to_numpy(), wide.to_numpy()), wide.columns) for wide in found
    ]
    return extreme(pd.concat(sets, axis=1).max(axis=1).to_numpy())


@study.claim(
    "On separable classes without penalty the norm grows linearly in log t: as much "
    "in the last decade of steps as in the one before.",
    at_most(0.1),
    measured="largest change of the slope against log t from the one to the other, a share",
    oracle="straight lines by least squares",
    source="7.3; Soudry 2018",
    row=10,
)
def norm_grows(results: Results) -> Estimate:
    """How far the norm's slope against log step in the last decade of steps is from that in the
    decade before: the largest share over all runs, infinite where the norm does not grow."""
    return largest(runs(results, "norm", 0.0), change_of_log_slope)


@study.claim(
    "On separable classes with L2 the norm stops growing.",
    at_most(1e-3),
    measured="largest relative change over the last decade of steps",
    oracle="the recorded norms",
    source="7.3",
    row=10,
)
def norm_stops(results: Results) -> Estimate:
    """Largest relative change of the norm over the last decade of steps, with L2."""
    return largest(runs(results, "norm", 0.03), range_in_last_decade)


@study.claim(
    "On separable classes without penalty the direction turns toward that of maximum margin.",
    at_least(0),
    measured="least fall of the angle per decade of steps, degrees",
    oracle="scikit-learn's linear SVC with C = 1e6",
    source="Soudry 2018",
    row=10,
)
def angle_falls(results: Results) -> Estimate:
    return per_decade(results, "angle", -1)


@study.claim(
    "On separable classes without penalty the normalised margin rises.",
    at_least(0),
    measured="least rise per decade of steps, a share of the maximum margin",
    oracle="scikit-learn's linear SVC with C = 1e6",
    source="Soudry 2018",
    row=10,
)
def margin_rises(results: Results) -> Estimate:
    return per_decade(results, "margin", 1)


def per_decade(results: Results, column: str, sign: int) -> Estimate:
    """Least mean change of a column from one decade of steps to the next, without penalty, over
    decades and data sets; the first ten steps are left out."""
    found = runs(results, column, 0.0)
    changes = [sign * decade_changes(wide.index.to_numpy(), wide.to_numpy()) for wide in found]
    n = min(change.shape[1] for change in changes)
    return least_mean(np.vstack([change[:, :n] for change in changes]))


@study.figure(
    "What does gradient descent do on separable classes, which have no solution?",
    alt="Three panels with a logarithmic step axis, for each set of classes. Without penalty the "
    "norm rises in a straight line, the angle falls and the margin rises; with L2, dotted, the "
    "norm levels off.",
    name="growth",
)
def steps(results: Results, figure: Figure) -> None:
    """Norm, angle and margin of gradient descent on separable classes, step by step."""
    table = results["growth"].table("growth")
    axes = figure.subplots(1, 3)
    for k, name in enumerate(sets_of(results["growth"])):
        for l2, line in {0.0: "-", 0.03: ":"}.items():
            part = table[(table["data"] == name) & (table["l2"] == l2)]
            for ax, column in zip(axes, ("norm", "angle", "margin")):
                wide = part.pivot(index="step", columns="repetition", values=column)
                label = f"{mathtext(name)}, {'no penalty' if l2 == 0 else f'L2 {l2:g}'}"
                band(ax, wide.index, wide.to_numpy(), PALETTE[k], ls=line, label=label)
    titles = {
        "norm of the weights": "2-norm",
        "angle": "degrees from the largest margin",
        "margin": "share of the largest margin",
    }
    for ax, (title, unit) in zip(axes, titles.items()):
        ax.set_title(title)
        ax.set_ylabel(unit)
    letters(axes)
    axes[2].set_ylim(top=1)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(bottom=0)
    for ax in axes:
        ax.set(xscale="log", xlabel="steps t")
    legend(figure, axes[0], 2)
