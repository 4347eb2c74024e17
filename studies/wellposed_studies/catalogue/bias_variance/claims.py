"""What the study states, and how each statement is tested on the finished tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import (
    Claim,
    Estimate,
    at_least,
    at_most,
    choose_then_test,
    exact,
    extreme,
    jackknife,
    within,
)
from .data import REGULARIZERS, word
from .tables import Axis, decompositions, relative_slope, share_saved

if TYPE_CHECKING:
    from ...storing.results import Results

#: How a sentence says that a regularizer gets stronger.
STRONGER = {
    "l2": "More L2",
    "l1": "More L1",
    "dropout": "More dropout",
    "input_noise": "More input noise",
    "epochs": "Stopping earlier",
    "width": "Reducing the number of hidden units",
}
SMALL = 0.01
#: Training sets that are decomposed at a time where a correction is put to the test.
LOT = 2


def adds_up(results: Results) -> Estimate:
    """Largest difference at any test point between the terms' sum and the plain mean loss."""
    worst = 0.0
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
        worst = max(worst, float(np.abs(total - loss).max()))
    return exact(worst)


def fresh_error(results: Results) -> Estimate:
    """Bias², variance and noise of `LOT` networks at a time over their error on fresh noisy
    targets, less one.

    Of so few, a bias² without its correction would be too large by half of the variance.
    """
    axes = [_axis(results, name) for name in REGULARIZERS]
    settings = sorted({setting for axis in axes for setting in axis.settings})
    where = {"sampling": "independent"}
    fresh = results.matrix("fresh_error", ["regularizer", "strength"], **where)
    stacked = results.stacked("prediction", **where).set_index(["regularizer", "strength"])
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
    errors = errors.reshape(len(sums), LOT).mean(axis=1)
    return jackknife(lambda i: float(sums[i].mean() / errors[i].mean() - 1), len(sums))


def in_lots(P: np.ndarray, data: Any) -> list[Any]:
    """Decompositions of `LOT` training sets each, of predictions (R, n_test) of a known truth."""
    from wellposed.bias_variance import decompose_squared

    if len(P) < 2 * LOT:
        raise ValueError(f"{len(P)} training sets make no two lots of {LOT}")
    return [
        decompose_squared(P[start : start + LOT], f=data.f_test, noise=data.noise)
        for start in range(0, len(P) - LOT + 1, LOT)
    ]


def moves(results: Results, regularizer: str) -> Estimate:
    """The smaller of the bias's rise and the variance's fall, per step of strength."""
    return relative_slope([_axis(results, regularizer)], bias=1, variance=-1)


def trade_pays(results: Results, regularizer: str) -> Estimate:
    """Variance saved less bias paid, a share of the error without regularization.

    The two differences add up to that of the errors, in every repetition.
    """
    axis = _axis(results, regularizer)
    chosen, errors = choose_then_test(axis.matrix("error"))
    return share_saved(errors[axis.off], errors[chosen])


def too_much_hurts(results: Results) -> Estimate:
    """Least loss, over the regularizers, by going from the chosen strength to the strongest."""
    worse, off, shares = [], [], []
    for name in REGULARIZERS:
        axis = _axis(results, name)
        chosen, errors = choose_then_test(axis.matrix("error"))
        worse.append(errors[-1] - errors[chosen])
        off.append(errors[axis.off])
        shares.append(worse[-1].mean() / off[-1].mean())
    difference, scale = np.array(worse), np.array(off)
    estimate = jackknife(
        lambda i: float((difference[:, i].mean(axis=1) / scale[:, i].mean(axis=1)).min()),
        difference.shape[1],
        of=len(REGULARIZERS),
    )
    return replace(estimate, note=word(REGULARIZERS[int(np.argmin(shares))]))


