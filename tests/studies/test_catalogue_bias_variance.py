"""The bias-variance study: runs from end to end, and judges constructed tables rightly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import binom, t
from sklearn.datasets import load_wine
from sklearn.linear_model import Ridge
from sklearn.utils import Bunch

from wellposed.bias_variance import decompose_zero_one
from wellposed_studies.catalogue.bias_variance import (
    checks,
    known_truth,
    study,
    tables,
)
from wellposed_studies.catalogue.bias_variance.setup import EPOCHS, REGULARIZERS, WIDTH, truth
from wellposed_studies.claims import (
    Axis,
    Claim,
    Estimate,
    relative_slope,
    saved_by_best,
    share_saved,
    slope,
)
from wellposed_studies.discovery import find
from wellposed_studies.loading.data import Selection
from wellposed_studies.loading.own_table import open_table
from wellposed_studies.loading.training_sets import split, subsample
from wellposed_studies.runner import run
from wellposed_studies.storing.results import Results
from wellposed_studies.study import Grid

CLAIMS = {claim.name: claim for claim in study.claims}


def held(claim: Claim, estimate: Estimate) -> bool:
    return claim.threshold.contains(*estimate.at(0.95))


# ------------------------------------------------------------------ from end to end


@pytest.fixture(scope="module")
def smaller() -> Iterator[None]:
    """All axes at two strengths, four repetitions, few epochs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, experiment in study.experiments.items():
            grids = tuple(
                Grid({**g.factors, "strength": _two(g.factors["strength"])}, g.data)
                for g in experiment.grids
            )
            patch.setitem(study.experiments, name, replace(experiment, grids=grids, repetitions=4))
        patch.setitem(EPOCHS, "regression", 12)
        patch.setitem(EPOCHS, "classification", 12)
        yield


def _two(strength: object) -> object:
    values = getattr(strength, "quick", strength)
    return [values[1], values[-1]] if hasattr(values, "__len__") else values


