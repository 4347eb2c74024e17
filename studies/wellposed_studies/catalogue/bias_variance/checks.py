"""Is the measurement right? Sums, fresh targets, Ridge's closed form, and bootstraps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import (
    Estimate,
    at_most,
    exact,
    relative_change,
    standard_errors_off,
    within,
    worst,
)
from ...escaping import mathtext
from ...reporting.drawing import legend
from ...reporting.strength_axis import place_ticks
from ...study import Cell, by_profile
from .drawing import LOOK, UNITS, curves_with_bars
from .setup import study
from .tables import Place, axes_at, axis_at, decompositions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: Training sets that are decomposed at a time where a correction is put to the test.
LOT = 2
#: Training sets that one cell of the fixed design draws, as the outputs of one network.
N_DRAWS = 25


@study.claim(
    "Bias, variance and noise add up to the mean loss, under all three losses.",
    at_most(1e-10),
    measured="largest difference from the mean loss of the stored predictions",
    oracle="the losses' definitions",
    source="5.4.4; Domingos 2000; Heskes 1998",
    row=30,
    kind="identity",
)
def adds_up(results: Results) -> Estimate:
    """Largest difference at any test point between the terms' sum and the plain mean loss."""
    largest = 0.0
    for row, result in decompositions(results):
        data, P = results.data(row["data"]), result.predictions
        if result.loss == "squared":
            target = data.f_test if "f_test" in data else data.y_test
            loss = np.mean((P - target) ** 2, axis=0) + data.get("noise", 0.0)
        elif result.loss == "zero_one":
            loss = np.mean(data.y_test != P, axis=0)
        else:
            loss = -np.mean(np.log(P[:, np.arange(len(data.y_test)), data.y_test]), axis=0)
        total = sum(result.per_point[name] for name in result.terms)
        largest = max(largest, float(np.abs(total - loss).max()))
    return exact(largest)


@study.claim(
    "Bias², variance and noise of two networks add up, on average, to the error on fresh test "
    "targets.",
    within(-0.05, 0.05),
    measured="their sum over the error on fresh targets, less one; training sets in pairs",
    oracle="targets drawn anew from the truth, with their noise",
    source="5.4.4",
    row=29,
    data="synthetic",
)
def fresh_error(results: Results) -> Estimate:
    """Bias², variance and noise of `LOT` networks at a time over their error on fresh noisy
    targets, less one.

    Of so few, a bias² without its correction would be too large by half of the variance.
    """
    axes = axes_at(results, Place(results.data_names[0], "squared", "independent"))
    settings = sorted({setting for axis in axes for setting in axis.settings})
    cells = results["independent"]
    fresh = cells.matrix("fresh_error", ["regularizer", "strength"])
    stacked = cells.stacked("prediction").set_index(["regularizer", "strength"])
    data = results.data()
    summed = [
        [
            sum(getattr(lot, term) for term in lot.terms)
            for lot in in_lots(stacked["prediction"][setting], data)
        ]
        for setting in settings
    ]
    sums = np.array(summed).mean(axis=0)
    errors = fresh.loc[settings].to_numpy().mean(axis=0)[: len(sums) * LOT]
    return relative_change(sums, errors.reshape(len(sums), LOT).mean(axis=1))


def in_lots(P: np.ndarray, data: Any) -> list[Any]:
    """Decompositions of `LOT` training sets each, of predictions (R, n_test) of a known truth."""
    from wellposed.bias_variance import decompose_squared

    if len(P) < 2 * LOT:
        raise ValueError(f"{len(P)} training sets make no two lots of {LOT}")
    return [
        decompose_squared(P[start : start + LOT], f=data.f_test, noise=data.noise)
        for start in range(0, len(P) - LOT + 1, LOT)
    ]


@study.experiment(
    data="fixed-design",
    strength=by_profile(quick=np.logspace(-3, 0, 7).round(6), full=np.logspace(-3, 0, 13).round(6)),
)
def fixed_design(cell: Cell, strength: float) -> dict[str, Any]:
    """A linear network with `N_DRAWS` outputs, each a training set; and Ridge, by numpy."""
    from wellposed import NetRegressor

    data = cell.data
    n, p = data.X.shape
    noise = cell.rng("noise").normal(size=(n, N_DRAWS)) * data.noise**0.5
    Y = data.f[:, np.newaxis] + noise
    net = NetRegressor(
        (), l2=strength, fit_intercept=False, solver="lbfgs", tol=1e-10, max_epochs=10_000
    ).fit(data.X, Y)
    ridge = np.linalg.solve(data.X.T @ data.X + n * strength * np.eye(p), data.X.T @ Y)
    distance = np.linalg.norm(net.coef_.T - ridge) / np.linalg.norm(ridge)
    return {"draws": net.predict(data.X_test).T, "ridge_distance": float(distance)}


