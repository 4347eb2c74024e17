"""sample_weight and validation rows on their way through scikit-learn's meta-estimators."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_validate, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier

NET = NetClassifier((), solver="lbfgs", l2=1e-2)


@pytest.fixture(autouse=True)
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def problem():
    X, y = make_classification(90, n_features=5, random_state=0)
    weight = np.random.default_rng(0).integers(0, 4, 90).astype(float)
    return X, y, weight


def fold_scores(net, problem, folds):
    """What routed cross-validation must equal: weights sliced by hand."""
    X, y, w = problem
    scores = []
    for train, test in folds.split(X):
        fitted = clone(net).fit(X[train], y[train], sample_weight=w[train])
        scores.append(accuracy_score(y[test], fitted.predict(X[test]), sample_weight=w[test]))
    return np.array(scores)


def test_cross_validate_slices_weights_for_fit_and_score(problem):
    X, y, w = problem
    net = clone(NET).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    folds = KFold(3)
    result = cross_validate(net, X, y, cv=folds, params={"sample_weight": w})
    np.testing.assert_array_equal(result["test_score"], fold_scores(NET, problem, folds))


def test_grid_search_slices_weights_for_every_candidate(problem):
    X, y, w = problem
    net = clone(NET).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    folds = KFold(3)
    search = GridSearchCV(net, {"l2": [1e-3, 1.0]}, cv=folds).fit(X, y, sample_weight=w)
    for l2, mean in zip((1e-3, 1.0), search.cv_results_["mean_test_score"]):
        expected = fold_scores(clone(NET).set_params(l2=l2), problem, folds).mean()
        assert mean == pytest.approx(expected, abs=1e-15)
    best = clone(NET).set_params(**search.best_params_).fit(X, y, sample_weight=w)
    np.testing.assert_array_equal(search.best_estimator_.coef_, best.coef_)


def test_weights_that_nobody_asked_for_are_refused(problem):
    X, y, w = problem
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        cross_validate(NET, X, y, params={"sample_weight": w})


def test_a_pipeline_scales_the_validation_rows_like_the_others(problem):
    X, y, _ = problem
    X, X_val, y, y_val = train_test_split(7 + 50 * X, y, random_state=0)
    settings = {"early_stopping": True, "random_state": 0, "max_epochs": 30}
    net = NetClassifier((6,), **settings).set_fit_request(X_val=True, y_val=True)
    pipeline = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
    pipeline.fit(X, y, X_val=X_val, y_val=y_val)

    scaler = StandardScaler().fit(X)
    expected = NetClassifier((6,), **settings).fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    fitted = pipeline[-1]
    assert fitted.validation_loss_curve_ == expected.validation_loss_curve_
    assert fitted.best_epoch_ == expected.best_epoch_
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])
    # Unscaled validation rows would have told another story.
    raw = NetClassifier((6,), **settings).fit(scaler.transform(X), y, X_val=X_val, y_val=y_val)
    assert raw.validation_loss_curve_ != expected.validation_loss_curve_


def test_a_pipeline_routes_weights_to_the_net(problem):
    X, y, w = problem
    net = clone(NET).set_fit_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = Pipeline([("scale", scaler), ("net", net)]).fit(X, y, sample_weight=w)
    expected = clone(NET).fit(StandardScaler().fit_transform(X), y, sample_weight=w)
    np.testing.assert_array_equal(pipeline[-1].coef_, expected.coef_)


def test_partial_fit_can_ask_for_classes_and_weights():
    net = NetClassifier().set_partial_fit_request(classes=True, sample_weight=True)
    request = net.get_metadata_routing().partial_fit.requests
    assert request == {"classes": True, "sample_weight": True}
