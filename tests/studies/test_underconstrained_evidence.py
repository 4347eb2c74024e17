"""How under-determined problems are judged: the worst cell, the other half, pairs, intervals.

Every expected number is computed here from the constructed tables, by loops and Student's table.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.utils import Bunch

from wellposed_studies.catalogue.underconstrained import (
    least_norm,
    network,
    penalties,
    separable,
    weights,
)
from wellposed_studies.catalogue.underconstrained.data import linear_problem
from wellposed_studies.claims import Estimate, least, worst
from wellposed_studies.loading.wide import balanced, widen
from wellposed_studies.storing.tables import as_matrix, select
from wellposed_studies.study import Cell

N = 12


class Tables:
    """What the one experiment of some results measured, as it is given."""

    def __init__(self, **frames: pd.DataFrame) -> None:
        self.frames = frames

    def __getitem__(self, experiment: str) -> Tables:
        return self

    def table(self, name: str = "cells", **where: Any) -> pd.DataFrame:
        return select(self.frames[name], where)

    def matrix(self, value: str, rows: Any, table: str = "cells", **where: Any) -> pd.DataFrame:
        return as_matrix(self.table(table, **where), value, rows, [])

    def stacked(self, name: str) -> pd.DataFrame:
        return self.frames[name]


def assert_jackknifed(
    estimate: Estimate, statistic: Callable[..., float], *samples: np.ndarray, of: int = 1
) -> None:
    """The estimate is a statistic of paired samples (n,), with the jackknife's interval."""
    n, value = len(samples[0]), statistic(*samples)
    without = [statistic(*(np.delete(s, i, axis=0) for s in samples)) for i in range(n)]
    error = np.sqrt((n - 1) / n * sum((w - np.mean(without)) ** 2 for w in without))
    reach = stats.t.ppf(0.975, n - 1) * error
    assert estimate.value == pytest.approx(value, rel=1e-9)
    assert estimate.at(0.95) == pytest.approx((value - reach, value + reach), rel=1e-9)
    assert (estimate.n, estimate.of) == (n, of)


# ------------------------------------------------------------------ the worst cell


@pytest.mark.parametrize("place", range(6))
def test_one_cell_of_a_repetition_is_enough(place: int) -> None:
    values = np.full(6, 0.5)
    values[place] = 0.9
    cells = pd.DataFrame({"repetition": [0, 0, 1, 1, 2, 2], "high": values, "low": 1 - values})
    for found, value in (
        (worst(Tables(cells=cells), "high"), 0.9),
        (least(Tables(cells=cells), "low"), 0.1),
    ):
        assert found.value == pytest.approx(value)
        assert found.n == 3, "cells of one repetition count as one"


@pytest.mark.parametrize("farthest", ["gradient descent", "momentum", "adam", "random start"])
@pytest.mark.parametrize("repetition", [0, 1])
def test_descent_from_zero_is_judged_by_the_worse_of_two(farthest: str, repetition: int) -> None:
    solvers = ["gradient descent", "momentum", "adam", "random start"]
    cells = pd.MultiIndex.from_product([[0, 1], solvers], names=["repetition", "solver"])
    cells = cells.to_frame(index=False).assign(distance=1e-12)
    far = (cells["solver"] == farthest) & (cells["repetition"] == repetition)
    cells.loc[far, "distance"] = 0.1
    found = least_norm.minimum_norm_drawn(Tables(cells=cells))
    assert found.value == (0.1 if farthest in solvers[:2] else 1e-12)


def growth(change: Callable[[str, int, np.ndarray], dict[str, np.ndarray]]) -> Tables:
    """Runs of three repetitions on two data sets, without penalty and with one."""
    steps = np.unique(np.logspace(0, 4, 41).round().astype(int))
    frames = [
        pd.DataFrame({"data": data, "repetition": r, "l2": l2, "step": steps})
        .assign(norm=1 + np.log(steps) if l2 == 0 else 3.0)
        .assign(**change(data, r, steps))
        for data in ("digits", "separable")
        for r in range(3)
        for l2 in (0.0, 0.03)
    ]
    return Tables(growth=pd.concat(frames, ignore_index=True))