@study.claim(
    "A linear network with L2 is Ridge regression.",
    at_most(1e-6),
    measured="largest relative distance between the weights",
    oracle="normal equations, by numpy",
    source="7.1.1, eq. 7.17",
    row=29,
    data="fixed-design",
)
def ridge_fit(results: Results) -> Estimate:
    """Largest relative distance of the linear network's weights from Ridge's closed form."""
    return worst(results["fixed_design"], "ridge_distance")


@study.claim(
    "Bias² and variance of a linear network with L2, as measured from two training sets at a time, "
    "are on average those of Ridge's closed form.",
    at_most(4),
    measured="largest deviation over all strengths, in standard errors",
    oracle="the hat matrix of Ridge on a fixed design",
    source="7.1.1; Hoerl and Kennard 1970",
    row=29,
    data="fixed-design",
)
def ridge_components(results: Results) -> Estimate:
    """Largest deviation, in standard errors, of bias and variance from Ridge's closed form.

    They are means over lots of `LOT` training sets, of which a bias² without its correction
    would be far off.
    """
    data = results.data()
    deviations = []
    for row in results["fixed_design"].stacked("draws").to_dict("records"):
        draws = row["draws"]
        lots = in_lots(draws.reshape(-1, draws.shape[-1]), data)
        for name, value in ridge_closed_form(data, row["strength"]).items():
            values = np.array([getattr(lot, name) for lot in lots])
            deviations.append(standard_errors_off(values, value))
    return exact(max(deviations))


def ridge_closed_form(data: Any, alpha: float) -> dict[str, float]:
    """Ridge's bias and variance on a fixed design, means over the test points.

    The prediction at x is ``x' (X'X + n alpha I)^-1 X' y``, linear in y.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> one = Bunch(X=np.eye(1), f=np.ones(1), X_test=np.eye(1), f_test=np.ones(1), noise=1.0)
    >>> ridge_closed_form(one, 1.0)
    {'bias2': 0.25, 'variance': 0.25}
    """
    n, p = data.X.shape
    weights = data.X_test @ np.linalg.solve(data.X.T @ data.X + n * alpha * np.eye(p), data.X.T)
    bias2 = float(np.mean((weights @ data.f - data.f_test) ** 2))
    return {"bias2": bias2, "variance": float(data.noise * np.mean((weights**2).sum(axis=1)))}


@study.figure(
    "Does the measurement find what theory says?",
    alt="Points with intervals on two curves against the strength of L2 on a logarithmic axis: "
    "squared bias rises from zero, variance falls towards zero.",
    height=3.2,
    data="fixed-design",
)
def ridge(results: Results, ax: Axes) -> None:
    """Bias² and variance of the linear network, measured, on the curves of Ridge's closed form."""
    data, table = results.data(), results.table("components")
    grid = np.geomspace(table["strength"].min(), table["strength"].max(), 100)
    known = [ridge_closed_form(data, alpha) for alpha in grid]
    for part, component in {"bias": "bias2", "variance": "variance"}.items():
        color, line, marker, name = LOOK[part]
        ax.plot(grid, [e[component] for e in known], color=color, ls=line, label=f"{name}, Ridge")
        rows = table[table["component"] == component]
        ends = np.array([rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]])
        look: dict[str, Any] = {
            "fmt": marker,
            "color": color,
            "capsize": 3,
            "label": f"{name}, network",
        }
        ax.errorbar(rows["strength"], rows["estimate"], ends, **look)
    total = [e["bias2"] + e["variance"] for e in known]
    ax.plot(grid, total, color=LOOK["error"][0], lw=1, label="their sum, Ridge")
    ax.set(xscale="log", xlabel="L2 strength α", ylabel="squared error, without noise")
    ax.set_ylim(bottom=0)
    ax.legend(ncols=2)


@study.figure(
    "How far are bootstraps of one training set from new training sets?",
    alt="A panel for each data set. In each, bias and variance against the strength of L2: filled "
    "markers and solid lines from new training sets, open markers and dotted lines from bootstraps "
    "of one.",
)
def bootstraps(results: Results, figure: Figure) -> None:
    """Bias and variance along L2 from new training sets and from bootstraps of one."""
    sets = [
        ("synthetic", "squared", "independent"),
        ("diabetes", "squared", "subsample"),
        ("digits", "log", "subsample"),
    ]
    named = [(results.stand_in(data), loss, sampling) for data, loss, sampling in sets]
    present = [Place(name, loss, sampling) for name, loss, sampling in named if name is not None]
    axes = figure.subplots(1, len(present), squeeze=False)
    for ax, place in zip(axes[0], present):
        for sampling in (place.sampling, "bootstrap"):
            here = place._replace(sampling=sampling)
            axis = axis_at(results, here, "l2")
            curves_with_bars(ax, results, here, axis, fresh=sampling != "bootstrap")
        place_ticks(ax, axis)
        ax.set_title(mathtext(place.data, 24))
        ax.set_ylabel(UNITS[place.loss])
        ax.set_xlabel("L2 strength →")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    legend(figure, axes[0, 0], 2)
