"""Every solver, regularizer and way to stop takes part, and what cannot is fitted as usual."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from skorch.callbacks import EarlyStopping, EpochScoring, LRScheduler
from torch import nn

from wellposed import NetClassifier, NetRegressor
from wellposed.regularizers import REGULARIZERS

SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 32, "random_state": 3}
OPTIONS = {  # what is searched over, next to fixed parameters
    "adam": ({}, {"learning_rate": [1e-3, 1e-2], "l2": [0.0, 1e-2]}),
    "sgd": ({"solver": "sgd"}, {"learning_rate": [1e-2, 1e-1], "momentum": [0.0, 0.9]}),
    "lbfgs": (
        {"solver": "lbfgs", "batch_size": "auto", "max_epochs": 30},
        {"l2": [1e-2, 1e-1], "l1": [0.0, 1e-3]},
    ),
    "seeds": ({}, {"random_state": [0, 1, 2, 3]}),
    "sizes": ({}, {"hidden_layer_sizes": [(), (8,), (17,), (8, 8)]}),
    "lengths": ({}, {"max_epochs": [1, 3, 7]}),
    "batches": ({}, {"batch_size": [16, 32, 33, None]}),
    "activations": ({}, {"activation": ["relu", "tanh", "logistic"]}),
    "averaging": ({"averaging": 0.9}, {"l2": [0.0, 1e-3]}),
    "early stopping": (
        {"early_stopping": True, "max_epochs": 25, "learning_rate": 0.05},
        {"n_iter_no_change": [1, 2, 30], "l2": [0.0, 1e-2]},
    ),
    "retrained": (
        {"early_stopping": True, "max_epochs": 12, "learning_rate": 0.05, "n_iter_no_change": 2},
        {"retrain": ["updates", "passes", "continue"]},
    ),
    "balanced": ({"class_weight": "balanced"}, {"l2": [0.0, 1e-2]}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_same_inside_as_outside(name, digits, same_inside):
    fixed, grid = OPTIONS[name]
    X, y = digits
    y = y % 2 if name == "retrained" else y
    net = NetClassifier(**{**SMALL, **fixed})

    def work():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            search = GridSearchCV(net, grid, cv=3, return_train_score=True).fit(X, y)
        return search.cv_results_, search.predict_proba(X)

    sizes = same_inside(work)
    candidates = int(np.prod([len(values) for values in grid.values()]))
    assert sum(sizes) == 3 * candidates * (2 if name == "retrained" else 1)
    assert max(sizes) > 2


STRENGTHS = {"max_norm": [0.5, 2.0], "norm_constraint": [1.0, 3.0], "snapshots": [2, 3]}


@pytest.mark.parametrize("name", [n for n, r in REGULARIZERS.items() if not r.uses_tasks])
def test_every_regularizer(name, digits, same_inside):
    """Those added later take part by construction: this finds them by name."""
    X, y = digits
    needs = {other: value for other, (value, _) in REGULARIZERS[name].needs.items()}
    net = NetClassifier(**{**SMALL, "hidden_layer_sizes": (8, 8), **needs})
    if name not in net.get_params():
        pytest.fail(f"{name} is a regularizer and not a parameter")
    grid = {name: STRENGTHS.get(name, [0.05, 0.3])}

    def work():
        found = cross_validate(GridSearchCV(net, grid, cv=2), X, y, cv=2, return_estimator=True)
        return [search.predict_proba(X) for search in found["estimator"]]

    assert sorted(same_inside(work)) == [2, 8]  # the refits, and what is searched


def test_regression_with_weights_and_several_outputs(digits, same_inside):
    X, y = digits
    targets = np.column_stack([y, X.sum(1)])
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    net = NetRegressor(**SMALL, l1=1e-3)

    def work():
        return cross_validate(
            net, X, targets, cv=4, params={"sample_weight": weight}, return_train_score=True
        )

    assert same_inside(work) == [4]


def make_callbacks():
    return [EarlyStopping(monitor="train_loss", patience=2), LRScheduler("StepLR", step_size=2)]


def test_callbacks_are_fitted_as_usual(digits, same_inside):
    X, y = digits
    plain = NetClassifier(**SMALL)
    stopping = NetClassifier(**SMALL, callbacks=make_callbacks())
    scoring = NetClassifier(**SMALL, callbacks=[EpochScoring("accuracy", on_train=True)])

    def work():
        scores = [cross_validate(net, X, y, cv=3)["test_score"] for net in (stopping, scoring)]
        grid = {"callbacks": [None, make_callbacks()], "l2": [0, 1e-2]}
        return scores, GridSearchCV(plain, grid, cv=2).fit(X, y).cv_results_["mean_test_score"]

    assert sorted(same_inside(work)) == [1] * 10 + [2, 2]  # with and without l2


class Module(nn.Sequential):
    """A user's own, with layers that draw random numbers and look at their batch."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(
            nn.Linear(n_inputs, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(8, n_outputs),
        )


def test_own_modules_are_fitted_as_usual(digits, same_inside):
    X, y = digits
    net = NetClassifier(network=Module, max_epochs=2, batch_size=32, random_state=0)

    def work():
        search = GridSearchCV(net, {"l2": [0.0, 1e-2], "random_state": [0, 1]}, cv=3).fit(X, y)
        return search.cv_results_

    assert same_inside(work) == [1] * 12
