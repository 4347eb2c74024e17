"""What the study states, and how each statement is tested on the finished tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...claims import (
    Claim,
    Estimate,
    at_least,
    at_most,
    choose_then_test,
    exact,
    resampled,
    within,
)

if TYPE_CHECKING:
    import pandas as pd

    from ...results import Results

DRAWN = "gaussian"


def largest(results: Results, column: str, **where: object) -> Estimate:
    """The largest value of a column over all cells, which is the worst violation."""
    return exact(float(results.table(**where)[column].max()))


def smallest(results: Results, column: str, **where: object) -> Estimate:
    """The smallest value of a column over all cells."""
    return exact(float(results.table(**where)[column].min()))


def moving_hurts(results: Results) -> Estimate:
    """Test error after a move along the null space by the solution's norm, less that at the
    solution, as a share of the latter."""
    table = results.table(question="null space")
    before, after = (table[c].to_numpy() for c in ("test_at_solution", "test_moved"))
    return resampled(lambda i: float(after[i].mean() / before[i].mean() - 1), len(before))


def interpolates(results: Results) -> Estimate:
    """Largest training error, as a share of the targets' mean square, over solvers and sets."""
    return largest(results, "train_error", question="minimum norm")


def minimum_norm_drawn(results: Results) -> Estimate:
    """Largest distance from the minimum-norm solution, with and without momentum."""
    table = results.table(question="minimum norm").groupby("solver")["distance"].max()
    return exact(float(table[["gradient descent", "momentum"]].max()))


def l2_order(results: Results) -> Estimate:
    """Slope of the distance against the strength, both in logarithms, over the last decades."""
    path = results.table("l2_path", data=DRAWN)
    path = path[path["relative_strength"] <= 1e-3]
    distance = path.pivot(index="relative_strength", columns="repetition", values="distance")
    x, y = np.log(distance.index.to_numpy()), np.log(distance.to_numpy())
    x = x - x.mean()
    slopes = x @ y / (x @ x)
    return resampled(lambda i: float(slopes[i].mean()), len(slopes))


def growth(results: Results, l2: float) -> dict[str, pd.DataFrame]:
    """Of every data set: the table of steps and what is measured there."""
    table = results.table("growth", l2=l2)
    return {str(name): part for name, part in table.groupby("data")}


def log_linear(results: Results) -> Estimate:
    """Least R² of a line through norm against log step, from a hundredth of the steps on."""
    fits = []
    for part in growth(results, 0.0).values():
        for _, run in part[part["step"] >= part["step"].max() / 100].groupby("repetition"):
            fits.append(float(np.corrcoef(np.log(run["step"]), run["norm"])[0, 1]))
    return exact(min(np.sign(fits) * np.square(fits)))


def stops(results: Results) -> Estimate:
    """Largest relative change of the norm over the last decade of steps, with L2."""
    changes = []
    for part in growth(results, 0.03).values():
        late = part[part["step"] >= part["step"].max() / 10]
        norms = late.groupby("repetition")["norm"].agg(["min", "max"])
        changes.append(float((norms["max"] / norms["min"] - 1).max()))
    return exact(max(changes))


def per_decade(results: Results, column: str, sign: int) -> Estimate:
    """Least mean change of a column from one decade of steps to the next, without penalty, over
    decades and data sets; the first ten steps are left out."""
    changes = []
    for part in growth(results, 0.0).values():
        wide = part.pivot(index="step", columns="repetition", values=column).to_numpy()
        changes.append(sign * np.diff(wide[_decades(part)], axis=0))
    n = min(change.shape[1] for change in changes)
    stacked = np.vstack([change[:, :n] for change in changes])
    return resampled(lambda i: float(stacked[:, i].mean(axis=1).min()), n)


def _decades(part: pd.DataFrame) -> np.ndarray:
    steps = np.sort(part["step"].unique())
    wanted = 10.0 ** np.arange(1, np.log10(steps[-1]) + 1e-9)
    return np.abs(np.log(steps[:, np.newaxis] / wanted)).argmin(axis=0)