@pytest.fixture(scope="module")
def finished(smaller: None, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return run(Selection("bias-variance", "quick", 3), tmp_path_factory.mktemp("results"))


@pytest.mark.slow
def test_every_claim_is_judged_and_identities_hold(finished: Results) -> None:
    verdicts = finished.verdicts.set_index("claim")
    assert set(verdicts.index) == set(CLAIMS)
    assert not (verdicts["verdict"] == "not run").any(), verdicts["reason"].tolist()
    for name in ("adds-up", "ridge-fit"):
        assert verdicts.loc[name, "verdict"] == "held"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fresh-error", "ridge-components"])
def test_a_bias_without_its_correction_is_found_out(
    finished: Results, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    claim = CLAIMS[name]
    view = finished.restricted_to(claim.data)
    before = claim.test(view).value
    corrected = checks.in_lots

    def uncorrected(P: np.ndarray, data: Bunch) -> list:
        lots = corrected(P, data)
        for lot in lots:
            lot._means["bias2"] += lot.variance / lot.n_repetitions
        return lots

    monkeypatch.setattr(checks, "in_lots", uncorrected)
    after = claim.test(view).value
    assert claim.threshold.contains(before, before)
    assert not claim.threshold.contains(after, after)


@pytest.mark.slow
def test_the_report_shows_all_figures(finished: Results, shown: Callable[..., str]) -> None:
    names = []

    def look(name: str, figure: Figure) -> None:
        names.append(name)
        if name != "claims":
            assert all(ax.get_xlabel() for ax in figure.axes) or figure.get_supxlabel(), name
            assert any(ax.get_ylabel() for ax in figure.axes) or name in ("trades", "slopes")

    assert "## All claims" in shown(finished, look)
    assert set(names) == {*study.figures, "claims"}


@pytest.mark.slow
def test_the_trade_is_the_difference_of_errors(finished: Results) -> None:
    trades = finished.table("trades")
    squared = trades[trades["loss"] == "squared"]
    np.testing.assert_allclose(squared["saved"] - squared["paid"], squared["gain"], atol=1e-6)
    assert set(trades["regularizer"]) == set(REGULARIZERS)


@pytest.mark.slow
def test_a_trade_is_chosen_by_the_first_half_of_the_errors_and_measured_on_the_other(
    finished: Results,
) -> None:
    values = finished.table("pseudo_values")
    values = values[values["sampling"] != "bootstrap"]
    settings = ["data", "loss", "regularizer", "strength"]
    errors = values.pivot(index=settings, columns="repetition", values="error").to_numpy()
    where = {key: i for i, key in enumerate(values.groupby(settings).groups)}
    for trade in finished.table("trades").to_dict("records"):
        of = (trade["data"], trade["loss"])
        off = errors[where[*of, "none", 0.0]]
        axis = {
            key[3]: errors[i] for key, i in where.items() if key[:3] == (*of, trade["regularizer"])
        }
        best = min(off[:2].mean(), *(row[:2].mean() for row in axis.values()))
        assert trade["first"] == pytest.approx(1 - best / off[:2].mean(), abs=1e-12)
        row = off if trade["chosen_is_off"] else axis[trade["chosen"]]
        assert row[:2].mean() == best
        assert trade["gain"] == pytest.approx(1 - row[2:].mean() / off[2:].mean(), abs=1e-12)
        alone = 1 - row[2:] / off[2:]  # of two repetitions, what each says without the other
        reach = t.ppf(0.975, 1) * abs(alone[0] - alone[1]) / 2
        ends = trade["gain"] - reach, trade["gain"] + reach
        assert (trade["low"], trade["high"]) == pytest.approx(ends, rel=1e-6, abs=1e-12)


@pytest.mark.slow
def test_components_are_those_of_the_stored_predictions(finished: Results) -> None:
    """Bias² + noise on diabetes, by hand for one setting."""
    row = (
        finished["subsample"].stacked("prediction", data="diabetes", regularizer="dropout").iloc[-1]
    )
    P, y = row["prediction"].astype(float), finished.data("diabetes").y_test
    by_hand = np.mean((P.mean(0) - y) ** 2 - P.var(0, ddof=1) / len(P))
    table = finished.table("components", data="diabetes", regularizer="dropout")
    table = table[
        (table["strength"] == row["strength"]) & (table["component"].str.contains("bias"))
    ]
    assert table["estimate"].item() == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.slow
def test_a_table_of_ones_own_takes_the_real_tables_place(smaller: None, tmp_path: Path) -> None:
    X, y = load_wine(return_X_y=True, as_frame=True)
    X.assign(grape=y).to_csv(tmp_path / "wine.csv", index=False)
    own = open_table(str(tmp_path / "wine.csv"), "grape", None)
    results = run(Selection("bias-variance", "quick", 3, own), tmp_path / "results")
    verdicts = results.verdicts.set_index("claim")
    assert verdicts.loc["trade-pays-wine-log", "data"] == "wine"
    assert verdicts.loc["trade-pays-wine-log", "verdict"] != "not run"
    assert not verdicts.index.str.contains("diabetes|digits|squared").any(), "not asked for"
    texts = results.figure("regression").axes[0].texts
    said = texts[0].get_text().replace("\n", " ")
    assert said.startswith("Not part of this run")
    assert "no regression table" in said
    assert results.figure("classes-log").axes[0].get_ylabel().startswith("wine")


# ------------------------------------------------------------------ constructed tables


@pytest.fixture
def constructed(tmp_path: Path) -> Callable[..., Results]:
    """Results with given bias and variance, (n_settings,), along every axis."""

    def make(bias: np.ndarray, variance: np.ndarray, spread: float = 0.01) -> Results:
        rng = np.random.default_rng(0)
        common = rng.normal(size=40)
        pseudo, components = [], []
        for regularizer in REGULARIZERS:
            plain = {"epochs": float(EPOCHS["regression"]), "width": float(WIDTH)}.get(regularizer)
            strengths = [plain / 2**k for k in range(6)] if plain else [0.0, 1, 2, 3, 4, 5]
            for k, strength in enumerate(strengths):
                name, value = (regularizer, strength) if k else ("none", 0.0)
                if not k and regularizer != "l2":
                    continue
                setting = {
                    "data": "synthetic",
                    "regularizer": name,
                    "strength": float(value),
                    "sampling": "independent",
                    "loss": "squared",
                }
                b = bias[k] + spread * (common + rng.normal(size=40))
                v = variance[k] + spread * (common + rng.normal(size=40))
                frame = pd.DataFrame({**setting, "bias": b, "variance": v, "error": b + v})
                pseudo.append(frame.rename_axis("repetition").reset_index())
                for component, estimate in {
                    "bias2": bias[k],
                    "variance": variance[k],
                    "error": bias[k] + variance[k],
                }.items():
                    row = {"component": component, "term": component != "error"}
                    ends = dict.fromkeys(("estimate", "low", "high"), estimate) | {"remainder": 0.0}
                    components.append({**setting, **row, **ends})
        folder = tmp_path / "run"
        (folder / "tables").mkdir(parents=True)
        pd.concat(pseudo).to_parquet(folder / "tables" / "pseudo_values.parquet", index=False)
        pd.DataFrame(components).to_parquet(folder / "tables" / "components.parquet", index=False)
        manifest = {"data": {"synthetic": {"answers_to": ["synthetic"]}}, "experiments": {}}
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return Results(folder, find("bias-variance"), only="synthetic")

    return make


UP, DOWN = np.array([0.1, 0.12, 0.15, 0.2, 0.5, 1.0]), np.array([0.9, 0.7, 0.4, 0.2, 0.1, 0.05])


@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_a_textbook_trade_is_held(constructed: Callable[..., Results], regularizer: str) -> None:
    results = constructed(UP, DOWN)
    assert held(CLAIMS["moves-l2"], known_truth.moves(results, regularizer))
    pays = known_truth.trade_pays(results, regularizer)
    assert held(CLAIMS["trade-pays-l2"], pays)
    assert pays.value == pytest.approx(0.6, abs=0.02)  # (1.0 - 0.4) / 1.0
    assert pays.n == 20
    assert held(CLAIMS["best-inside"], known_truth.too_much_hurts(results))


def test_a_regularizer_that_only_adds_bias_fails(constructed: Callable[..., Results]) -> None:
    results = constructed(UP, np.full(6, 0.5))
    moves = known_truth.moves(results, "l2")
    assert not held(CLAIMS["moves-l2"], moves)
    assert moves.note == "variance"  # which does not fall
    assert not held(CLAIMS["trade-pays-l2"], known_truth.trade_pays(results, "l2"))
    assert known_truth.trade_pays(results, "l2").value == 0.0  # "off" was chosen


def test_a_best_strength_at_the_end_fails(constructed: Callable[..., Results]) -> None:
    results = constructed(np.full(6, 0.1), DOWN)
    assert not held(CLAIMS["best-inside"], known_truth.too_much_hurts(results))


def test_a_bias_that_falls_fails_although_it_pays(constructed: Callable[..., Results]) -> None:
    results = constructed(UP[::-1], DOWN)
    assert not held(CLAIMS["moves-l2"], known_truth.moves(results, "l2"))
    assert held(CLAIMS["trade-pays-l2"], known_truth.trade_pays(results, "l2"))


def test_claims_and_tables_say_the_same(constructed: Callable[..., Results]) -> None:
    """One number has one interval, and a higher level makes it wider."""
    results = constructed(UP, DOWN)
    slopes = tables.slopes(results).set_index(["regularizer", "component"])
    for name in REGULARIZERS:
        moves = known_truth.moves(results, name)
        component, sign = moves.note, {"bias": 1, "variance": -1}[moves.note]
        row = slopes.loc[(name, component)]
        ends = sorted([sign * row["low"], sign * row["high"]])
        np.testing.assert_allclose([moves.value, *moves.at(0.95)], [sign * row["slope"], *ends])
        pays = known_truth.trade_pays(results, name)
        (low, high), (lower, higher) = pays.at(0.95), pays.at(0.995)
        assert lower < low < pays.value < high < higher
    wider = t.ppf(1 - 0.025 / len(slopes), 39) / t.ppf(0.975, 39)  # Bonferroni
    reach, reach_all = slopes["high"] - slopes["slope"], slopes["high_all"] - slopes["slope"]
    np.testing.assert_allclose(reach_all, wider * reach)
    steps = np.arange(6) - 2.5
    expected = steps @ UP / (steps @ steps) / (UP[0] + DOWN[0])
    assert slopes.loc[("l2", "bias"), "slope"] == pytest.approx(expected, rel=0.02)


def test_without_an_error_there_is_no_share_of_it(constructed: Callable[..., Results]) -> None:
    assert np.isnan(share_saved(np.zeros(5), np.ones(5)).value)
    results = constructed(np.zeros(6), np.zeros(6), spread=0.0)
    assert np.isnan(known_truth.moves(results, "l2").value)
    assert known_truth.trade_pays(results, "l2").value == 0.0


def test_where_no_regularizer_was_chosen_none_is_named(constructed: Callable[..., Results]) -> None:
    results = constructed(UP, np.full(6, 0.5))
    estimate = saved_by_best(tables.axes_at(results, known_truth.place(results)))
    assert (estimate.value, estimate.note) == (0.0, "no regularizer")


def test_the_strength_is_judged_on_other_repetitions_than_it_was_chosen_on(
    constructed: Callable[..., Results],
) -> None:
    """Where no strength is better than another, choosing among six does not look like a gain."""
    results = constructed(np.full(6, 0.3), np.full(6, 0.3), spread=0.1)
    gains = [known_truth.trade_pays(results, name) for name in REGULARIZERS]
    n_held = sum(held(CLAIMS["trade-pays-l2"], gain) for gain in gains)
    assert n_held <= binom.ppf(0.999, len(gains), 0.05)


# ------------------------------------------------------------------ oracles and data


def test_closed_form_is_ridge() -> None:
    rng = np.random.default_rng(0)
    X, X_test, w = rng.normal(size=(30, 8)), rng.normal(size=(50, 8)), rng.normal(size=8)
    data = Bunch(X=X, f=X @ w, X_test=X_test, f_test=X_test @ w, noise=0.7)
    alpha = 0.2
    known = checks.ridge_closed_form(data, alpha)
    Y = data.f[:, np.newaxis] + np.sqrt(0.7) * rng.normal(size=(30, 20_000))
    ridge = Ridge(alpha=30 * alpha, fit_intercept=False)
    P = ridge.fit(X, Y).predict(X_test).T
    assert known["variance"] == pytest.approx(P.var(axis=0, ddof=1).mean(), rel=0.02)
    noiseless = ridge.fit(X, data.f).predict(X_test)
    assert known["bias2"] == pytest.approx(np.mean((noiseless - data.f_test) ** 2), rel=1e-9)


def test_subsample_draws_different_rows_in_the_classes_shares() -> None:
    y = np.repeat([0, 1, 2], [70, 25, 5])
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = subsample(rng, y, 20, "classification")
        assert len(np.unique(rows)) == 20
        np.testing.assert_array_equal(np.bincount(y[rows]), [14, 5, 1])
    assert len(np.unique(subsample(rng, y.astype(float), 20, "regression"))) == 20


def test_split_keeps_test_rows_apart_and_takes_any_table() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.arange(40.0), np.zeros(40)])
    prepared = split(Bunch(X=X, y=rng.normal(size=40)), rng)
    assert prepared["task"] == "regression"
    assert not set(prepared["X_test"][:, 0]) & set(prepared["X_pool"][:, 0])
    assert prepared["n_train"] == 6
    assert np.isfinite(prepared["X_pool"]).all()
    assert split(Bunch(X=X, y=np.tile([0, 1], 20)), rng)["task"] == "classification"