@pytest.mark.parametrize("data", ["digits", "separable"])
@pytest.mark.parametrize("repetition", [0, 2])
def test_one_run_that_does_not_stop_or_grow_is_enough(data: str, repetition: int) -> None:
    def change(name: str, r: int, steps: np.ndarray) -> dict[str, np.ndarray]:
        return {"norm": 1 + (steps / 1e4)} if (name, r) == (data, repetition) else {}

    found = separable.norm_stops(growth(change))
    assert found.value == pytest.approx(2 / 1.1 - 1, rel=1e-3)  # over the last decade
    assert found.n == 3
    linear = np.logspace(2, 4, 21).round()
    before, late = (
        stats.linregress(np.log(part), 1 + part / 1e4).slope for part in (linear[:11], linear[10:])
    )
    found = separable.norm_grows(growth(change))
    assert found.value == pytest.approx(late / before - 1, rel=1e-3)
    assert found.n == 3


def test_a_norm_that_stopped_long_ago_may_have_moved_before() -> None:
    found = separable.norm_stops(growth(lambda name, r, t: {"norm": np.minimum(t, 1000.0)}))
    assert found.value == 0
    later = separable.norm_stops(growth(lambda name, r, t: {"norm": np.minimum(t, 2000.0)}))
    assert later.value == pytest.approx(1, rel=0.01)


def test_the_decade_and_data_set_that_change_least_are_judged() -> None:
    rng = np.random.default_rng(0)
    rates = {("digits", r): 3 + 0.1 * rng.normal() for r in range(3)}
    rates |= {("separable", r): 2 + 0.1 * rng.normal() for r in range(3)}

    def change(name: str, r: int, steps: np.ndarray) -> dict[str, np.ndarray]:
        decades = np.log10(steps)
        bent = np.where(decades > 3, 3 + (decades - 3) / 4, decades)  # slow in the last decade
        early = np.where(decades < 1, 50 * (1 - decades), 0)  # and wild in the first
        return {"margin": rates[name, r] * bent + early, "angle": -rates[name, r] * bent - early}

    slowest = np.array([rates["separable", r] / 4 for r in range(3)])
    for column, sign in (("margin", 1), ("angle", -1)):
        found = separable.per_decade(growth(change), column, sign)
        assert_jackknifed(found, np.mean, slowest, of=6)  # three decades of two data sets


def test_the_order_is_that_of_weak_strengths_in_every_repetition() -> None:
    """What strong ones do says nothing about the limit."""
    rng, strengths = np.random.default_rng(0), np.array([1, 0.1, 0.01, 1e-4, 1e-5, 1e-6])
    distance = np.where(strengths > 1e-3, 7.0, strengths) * rng.uniform(0.9, 1.1, (N, 6))
    frames = [
        pd.DataFrame({"relative_strength": strengths, "distance": row, "repetition": r})
        for r, row in enumerate(distance)
    ]
    found = least_norm.l2_order(Tables(l2_path=pd.concat(frames).assign(data="gaussian")))
    weak = np.log(strengths[3:])
    slopes = np.array([stats.linregress(weak, np.log(row[3:])).slope for row in distance])
    assert_jackknifed(found, np.mean, slopes)


# ------------------------------------------------------------------ shares of paired means


def test_moving_is_a_share_of_the_error_at_the_solution() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(1, 2, N)
    after = 1.5 * before + 0.1 * rng.normal(size=N)
    cells = pd.DataFrame({"repetition": range(N)})
    cells = cells.assign(test_at_solution=before, test_moved=after)
    found = least_norm.moving_hurts(Tables(cells=cells))
    assert_jackknifed(found, lambda a, b: a.mean() / b.mean() - 1, after, before)


def sparsity(column: str) -> tuple[Tables, dict[tuple[int, str], np.ndarray]]:
    rng = np.random.default_rng(1)
    common = rng.uniform(1, 2, N)
    level = {(2, "l1"): 0.1, (2, "l2"): 0.6, (50, "l1"): 0.5, (50, "l2"): 0.55, (90, "l1"): 0.9}
    level[90, "l2"] = 0.5
    values = {key: v * common + 0.02 * rng.normal(size=N) for key, v in level.items()}
    frames = [
        pd.DataFrame({"k": k, "penalty": p, "repetition": range(N), column: v})
        for (k, p), v in values.items()
    ]
    return Tables(cells=pd.concat(frames)), values


@pytest.mark.parametrize(
    ("claim", "k", "winner", "loser"),
    [(penalties.sparse_truth, 2, "l1", "l2"), (penalties.dense_truth, 90, "l2", "l1")],
)
def test_one_penalty_saves_a_share_of_the_others_error(
    claim: Callable[..., Estimate], k: int, winner: str, loser: str
) -> None:
    results, values = sparsity("excess_error")
    assert_jackknifed(
        claim(results), lambda a, b: 1 - a.mean() / b.mean(), values[k, winner], values[k, loser]
    )