def better(results: Results, winner: str, loser: str, at: Callable[..., float]) -> Estimate:
    """Excess error that `winner` saves over `loser`, a share, at the sparsity that `at` picks."""
    table = results.matrix("excess_error", rows=["k", "penalty"], question="sparsity")
    k = at(table.index.get_level_values("k").to_numpy())
    a, b = (table.loc[(k, penalty)].to_numpy() for penalty in (winner, loser))
    return resampled(lambda i: float(1 - a[i].mean() / b[i].mean()), len(a))


def recovers(results: Results) -> Estimate:
    """Mean share of the true non-zeros that L1 finds, at the sparsest truth."""
    table = results.matrix("recall", rows=["k", "penalty"], question="sparsity")
    k = table.index.get_level_values("k").min()
    recall = table.loc[(k, "l1")].to_numpy()
    return resampled(lambda i: float(recall[i].mean()), len(recall))


def penalty_pays(results: Results, penalty: str) -> Estimate:
    """Test error that a penalty saves over none, a share, at the strength that the first half of
    the repetitions chose."""
    table = results.matrix("test", rows=["path", "strength"], table="penalty_path")
    errors = table.loc[[penalty]].to_numpy()
    chosen, tested = choose_then_test(errors)
    none = table.loc[["none"]].to_numpy()[0, -tested.shape[1] :]
    return resampled(lambda i: float(1 - tested[chosen, i].mean() / none[i].mean()), len(none))


def spread_ratio(results: Results, treatment: str) -> Estimate:
    """Spread between seeds with a treatment over that without, root mean square over the test
    points; the larger of the data sets'."""
    table = results.stacked("prediction", question="seeds")
    pairs = []
    for _, part in table.groupby("data"):
        by = part.set_index("treatment")["prediction"]
        pairs.append((by[treatment], by["none"]))

    def statistic(i: np.ndarray) -> float:
        return max(spread(P[i]) / max(spread(Q[i]), 1e-12) for P, Q in pairs)

    return resampled(statistic, min(len(P) for P, _ in pairs), n_resamples=1999)


def spread(P: np.ndarray) -> float:
    """Root mean square over points of the standard deviation over seeds, of (n_seeds, n_points).

    Examples
    --------
    >>> round(spread(np.array([[0.0, 1.0], [2.0, 1.0]])), 3)
    1.0
    """
    return float(np.sqrt(P.var(axis=0, ddof=1).mean()))