def variance_peaks(results: Results) -> Estimate:
    """Variance at the width where the first half of the repetitions sees most of it, less that at
    the narrower and at the wider end, whichever is larger."""
    axis = _axis(results, "width")
    n = axis.matrix("error").shape[1]
    first = _variances(results, axis, slice(None, n // 2)).mean(axis=1)
    second = _variances(results, axis, slice(n // 2, None))
    peak = 1 + int(first[1:-1].argmax())
    rises = second[peak] - second[[0, -1]]
    return jackknife(lambda i: float(rises[:, i].mean(axis=1).min()), second.shape[1], of=2)


def _variances(results: Results, axis: Axis, part: slice) -> np.ndarray:
    """Pseudo-values of the variance (n_settings, n) from some of the repetitions only."""
    found = {
        (row["regularizer"], row["strength"]): result.pseudo_values["variance"]
        for row, result in decompositions(results, part)
        if row["sampling"] == axis.where["sampling"]
    }
    return np.array([found[setting] for setting in axis.settings])


def ridge_distance(results: Results) -> Estimate:
    """Largest relative distance of the linear network's weights from Ridge's closed form."""
    return extreme(results.table().groupby("repetition")["ridge_distance"].max().to_numpy())


def ridge_components(results: Results) -> Estimate:
    """Largest deviation, in standard errors, of bias and variance from Ridge's closed form.

    They are means over lots of `LOT` training sets, of which a bias² without its correction
    would be far off.
    """
    data = results.data()
    deviations = []
    for row in results.stacked("draws").to_dict("records"):
        draws = row["draws"]
        lots = in_lots(draws.reshape(-1, draws.shape[-1]), data)
        for name, value in ridge_closed_form(data, row["strength"]).items():
            values = np.array([getattr(lot, name) for lot in lots])
            error = values.std(ddof=1) / len(values) ** 0.5
            deviations.append(abs(values.mean() - value) / error)
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


def best_pays(results: Results, loss: str) -> Estimate:
    """What the regularizer and strength that the first half chose save on the second half."""
    axes = _axes(results, loss)
    errors = np.vstack([axis.matrix("error") for axis in axes])
    chosen, tested = choose_then_test(errors)
    name, _ = [setting for axis in axes for setting in axis.settings][chosen]
    note = "no regularizer" if name == "none" else word(name)
    return replace(share_saved(tested[axes[0].off], tested[chosen]), note=note)


def all_move(results: Results, loss: str, component: str, sign: int) -> Estimate:
    """Least slope of a component, over all regularizers, per step of strength."""
    return relative_slope(_axes(results, loss), **{component: sign})


def _axis(results: Results, regularizer: str) -> Axis:
    return Axis(results, results.data_names[0], "squared", regularizer, "independent")


def _axes(results: Results, loss: str) -> list[Axis]:
    name = results.data_names[0]
    return [Axis(results, name, loss, regularizer, "subsample") for regularizer in REGULARIZERS]


def _real(data: str, loss: str, title: str) -> list[Claim]:
    """The three statements on a real data set and one loss."""
    tests: list[tuple[str, str, str, Any, Callable[[Results], Estimate]]] = [
        (
            "trade-pays",
            f"On {title}, the trade of bias for variance is profitable, for training sets from "
            "this table and on its test rows.",
            "share of the error saved by the best regularizer and strength, chosen on other "
            "repetitions",
            at_least(SMALL),
            partial(best_pays, loss=loss),
        ),
        (
            "variance-falls",
            f"On {title}, every regularizer lowers variance: a straight line through its strengths "
            "falls, for training sets from this table and on its test rows.",
            "slope down per step of strength, a share of the error, least of six",
            at_least(0),
            partial(all_move, loss=loss, component="variance", sign=-1),
        ),
        (
            "bias-rises",
            f"On {title}, every regularizer raises bias: a straight line through its strengths "
            "rises, for training sets from this table and on its test rows.",
            "slope up of bias + noise per step of strength, a share of the error, least of six",
            at_least(0),
            partial(all_move, loss=loss, component="bias", sign=1),
        ),
    ]
    source = {
        "squared": "5.4.4; Geman 1992",
        "log": "5.4.4; Heskes 1998",
        "zero_one": "5.4.4; Domingos 2000",
    }[loss]
    return [
        Claim(
            name=f"{name}-{data}-{loss.replace('_', '-')}",
            statement=statement,
            measured=measured,
            threshold=threshold,
            oracle="the same network without regularization, on the same training sets",
            source=source,
            test=test,
            data=data,
        )
        for name, statement, measured, threshold, test in tests
    ]


CLAIMS = [
    Claim(
        name="adds-up",
        statement="Bias, variance and noise add up to the mean loss, under all three losses.",
        measured="largest difference from the mean loss of the stored predictions",
        threshold=at_most(1e-10),
        oracle="the losses' definitions",
        source="5.4.4; Domingos 2000; Heskes 1998",
        test=adds_up,
        kind="identity",
    ),
    Claim(
        name="fresh-error",
        statement="Bias², variance and noise of two networks add up, on average, to the error on "
        "fresh test targets.",
        measured="their sum over the error on fresh targets, less one; training sets in pairs",
        threshold=within(-0.05, 0.05),
        oracle="targets drawn anew from the truth, with their noise",
        source="5.4.4",
        test=fresh_error,
        data="synthetic",
    ),
    Claim(
        name="ridge-fit",
        statement="A linear network with L2 is Ridge regression.",
        measured="largest relative distance between the weights",
        threshold=at_most(1e-6),
        oracle="normal equations, by numpy",
        source="7.1.1, eq. 7.17",
        test=ridge_distance,
        data="fixed-design",
    ),
    Claim(
        name="ridge-components",
        statement="Bias² and variance of a linear network with L2, as measured from two training "
        "sets at a time, are on average those of Ridge's closed form.",
        measured="largest deviation over all strengths, in standard errors",
        threshold=at_most(4),
        oracle="the hat matrix of Ridge on a fixed design",
        source="7.1.1; Hoerl and Kennard 1970",
        test=ridge_components,
        data="fixed-design",
    ),
    *(
        Claim(
            name=f"moves-{name.replace('_', '-')}",
            statement=f"{words} raises bias² and lowers variance: a straight line through all "
            "strengths rises through the one and falls through the other.",
            measured="the smaller of the two slopes, share of the error per step of strength",
            threshold=at_least(0),
            oracle="the true function, independent training sets",
            source="5.4.4; 7",
            test=partial(moves, regularizer=name),
            data="synthetic",
        )
        for name, words in STRONGER.items()
    ),
    *(
        Claim(
            name=f"trade-pays-{name.replace('_', '-')}",
            statement=f"{words} makes a profitable trade.",
            measured="variance saved less bias² paid, a share of the error, at a strength chosen "
            "on other repetitions",
            threshold=at_least(SMALL),
            oracle="the true function, independent training sets",
            source="7, introduction; 5.4.4",
            test=partial(trade_pays, regularizer=name),
            data="synthetic",
        )
        for name, words in STRONGER.items()
    ),
    Claim(
        name="best-inside",
        statement="Of each regularizer there is a too much: the strongest that was tried is worse "
        "than the one chosen.",
        measured="share by which the strongest is worse than the chosen one, least of six",
        threshold=at_least(SMALL),
        oracle="the true function, independent training sets",
        source="5.4.4",
        test=too_much_hurts,
        data="synthetic",
    ),
    Claim(
        name="variance-peaks-in-width",
        statement="Variance is highest at a width between the ends of those tried.",
        measured="variance at a width chosen on other repetitions, less that at the worse end",
        threshold=at_least(0),
        oracle="the true function, independent training sets",
        source="Yang 2020; Belkin 2019",
        test=variance_peaks,
        data="synthetic",
    ),
    *_real("diabetes", "squared", "a real table of numbers"),
    *_real("digits", "log", "a real table of classes, by log loss"),
    *_real("digits", "zero_one", "a real table of classes, by 0-1 loss"),
]
