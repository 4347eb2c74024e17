"""What is set on net_ is obeyed, or refused with what to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import scale

from wellposed import DivergenceError, NetClassifier, NetRegressor

X, y = load_iris(return_X_y=True)
X = scale(X)
SETTINGS = {"hidden_layer_sizes": (8,), "max_epochs": 5, "random_state": 0, "l2": 1e-3}


def net(**settings):
    return NetClassifier(**{**SETTINGS, **settings}).fit(X, y).net_


@pytest.mark.parametrize(
    ("params", "settings"),
    [
        ({"lr": 0.05}, {"learning_rate": 0.05}),
        ({"max_epochs": 2}, {"max_epochs": 2}),
        ({"batch_size": 10}, {"batch_size": 10}),
        ({"batch_size": -1}, {"batch_size": None}),
        (
            {"lr": 0.1, "max_epochs": 3, "batch_size": 64},
            {"learning_rate": 0.1, "max_epochs": 3, "batch_size": 64},
        ),
    ],
)
def test_what_is_set_is_what_the_estimator_would_do(params, settings):
    found = net().set_params(**params).fit(X, y)
    expected = NetClassifier(**{**SETTINGS, **settings}).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), rtol=1e-10)
    assert len(found.history) == expected.n_iter_
    again = net().set_params(**params).partial_fit(X, y)
    assert len(again.history) == 5 + expected.n_iter_


def test_a_search_over_it():
    grid = {"max_epochs": [1, 50], "lr": [0.001, 0.1]}
    search = GridSearchCV(net(), grid, cv=3, scoring="accuracy", error_score="raise").fit(X, y)
    expected = GridSearchCV(
        NetClassifier(**SETTINGS), {"max_epochs": [1, 50], "learning_rate": [0.001, 0.1]}, cv=3
    ).fit(X, y)
    np.testing.assert_array_equal(
        sorted(search.cv_results_["mean_test_score"]),
        sorted(expected.cv_results_["mean_test_score"]),
    )
    assert search.best_params_ == {"lr": 0.1, "max_epochs": 50}


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": torch.optim.Adam},
        {"optimizer__momentum": 0.5},
        {"optimizer__weight_decay": 0.5},
        {"module": torch.nn.Linear},
        {"module__hidden": 3},
        {"criterion": torch.nn.MSELoss},
        {"criterion__weight": None},
        {"train_split": 3},
        {"iterator_train__shuffle": True},
        {"warm_start": True},
        {"device": "cuda"},
        {"predict_nonlinearity": None},
        {"compile": True},
        {"request": None},
    ],
    ids=str,
)
def test_what_has_no_effect_is_refused(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"has no use for '{name}'. Set what you want on the"):
        net().set_params(**params)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"lr": 0}, "lr=0 must be a positive number"),
        ({"lr": "fast"}, "lr='fast' must be a positive number"),
        ({"max_epochs": 0}, "max_epochs=0 must be a positive integer"),
        ({"max_epochs": 2.5}, "max_epochs=2.5 must be a positive integer"),
        ({"batch_size": 0}, "batch_size=0 must be a positive integer, or -1"),
        ({"batch_size": None}, "batch_size=None must be a positive integer, or -1"),
    ],
)
def test_nonsense_is_refused(params, sentence):
    with pytest.raises(ValueError, match=sentence):
        net().set_params(**params).fit(X, y)


def test_unknown_names_are_skorchs_business():
    with pytest.raises(ValueError, match="Invalid parameter"):
        net().set_params(nonsense=1)


def test_it_is_a_classifier_or_a_regressor_as_skorchs_are():
    classes = net()
    assert is_classifier(classes)
    assert classes.score(X, y) == (classes.predict(X) == y).mean()
    assert cross_val_score(classes, X, y, cv=3).min() > 0
    two = NetClassifier(**SETTINGS).fit(X, y == 0)
    p = two.net_.predict_proba(X)
    np.testing.assert_allclose(p, two.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(two.net_.classes_, [0, 1])
    assert two.net_.score(X, y == 0) == two.score(X, y == 0)
    values = NetRegressor(**SETTINGS).fit(X, X[:, 0]).net_
    assert is_regressor(values)
    assert values.score(X, X[:, 0]) == pytest.approx(r2_score(X[:, 0], values.predict(X)))
    counts = NetRegressor(**SETTINGS, loss="poisson").fit(X, y)
    np.testing.assert_allclose(counts.net_.predict(X), counts.predict(X))
    assert is_regressor(clone(counts.net_))


def test_a_divergence_is_told_of():
    with pytest.raises(DivergenceError):
        net(solver="sgd").set_params(lr=1e200).fit(X, y)


@pytest.mark.parametrize("change", ["float", "half", "double"])
def test_a_module_in_another_precision(change):
    model = NetClassifier(**SETTINGS).fit(X, y)
    expected, labels = model.net_.predict_proba(X), model.net_.predict(X)
    getattr(model.net_.module_, change)()
    np.testing.assert_allclose(model.net_.predict_proba(X), expected, atol=1e-2)
    np.testing.assert_array_equal(model.net_.predict(X), labels)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-12)
    model.net_.partial_fit(X, y)
    assert model.net_.module_[0].weight.dtype == torch.float64
    np.testing.assert_allclose(model.net_.predict_proba(X), model.predict_proba(X), atol=1e-12)
    assert not np.allclose(model.predict_proba(X), expected, atol=1e-4)
