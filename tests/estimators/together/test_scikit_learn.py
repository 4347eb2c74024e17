"""Unmodified scikit-learn code gives to the bit what it gives outside, and its fits are stacked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV, SelectFromModel
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor

NET = NetClassifier((8,), max_epochs=3, batch_size=32, learning_rate=0.01, random_state=0)
GRID = {"l2": [0.0, 1e-3, 1e-1], "learning_rate": [1e-3, 1e-2]}


def results(search):
    return search.cv_results_, search.best_params_


def grid(X, y):
    search = GridSearchCV(NET, GRID, cv=3, return_train_score=True).fit(X, y)
    return results(search), search.predict_proba(X)


def randomized(X, y):
    options = {"l2": loguniform(1e-6, 1), "dropout": [0.0, 0.2]}
    return results(RandomizedSearchCV(NET, options, n_iter=6, cv=3, random_state=1).fit(X, y))


def halving(X, y):
    search = HalvingGridSearchCV(NET, GRID, cv=2, factor=2, random_state=0, min_resources=60)
    return results(search.fit(X, y))


def folds(X, y):
    found = cross_validate(NET, X, y, cv=5, return_train_score=True, return_estimator=True)
    networks = found.pop("estimator")
    return found, [net.coefs_ for net in networks], [net.loss_curve_ for net in networks]


def growing(X, y):
    return learning_curve(
        NET, X, y, train_sizes=[0.1, 0.35, 1.0], cv=3, shuffle=True, random_state=0
    )


def validating(X, y):
    return validation_curve(NET, X, y, param_name="l2", param_range=[0, 1e-2, 1], cv=3)


def bagging(X, y):
    """Bootstraps arrive as weights, of which a third are zero."""
    return BaggingClassifier(NET, n_estimators=8, random_state=0).fit(X, y).predict_proba(X)


def subspaces(X, y):
    net = NetRegressor((8,), max_epochs=3, random_state=0)
    bag = BaggingRegressor(net, n_estimators=6, max_features=0.5, bootstrap=False, random_state=0)
    return bag.fit(X, y).predict(X)


def permuted(X, y):
    return permutation_test_score(NET, X, y, cv=2, n_permutations=4, random_state=0)


def pipeline(X, y):
    pipe = make_pipeline(StandardScaler(), PCA(20, random_state=0), NET)
    names = {"pca__n_components": [10, 20], "netclassifier__l2": [0.0, 1e-2]}
    search = GridSearchCV(pipe, names, cv=3).fit(X, y)
    return results(search), search.decision_function(X)


def stacking(X, y):
    nets = [("a", NET), ("b", NetClassifier((), max_epochs=3, random_state=1))]
    final = LogisticRegression()
    return StackingClassifier(nets, final, cv=3).fit(X, y).predict_proba(X)


def voting(X, y):
    nets = [(str(seed), NetClassifier((8,), max_epochs=2, random_state=seed)) for seed in range(4)]
    return VotingClassifier(nets, voting="soft").fit(X, y).predict_proba(X)


def calibrated(X, y):
    return CalibratedClassifierCV(NET, cv=3).fit(X, y).predict_proba(X)


def predicted(X, y):
    return cross_val_predict(NET, X, y, cv=4, method="predict_proba")


def one_against_rest(X, y):
    return OneVsRestClassifier(NET).fit(X, y).predict(X)


def features(X, y):
    net = NetClassifier((), max_epochs=2, random_state=0)
    return RFECV(net, step=24, cv=2).fit(X, y).cv_results_, SelectFromModel(net).fit(
        X, y
    ).get_support()


def search_inside_a_search(X, y):
    inner = GridSearchCV(NET, {"l2": [0.0, 1e-2, 1.0]}, cv=2)
    return cross_validate(inner, X, y, cv=3, return_train_score=True)


def mixed_with_forests(X, y):
    pipe = make_pipeline(StandardScaler(), NET)
    forest = RandomForestClassifier(5, random_state=0)
    steps = {"netclassifier": [NET, forest, RidgeClassifier()]}
    search = GridSearchCV(pipe, steps, cv=3).fit(X, y)
    return search.cv_results_["mean_test_score"], search.predict(X)


FITS = {  # networks trained inside tasks, at least
    grid: 18,
    randomized: 18,
    halving: 12,
    folds: 5,
    growing: 9,
    validating: 9,
    bagging: 8,
    subspaces: 6,
    permuted: 8,
    pipeline: 12,
    stacking: 8,
    voting: 4,
    calibrated: 3,
    predicted: 4,
    one_against_rest: 10,
    features: 6,
    search_inside_a_search: 21,
    mixed_with_forests: 3,
}


@pytest.mark.parametrize("tool", FITS, ids=lambda tool: tool.__name__)
def test_same_inside_as_outside(tool, digits, same_inside):
    sizes = same_inside(lambda: tool(*digits), by_name=True)
    assert sum(sizes) >= FITS[tool]
    assert max(sizes) > 1


def test_float64_and_strings(digits, same_inside):
    X, y = digits[0].astype(np.float64), np.array(list("abcdefghij"))[digits[1]]
    assert sum(same_inside(lambda: grid(X, y))) == 18