def test_only_four_inputs_matter() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (50, 6))
    changed = X.copy()
    changed[:, 4:] = 0
    np.testing.assert_array_equal(truth(X), truth(changed))


# ------------------------------------------------------------------ intervals of slopes


class VotingAxis(Axis):
    """An axis of five strengths under the 0-1 loss, of votes with known probabilities."""

    def __init__(self, p: np.ndarray, R: int, rng: np.random.Generator) -> None:
        y = np.zeros(p.shape[1], dtype=int)
        draws = rng.random((R, p.shape[1], 1))  # repetitions are paired along the axis
        super().__init__("l2", [], [], 0, pd.DataFrame(), self.left)
        votes = [
            decompose_zero_one((draws > q.cumsum(axis=1)).sum(axis=2), y=y, classes=[0, 1, 2])
            for q in p
        ]
        object.__setattr__(self, "results", votes)

    def matrix(self, component: str) -> np.ndarray:
        name = {"bias": "bias_plus_noise", "variance": "net_variance"}.get(component, component)
        return np.array([result.pseudo_values[name] for result in self.results])

    def left(self, component: str) -> np.ndarray:
        name = {"bias": "bias_plus_noise", "variance": "net_variance"}[component]
        return np.array([r.remainders[name] for r in self.results])


@pytest.mark.parametrize("component", ["bias", "variance"])
def test_slopes_of_the_zero_one_loss_cover_as_often_as_they_say(component: str) -> None:
    rng = np.random.default_rng(0)
    start, end = rng.dirichlet([3, 1, 1], 200), rng.dirichlet([2, 2, 1], 200)
    p = np.array([(1 - w) * start + w * end for w in np.linspace(0, 1, 5)])
    bias = (p.argmax(axis=2) != 0).mean(axis=1)
    wrong = 1 - p[:, :, 0].mean(axis=1)
    true = slope(bias if component == "bias" else wrong - bias) / wrong[0]
    found = [relative_slope([VotingAxis(p, 30, rng)], {component: 1}) for _ in range(60)]
    ends = np.array([estimate.at(0.95) for estimate in found])
    covered = ((ends[:, 0] <= true) & (true <= ends[:, 1])).sum()
    assert covered >= binom.ppf(0.001, len(found), 0.90)
    errors = np.array([estimate.value for estimate in found]) - true
    assert np.diff(ends, axis=1).mean() <= 2 * 2 * 1.96 * np.sqrt(np.mean(errors**2))