CLAIMS = [
    Claim(
        name="flat-valley",
        statement="Moving along the null space of X leaves the training error as it is.",
        measured="largest change over moves of up to three norms, a share of the targets' mean "
        "square",
        threshold=at_most(1e-10),
        oracle="null space by SVD",
        source="7.3",
        test=partial(largest, column="train_change", question="null space"),
    ),
    Claim(
        name="moving-hurts",
        statement="The same move changes what is predicted, for the worse.",
        measured="test error after a move by the solution's own norm, less that at the solution, "
        "as a share",
        threshold=at_least(0.01),
        oracle="rows that were not trained on",
        source="7.3",
        test=moving_hurts,
        data="diabetes",
    ),
    Claim(
        name="interpolates",
        statement="Gradient descent, momentum, Adam and a random start all reach training error "
        "zero.",
        measured="largest training error, a share of the targets' mean square",
        threshold=at_most(1e-6),
        oracle="the rows themselves",
        source="7.3",
        test=interpolates,
    ),
    Claim(
        name="minimum-norm-drawn",
        statement="Gradient descent from zero, with or without momentum, ends in the solution of "
        "least norm.",
        measured="largest relative distance",
        threshold=at_most(1e-10),
        oracle="numpy.linalg.pinv",
        source="7.3",
        test=minimum_norm_drawn,
        data=DRAWN,
    ),
    Claim(
        name="minimum-norm-diabetes",
        statement="So does gradient descent with momentum on diabetes.",
        measured="largest relative distance",
        threshold=at_most(1e-6),
        oracle="numpy.linalg.pinv",
        source="7.3",
        test=partial(largest, column="distance", question="minimum norm", solver="momentum"),
        data="diabetes",
    ),
    Claim(
        name="adam-differs",
        statement="Adam from zero interpolates and ends elsewhere.",
        measured="least relative distance from the solution of least norm",
        threshold=at_least(0.05),
        oracle="numpy.linalg.pinv",
        source="7.3; Wilson 2017",
        test=partial(smallest, column="distance", question="minimum norm", solver="adam"),
    ),
    Claim(
        name="start-decides",
        statement="A random start ends in a solution of its own.",
        measured="least relative distance from the solution of least norm",
        threshold=at_least(0.05),
        oracle="numpy.linalg.pinv",
        source="7.3",
        test=partial(smallest, column="distance", question="minimum norm", solver="random start"),
    ),
    Claim(
        name="l2-limit",
        statement="L2 with a strength that goes to zero gives the solution of least norm.",
        measured="largest relative distance at the weakest strength",
        threshold=at_most(1e-6),
        oracle="numpy.linalg.pinv",
        source="7.3; pseudoinverse, eq. 7.29",
        test=partial(largest, column="last_distance", question="l2 to zero"),
        data=DRAWN,
    ),
    Claim(
        name="l2-order",
        statement="It comes nearer in proportion to the strength.",
        measured="slope of log distance against log strength",
        threshold=within(0.9, 1.1),
        oracle="eq. 7.13, to first order",
        source="7.1.1, eq. 7.13",
        test=l2_order,
        data=DRAWN,
    ),
    Claim(
        name="l1-limit",
        statement="L1 with a strength that goes to zero, down a warm-started path, gives the "
        "solution of least 1-norm.",
        measured="largest relative difference of the 1-norms",
        threshold=at_most(1e-6),
        oracle="basis pursuit by scipy.optimize.linprog",
        source="7.3; Chen 1998",
        test=partial(largest, column="excess_norm", question="minimum l1"),
    ),
    Claim(
        name="l1-support",
        statement="With the same weights different from zero.",
        measured="largest number of weights in one support only",
        threshold=at_most(0),
        oracle="basis pursuit by scipy.optimize.linprog",
        source="7.3; Chen 1998",
        test=partial(largest, column="wrong_support", question="minimum l1"),
    ),
    Claim(
        name="norm-grows",
        statement="On separable classes without penalty the norm grows linearly in log t.",
        measured="least R² of that line over the last two decades of steps",
        threshold=at_least(0.99),
        oracle="straight line by least squares",
        source="7.3; Soudry 2018",
        test=log_linear,
    ),
    Claim(
        name="norm-stops",
        statement="With L2 it stops.",
        measured="largest relative change over the last decade of steps",
        threshold=at_most(1e-3),
        oracle="the recorded norms",
        source="7.3",
        test=stops,
    ),
    Claim(
        name="angle-falls",
        statement="Without penalty the direction turns toward that of maximum margin.",
        measured="least fall of the angle per decade of steps, degrees",
        threshold=at_least(0),
        oracle="scikit-learn's linear SVC with C = 1e6",
        source="Soudry 2018",
        test=partial(per_decade, column="angle", sign=-1),
    ),
    Claim(
        name="margin-rises",
        statement="And the normalised margin rises.",
        measured="least rise per decade of steps, a share of the maximum margin",
        threshold=at_least(0),
        oracle="scikit-learn's linear SVC with C = 1e6",
        source="Soudry 2018",
        test=partial(per_decade, column="margin", sign=1),
    ),
    Claim(
        name="l2-filter",
        statement="L2 shrinks along the Hessian's eigenvectors by λ / (λ + α), and to zero along "
        "the null space.",
        measured="largest error of a coordinate, a share of the norm",
        threshold=at_most(1e-6),
        oracle="eigenvectors by SVD, minimum-norm solution by pinv",
        source="7.1.1, eq. 7.13",
        test=partial(largest, column="filter_error", question="shrinkage"),
    ),
    Claim(
        name="l2-no-zeros",
        statement="It sets no weight to zero.",
        measured="largest number of exact zeros over five strengths",
        threshold=at_most(0),
        oracle="counting",
        source="7.1.2",
        test=partial(largest, column="l2_zeros", question="shrinkage"),
    ),
    Claim(
        name="l1-thresholds",
        statement="On principal axes L1 is soft thresholding.",
        measured="largest relative distance from the formula",
        threshold=at_most(1e-6),
        oracle="eq. 7.23 by numpy",
        source="7.1.2, eq. 7.23",
        test=partial(largest, column="threshold_error", question="soft thresholds"),
        data="diabetes",
    ),
    Claim(
        name="l1-zeros",
        statement="With exactly the zeros of the formula.",
        measured="largest number of weights that are zero in one of the two only",
        threshold=at_most(0),
        oracle="eq. 7.23 by numpy",
        source="7.1.2, eq. 7.23",
        test=partial(largest, column="different_zeros", question="soft thresholds"),
        data="diabetes",
    ),
    Claim(
        name="sparse-truth",
        statement="Where the truth is sparse, L1 predicts better than L2.",
        measured="excess error saved at the sparsest truth, a share",
        threshold=at_least(0.01),
        oracle="the true weights",
        source="7.1.2; Tibshirani 1996",
        test=partial(better, winner="l1", loser="l2", at=np.min),
        data=DRAWN,
    ),
    Claim(
        name="dense-truth",
        statement="Where the truth is dense, L2 predicts better than L1.",
        measured="excess error saved at the densest truth, a share",
        threshold=at_least(0.01),
        oracle="the true weights",
        source="7.1; Tibshirani 1996",
        test=partial(better, winner="l2", loser="l1", at=np.max),
        data=DRAWN,
    ),
    Claim(
        name="support-found",
        statement="L1 finds the weights that matter.",
        measured="share of the true non-zeros that it finds, at the sparsest truth",
        threshold=at_least(0.9),
        oracle="the true weights",
        source="7.1.2; Tibshirani 1996",
        test=recovers,
        data=DRAWN,
    ),
    *(
        Claim(
            name=f"{penalty}-pays-{data}",
            statement=f"On {data}, {penalty.upper()} predicts better than descent without penalty.",
            measured="test error saved, a share, at the strength that the other half of the "
            "repetitions chose",
            threshold=at_least(0.01),
            oracle="gradient descent from zero on the same rows",
            source="7.3",
            test=partial(penalty_pays, penalty=penalty),
            data=data,
        )
        for data in ("diabetes", "digits")
        for penalty in ("l1", "l2")
    ),
    Claim(
        name="network-interpolates",
        statement="A network with more parameters than rows fits them from every seed.",
        measured="largest training error, a share of the targets' variance",
        threshold=at_most(1e-3),
        oracle="the rows themselves",
        source="7.3; Zhang 2017",
        test=partial(largest, column="train_error", question="seeds", treatment="none"),
    ),
    *(
        Claim(
            name=f"agree-{treatment.replace(' ', '-')}",
            statement=f"With {words} the seeds agree at least twice as well.",
            measured="spread of the predictions over seeds, a share of that without; the larger "
            "of the data sets'",
            threshold=at_most(0.5),
            oracle="the same seeds without it",
            source=source,
            test=partial(spread_ratio, treatment=treatment),
        )
        for treatment, words, source in (
            ("l2", "L2", "7.3; 7.1.1"),
            ("early stopping", "early stopping", "7.3; 7.8"),
        )
    ),
]