def test_what_l1_finds_is_that_of_l1_at_the_sparsest_truth() -> None:
    results, values = sparsity("recall")
    assert penalties.support_found(results).value == pytest.approx(values[2, "l1"].mean())


def test_a_penalty_is_chosen_on_the_first_half_and_measured_on_the_other() -> None:
    """In the first half strength 0.1 is best, in the other and in all it is 0.3."""
    rng = np.random.default_rng(2)
    common = rng.uniform(1, 2, N)
    level = {0.1: (0.7, 0.8), 0.3: (0.8, 0.4), 1.0: (0.9, 0.9)}
    errors = {("l1", s): np.repeat(halves, N // 2) for s, halves in level.items()}
    errors |= {("none", 0.0): np.repeat([2.0, 1.0], N // 2), ("l2", 0.1): np.full(N, 0.01)}
    errors = {key: v * common + 0.01 * rng.normal(size=N) for key, v in errors.items()}
    frames = [
        pd.DataFrame({"path": path, "strength": s, "repetition": range(N), "test": v})
        for (path, s), v in errors.items()
    ]
    found = penalties.penalty_pays(Tables(penalty_path=pd.concat(frames)), "l1")
    chosen, none = errors["l1", 0.1][N // 2 :], errors["none", 0.0][N // 2 :]
    assert_jackknifed(found, lambda a, b: 1 - a.mean() / b.mean(), chosen, none)


def test_seeds_agree_as_well_as_on_the_data_set_where_they_agree_least() -> None:
    rng = np.random.default_rng(3)
    start = rng.normal(size=(N, 7))
    shrunk = {"diabetes": 0.6, "wave": 0.2}
    rows = []
    for data, share in shrunk.items():
        points = start * np.linspace(1, 3, 7) + 5 * np.arange(7)  # points differ more than seeds
        treated = share * points + 0.05 * rng.normal(size=(N, 7))
        rows += [{"data": data, "treatment": "none", "prediction": points}]
        rows += [{"data": data, "treatment": "l2", "prediction": treated}]
    results = Tables(prediction=pd.DataFrame(rows))
    found = network.agree(results, "l2", "none")

    def spread(P: np.ndarray) -> float:
        pairs = [(P[i] - P[j]) ** 2 / 2 for i in range(len(P)) for j in range(i)]
        return float(np.sqrt(np.mean(pairs)))

    P, Q = rows[1]["prediction"], rows[0]["prediction"]
    assert_jackknifed(found, lambda P, Q: spread(P) / spread(Q), P, Q, of=2)
    assert found.note == "diabetes"


# ------------------------------------------------------------------ what the cells measure


def wide_table(n: int = 90) -> Bunch:
    rng = np.random.default_rng(4)
    inputs = pd.DataFrame(rng.normal(size=(n, 9)), columns=list("abcdefghi"))
    inputs["word"] = pd.Series(rng.choice(list("uvw"), n), dtype=object)
    return Bunch(inputs=inputs, y=rng.normal(size=n))


def test_inputs_and_target_are_scaled_by_the_pool_alone() -> None:
    data = Bunch(**widen(wide_table(), np.random.default_rng(0)))
    for values in (data.X[data.pool], data.target[data.pool]):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-12)
    again = wide_table()
    again.y[np.setdiff1d(np.arange(90), data.pool)] += 100.0
    changed = Bunch(**widen(again, np.random.default_rng(0)))
    np.testing.assert_array_equal(changed.X, data.X)
    np.testing.assert_allclose(changed.target[data.pool], data.target[data.pool], atol=1e-12)


def test_rows_to_train_on_to_stop_by_and_to_test_on_are_apart() -> None:
    numbers = Bunch(X=np.random.default_rng(5).normal(size=(90, 9)), y=wide_table().y)
    for table in (numbers, wide_table()):
        data = Bunch(**widen(table, np.random.default_rng(0)))
        rows = [{tuple(row) for row in data[name]} for name in ("X_train", "X_val", "X_test")]
        assert [len(r) for r in rows[:2]] == [data.n_train, data.n_train]
        assert not rows[0] & rows[1]
        assert not (rows[0] | rows[1]) & rows[2]
        problem = linear_problem(Cell(data, "gaussian", {}, 0, "0" * 32))  # whatever its name
        trained = {tuple(row) for row in problem["X"]}
        assert not trained & {tuple(row) for row in problem["X_test"]}


def test_as_many_rows_are_drawn_as_the_pool_alone_has() -> None:
    table = wide_table() | {"y": np.repeat([0, 1], [81, 9])}
    data = Bunch(**widen(Bunch(**table), np.random.default_rng(0)))
    assert (data.target[data.pool] > 0).sum() == 6  # two thirds of nine
    assert data.n_train == 12
    problem = linear_problem(Cell(data, "mine", {}, 0, "0" * 32))
    assert np.bincount((problem["y"] > 0).astype(int)).tolist() == [6, 6]


def test_the_error_of_a_path_is_that_on_test_rows() -> None:
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    problem = {"X": X[:10], "y": y[:10], "X_test": X[10:], "y_test": y[10:]}
    weights = np.linalg.lstsq(X[:10], y[:10])[0]
    net = penalties.regressor(solver="lbfgs", tol=1e-12, max_epochs=5000)
    expected = np.mean((X[10:] @ weights - y[10:]) ** 2)
    assert penalties._test_error(problem, net) == pytest.approx(expected, rel=1e-5)


class GivenWeights:
    """A net whose weights at each strength are given; one is best on the rows to choose by."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights, self.at = weights, -1

    def set_params(self, **strength: float) -> GivenWeights:
        self.at += 1
        return self

    def fit(self, X: np.ndarray, y: np.ndarray) -> GivenWeights:
        self.coef_ = self.weights[self.at]
        return self


def test_a_strength_is_chosen_on_rows_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the given weights fits the training rows exactly, another is nearly the truth."""
    cell = Cell(None, "gaussian", {}, 0, "0" * 32)
    rng, truth = cell.rng("training set"), np.zeros(100)
    truth[rng.permutation(100)[:4]] = rng.choice([-1.0, 1.0], 4) / 2
    X = rng.normal(size=(50, 100))
    rng.normal(size=(300, 100))
    y = X @ truth + 0.3 * rng.normal(size=50)
    near = truth * [0.9 if i != np.flatnonzero(truth)[0] else 0.0 for i in range(100)]
    near[np.flatnonzero(truth == 0)[:2]] = 0.01  # of five weights, three are right
    given = [np.linalg.pinv(X) @ y, near, *(np.zeros(100) for _ in range(7))]
    monkeypatch.setattr(penalties, "regressor", lambda **settings: GivenWeights(given))
    found = penalties.sparsity(cell, 4, "l1")
    assert found["excess_error"] == pytest.approx(0.25 * (1 + 3 * 0.1**2) + 2 * 0.01**2)
    assert (found["recall"], found["precision"], found["n_nonzero"]) == (0.75, 0.6, 5)


def test_the_worst_coordinate_and_zeros_of_every_strength_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(6, 4)), rng.normal(size=6)
    s, vectors = np.linalg.svd(X)[1:]
    star, lam = np.linalg.pinv(X) @ y, s**2 / 6
    given = [
        vectors.T @ (lam / (lam + step * lam[0]) * (vectors @ star)) for step in weights.SHRINKAGE
    ]
    given[1] = given[1] + 0.01 * np.linalg.norm(star) * vectors[2]
    given[3] = given[3] * [1, 0, 0, 1]
    monkeypatch.setattr(weights, "linear_problem", lambda cell: {"X": X, "y": y})
    net = GivenWeights(given)

    def regressor(**settings: object) -> GivenWeights:
        return net.set_params()

    monkeypatch.setattr(weights, "regressor", regressor)
    found = weights.shrinkage(SimpleNamespace())
    assert found["l2_zeros"] == 2
    off = given[3] - vectors.T @ (lam / (lam + 0.1 * lam[0]) * (vectors @ star))
    worst = max(0.01, np.abs(vectors @ off).max() / np.linalg.norm(star))
    assert found["filter_error"] == pytest.approx(worst, rel=1e-6)


def test_balanced_rows_are_drawn_anew_with_every_stream() -> None:
    target = np.repeat([-1.0, 1.0], [40, 30])
    draws = [balanced(np.random.default_rng(seed), target, 20) for seed in range(200)]
    assert all((target[rows] > 0).sum() == 10 for rows in draws)
    assert set(np.concatenate(draws)) == set(range(70))
