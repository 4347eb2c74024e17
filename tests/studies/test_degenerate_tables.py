"""Tables at the edge: measured right by both studies, or refused with a reason before they run."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import Bunch

from wellposed_studies.catalogue.bias_variance import study as bias_variance
from wellposed_studies.catalogue.underconstrained import network
from wellposed_studies.catalogue.underconstrained import study as underconstrained
from wellposed_studies.catalogue.underconstrained.data import linear_problem
from wellposed_studies.errors import DataError
from wellposed_studies.loading.scaling import standardised
from wellposed_studies.loading.training_sets import bootstrap, draw, split
from wellposed_studies.loading.wide import widen
from wellposed_studies.running.watching import time_left
from wellposed_studies.study import Cell

N = 90
RNG = np.random.default_rng(0)
X5 = RNG.normal(size=(N, 5))
LINEAR = X5[:, 0] - X5[:, 1] + 0.3 * RNG.normal(size=N)
SIGNS = (LINEAR > 0).astype("int64")

TABLES = {
    "one input": (X5[:, :1], LINEAR),
    "two inputs": (X5[:, :2], LINEAR),
    "one input of zeros and ones": ((X5[:, :1] > 0) * 1.0, LINEAR),
    "zeros and ones": ((X5[:, :4] > 0) * 1.0, LINEAR),
    "zeros and ones, classes": ((RNG.normal(size=(N, 8)) > 0) * 1.0, SIGNS),
    "sums of other columns": (X5 @ RNG.normal(size=(5, 60)), LINEAR),
    "nearly sums of others": (np.hstack([X5, X5 + 1e-5 * RNG.normal(size=X5.shape)]), LINEAR),
    "nearly sums, classes": (
        X5 @ RNG.normal(size=(5, 60)) + 1e-4 * RNG.normal(size=(N, 60)),
        SIGNS,
    ),
    "constant columns": (np.hstack([X5, np.full((N, 3), 7.0)]), LINEAR),
    "a column constant but once": (np.eye(N)[:, :1], LINEAR),
    "every row five times": (np.tile(X5[:18], (5, 1)), np.tile(LINEAR[:18], 5)),
    "equal rows of both classes": (np.tile(X5[:45], (2, 1)), np.repeat([0, 1], 45)),
    "a target of three values": (X5, np.where(abs(LINEAR) < 1.5, 0.0, np.sign(LINEAR))),
    "a target constant but once": (X5, np.eye(N)[0]),
    "huge": (1e300 * X5, 1e300 * LINEAR),
    "tiny": (1e-300 * X5, 1e-300 * LINEAR),
    "far from zero": (1e9 + 1e-3 * X5, 1e12 + LINEAR),
    "wider than long": (RNG.normal(size=(25, 200)), RNG.normal(size=25)),
    "wider than long, classes": (RNG.normal(size=(25, 200)), np.arange(25) % 2),
    "twenty rows": (X5[:20], LINEAR[:20]),
    "twenty classes of five rows": (RNG.normal(size=(100, 5)), np.arange(100) % 20),
    "a class of five rows": (X5, np.repeat([0, 1], [85, 5])),
    "two rows a class": (RNG.normal(size=(60, 5)), np.arange(60) % 30),
    "a class of one row": (X5, np.repeat([0, 1, 2], [45, 44, 1])),
    "a column with an outlier": (np.column_stack([X5, 1e8 * np.eye(N)[0]]), LINEAR),
    "one of thirty levels": (np.eye(30)[np.arange(N) % 30], LINEAR),
}
REFUSED = {
    "one input": "make only 2 columns",
    "one input of zeros and ones": "make only 1 columns",
    "a column constant but once": "make only 1 columns",
    "a target constant but once": "the same in nearly all",
    "two rows a class": "second largest class has 2 rows",
}


def finite(measured: dict) -> bool:
    values = [getattr(value, "to_numpy", lambda v=value: v)() for value in measured.values()]
    numbers = [np.asarray(value) for value in values]
    return all(np.isfinite(n.astype(float)).all() for n in numbers if n.dtype.kind in "fiub")


def cell(data: object, repetition: int, **params: object) -> Cell:
    return Cell(data, "mine", params, repetition, f"{repetition:032x}")


@pytest.mark.parametrize("name", TABLES)
def test_underconstrained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = TABLES[name]
    study, rng = underconstrained, np.random.default_rng(1)
    if sentence := REFUSED.get(name):
        with pytest.raises(DataError, match=sentence):
            study.prepared(Bunch(X=X, y=y), rng, "quick")
        return
    data = Bunch(**study.prepared(Bunch(X=X, y=y), rng, "quick"))
    assert data.X.shape[1] >= 2 * data.n_train >= 4
    monkeypatch.setattr(network, "EPOCHS", 20)
    experiments: dict[str, dict[str, object]] = {"penalty_path": {}}
    if data.task == "regression":
        experiments |= {name: {} for name in ("null_space", "l2_to_zero", "shrinkage")}
        experiments["seeds"] = {"treatment": "early stopping"}
        problem = linear_problem(cell(data, 0))
        s = np.linalg.svd(problem["X"], compute_uv=False)
        assert s[-1] > 0.005 * s[0]  # X w = y has solutions, and descent finds one in time
    else:
        experiments["growth"] = {"l2": 0.0, "steps": 100}
    for experiment, factors in experiments.items():
        measured = study.experiments[experiment].measure(cell(data, 0, **factors))
        assert finite(dict(measured)), experiment


def test_a_target_that_varies_in_test_rows_only_is_refused() -> None:
    X, y = TABLES["a target constant but once"]
    refused = 0
    for seed in range(20):
        try:
            split(Bunch(X=X, y=y), np.random.default_rng(seed))
        except DataError:
            refused += 1
    assert 0 < refused < 20  # a third of the rows are for testing


@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.parametrize("name", [name for name in TABLES if name != "a target constant but once"])
def test_bias_variance(name: str) -> None:
    X, y = TABLES[name]
    for seed in range(5):
        data = Bunch(
            **bias_variance.prepared(Bunch(X=X, y=y), np.random.default_rng(seed), "quick")
        )
        assert np.isfinite(data.X_pool).all()
        assert np.isfinite(data.X_test).all()
        if data.task == "classification":
            assert set(data.y_test) <= set(data.y_pool) == set(range(data.n_classes))
    for sampling, rows_of in {"subsample": draw, "bootstrap": bootstrap}.items():
        one = cell(data, 0, regularizer="epochs", strength=5.0)
        measured = bias_variance.experiments[sampling].measure(one)
        assert finite(measured)
        if data.task == "classification":
            assert measured["probability"].shape == (len(data.y_test), data.n_classes)
            assert set(rows_of(data, one.rng("training set"))[1]) == set(data.y_pool)


def test_no_class_is_only_tested_whatever_the_seed() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 5)
    X = np.column_stack([y + 0.01 * rng.normal(size=30), rng.normal(size=30)])
    for seed in range(300):
        data = split(Bunch(X=X, y=y * 10), np.random.default_rng(seed))
        assert set(data["y_test"]) <= set(data["y_pool"]) == set(range(6))
        assert np.bincount(data["y_test"], minlength=6).max() <= 2  # of ten
        # classes keep their rows: the first input is the class
        shown = np.concatenate([data["X_test"][:, 0], data["X_pool"][:, 0]])
        codes = np.concatenate([data["y_test"], data["y_pool"]])
        assert (np.diff(codes[np.argsort(shown)]) >= 0).all()


def test_a_column_that_others_explain_is_left_out_and_rows_are_as_many_as_that_allows() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 50))
    wide = widen(Bunch(X=X, y=rng.normal(size=200)), np.random.default_rng(0))
    more = np.hstack([X, X @ rng.normal(size=(50, 30))])
    again = widen(Bunch(X=more, y=rng.normal(size=200)), np.random.default_rng(0))
    assert wide["X"].shape == again["X"].shape == (200, 50)
    assert wide["n_train"] == again["n_train"] == 24


def test_scaling_is_the_usual_one_where_that_works() -> None:
    X = np.random.default_rng(3).normal(5, 3, size=(40, 4))
    rows = np.arange(30)
    usual = (X - X[rows].mean(axis=0)) / X[rows].std(axis=0)
    for scale in (1.0, 1e300, 1e-300):
        np.testing.assert_allclose(standardised(X * scale, rows), usual, atol=1e-12)
    assert not standardised(np.full((5, 1), 0.1 + 0.2)).any()


def test_the_time_left_is_that_of_the_cells_left() -> None:
    assert time_left(60, 10, 30) == "about 3 min left"
    assert time_left(10_000, 100, 270) == "about 8 h left"
    assert time_left(5, 100, 20) == "less than 1 min left"
