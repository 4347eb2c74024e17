"""How each claim is tested on the finished tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Estimate, choose_then_test, extreme, jackknife, mean

if TYPE_CHECKING:
    import pandas as pd

    from ...storing.results import Results

DRAWN = "gaussian"


def largest(results: Results, column: str, **where: Any) -> Estimate:
    """The largest value of a column over all cells, which is the worst violation.

    Cells of one repetition share what was drawn, and count as one.
    """
    return extreme(results.table(**where).groupby("repetition")[column].max().to_numpy())


def smallest(results: Results, column: str, **where: Any) -> Estimate:
    """The smallest value of a column over all cells."""
    values = results.table(**where).groupby("repetition")[column].min()
    return extreme(values.to_numpy(), least=True)


def moving_hurts(results: Results) -> Estimate:
    """Test error after a move along the null space by the solution's norm, less that at the
    solution, as a share of the latter."""
    table = results.table(question="null space")
    before, after = (table[c].to_numpy() for c in ("test_at_solution", "test_moved"))
    return jackknife(lambda i: float(after[i].mean() / before[i].mean() - 1), len(before))


def interpolates(results: Results) -> Estimate:
    """Largest training error, as a share of the targets' mean square, over solvers and sets."""
    return largest(results, "train_error", question="minimum norm")


def minimum_norm_drawn(results: Results) -> Estimate:
    """Largest distance from the minimum-norm solution, with and without momentum."""
    table = results.table(question="minimum norm")
    from_zero = table[table["solver"].isin(["gradient descent", "momentum"])]
    return extreme(from_zero.groupby("repetition")["distance"].max().to_numpy())


def l2_order(results: Results) -> Estimate:
    """Slope of the distance against the strength, both in logarithms, over the last decades."""
    path = results.table("l2_path", data=DRAWN)
    path = path[path["relative_strength"] <= 1e-3]
    distance = path.pivot(index="relative_strength", columns="repetition", values="distance")
    x, y = np.log(distance.index.to_numpy()), np.log(distance.to_numpy())
    x = x - x.mean()
    slopes = x @ y / (x @ x)
    return jackknife(lambda i: float(slopes[i].mean()), len(slopes))


def growth(results: Results, l2: float) -> dict[str, pd.DataFrame]:
    """Of every data set: the table of steps and what is measured there."""
    table = results.table("growth", l2=l2)
    return {str(name): part for name, part in table.groupby("data")}


def log_linear(results: Results) -> Estimate:
    """How far the norm's slope against log step in the last decade of steps is from that in the
    decade before: the largest share over all runs, infinite where the norm does not grow."""
    changes: dict[Any, float] = {}
    for part in growth(results, 0.0).values():
        for repetition, run in part.groupby("repetition"):
            change = _change_of_slope(run)
            changes[repetition] = max(change, changes.get(repetition, 0.0))
    return extreme(np.array(list(changes.values())))


def _change_of_slope(run: pd.DataFrame) -> float:
    last = run["step"].max()
    before, late = (_log_slope(run, last / 10 ** (k + 1), last / 10**k) for k in (1, 0))
    return abs(late / before - 1) if min(before, late) > 0 else np.inf


def _log_slope(run: pd.DataFrame, first: float, last: float) -> float:
    """Slope of the norm against log step, by least squares, between two steps."""
    run = run[(run["step"] >= 0.999 * first) & (run["step"] <= 1.001 * last)]
    return float(np.polyfit(np.log(run["step"]), run["norm"], 1)[0])


def stops(results: Results) -> Estimate:
    """Largest relative change of the norm over the last decade of steps, with L2."""
    changes = []
    for part in growth(results, 0.03).values():
        late = part[part["step"] >= part["step"].max() / 10]
        norms = late.groupby("repetition")["norm"].agg(["min", "max"])
        changes.append(norms["max"] / norms["min"] - 1)
    return extreme(np.max(changes, axis=0))


def per_decade(results: Results, column: str, sign: int) -> Estimate:
    """Least mean change of a column from one decade of steps to the next, without penalty, over
    decades and data sets; the first ten steps are left out."""
    changes = []
    for part in growth(results, 0.0).values():
        wide = part.pivot(index="step", columns="repetition", values=column).to_numpy()
        changes.append(sign * np.diff(wide[_decades(part)], axis=0))
    n = min(change.shape[1] for change in changes)
    stacked = np.vstack([change[:, :n] for change in changes])
    return jackknife(lambda i: float(stacked[:, i].mean(axis=1).min()), n, of=len(stacked))


def _decades(part: pd.DataFrame) -> np.ndarray:
    steps = np.sort(part["step"].unique())
    wanted = 10.0 ** np.arange(1, np.log10(steps[-1]) + 1e-9)
    return np.abs(np.log(steps[:, np.newaxis] / wanted)).argmin(axis=0)


def better(results: Results, winner: str, loser: str, at: Callable[..., float]) -> Estimate:
    """Excess error that `winner` saves over `loser`, a share, at the sparsity that `at` picks."""
    table = results.matrix("excess_error", rows=["k", "penalty"], question="sparsity")
    k = at(table.index.get_level_values("k").to_numpy())
    a, b = (table.xs(penalty, level="penalty").loc[k].to_numpy() for penalty in (winner, loser))
    return jackknife(lambda i: float(1 - a[i].mean() / b[i].mean()), len(a))


def recovers(results: Results) -> Estimate:
    """Mean share of the true non-zeros that L1 finds, at the sparsest truth."""
    table = results.matrix("recall", rows=["k", "penalty"], question="sparsity")
    k = table.index.get_level_values("k").min()
    return mean(table.loc[(k, "l1")].to_numpy(), bounds=(0, 1))


def penalty_pays(results: Results, penalty: str) -> Estimate:
    """Test error that a penalty saves over none, a share, at the strength that the first half of
    the repetitions chose."""
    table = results.matrix("test", rows=["path", "strength"], table="penalty_path")
    errors = table.loc[[penalty]].to_numpy()
    chosen, tested = choose_then_test(errors)
    none = table.loc[["none"]].to_numpy()[0, -tested.shape[1] :]
    return jackknife(lambda i: float(1 - tested[chosen, i].mean() / none[i].mean()), len(none))


def spread_ratio(results: Results, treatment: str, without: str) -> Estimate:
    """Spread between seeds with a treatment over that without, root mean square over the test
    points; the larger of the data sets'."""
    table = results.stacked("prediction", question="seeds")
    pairs = {}
    for name, part in table.groupby("data"):
        by = part.set_index("treatment")["prediction"]
        pairs[name] = (by[treatment], by[without])

    def ratio(name: Any, i: np.ndarray | slice) -> float:
        P, Q = pairs[name]
        return spread(P[i]) / max(spread(Q[i]), 1e-12)

    n = min(len(P) for P, _ in pairs.values())
    estimate = jackknife(lambda i: max(ratio(name, i) for name in pairs), n, of=len(pairs))
    return replace(estimate, note=str(max(pairs, key=lambda name: ratio(name, slice(None)))))


def spread(P: np.ndarray) -> float:
    """Root mean square over points of the standard deviation over seeds, of (n_seeds, n_points).

    Examples
    --------
    >>> round(spread(np.array([[0.0, 1.0], [2.0, 1.0]])), 3)
    1.0
    """
    return float(np.sqrt(P.var(axis=0, ddof=1).mean()))
