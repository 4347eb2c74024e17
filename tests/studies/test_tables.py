"""Real tables from other packages: numbers, tasks, and what is said where one is missing."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed_studies.errors import DataError
from wellposed_studies.loading.tables import TABLES, table

SHAPES = {
    "wine": (178, 13, 3), "digits": (1797, 64, 10), "breast_cancer": (569, 30, 2),
    "hearts": (303, 17, 2), "penguins": (344, 9, 3), "arrests": (5226, 11, 2),
    "affairs": (6366, 8, 2), "party": (944, 8, 7), "mnist": (5000, 784, 10),
    "diabetes": (442, 10), "autompg": (392, 7), "boston": (506, 13), "abalone": (4177, 10),
    "chicken": (578, 2), "doctor": (20190, 9), "schools": (303, 20),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_numbers_that_can_be_learned(name):
    data = table(name, max_rows=500)
    loaded = data.load(np.random.default_rng(0), "quick")
    X, y = loaded["X"], loaded["y"]
    n, d, *classes = SHAPES[name]
    assert X.shape[1] == d
    assert len(X) == min(n, 500)
    assert X.dtype == np.float64
    assert np.isfinite(X).all()
    if data.task == "classification":
        model, dummy = LogisticRegression(max_iter=500), DummyClassifier(strategy="prior")
        assert y.dtype == np.int64
        assert set(y) == set(range(classes[0]))
    else:
        model, dummy = Ridge(), DummyRegressor()
        assert y.dtype == np.float64
    folds = KFold(3, shuffle=True, random_state=0)  # some are sorted
    scoring = "r2" if data.task == "regression" else "neg_log_loss"
    model = make_pipeline(StandardScaler(), model)
    learned, constant = (
        cross_val_score(m, X, y, cv=folds, scoring=scoring).mean() for m in (model, dummy)
    )
    assert learned > constant


def test_rows_are_drawn_by_the_seed():
    draws = [table("abalone", 50).load(np.random.default_rng(s), "quick")["X"] for s in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    X, y = load_diabetes(return_X_y=True)
    whole = table("diabetes").load(np.random.default_rng(0), "quick")
    np.testing.assert_array_equal(whole["X"], X)
    np.testing.assert_array_equal(whole["y"], y)


def test_the_target_is_not_among_the_inputs():
    for name in TABLES:
        loaded = table(name).load(np.random.default_rng(0), "quick")
        y = loaded["y"].astype(float)
        if len(np.unique(y)) > 3:
            for column in loaded["X"].T:
                assert np.ptp(column) == 0 or abs(np.corrcoef(column, y)[0, 1]) < 0.99


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(DataError, match=r"mlxtend, which is missing.*wellposed\[tables\]"):
        table("boston").load(np.random.default_rng(0), "quick")
    with pytest.raises(ValueError, match="no table 'titanic'"):
        table("titanic")
