"""The network without hidden layers as scikit-learn's users know a linear model."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import Lasso, Ridge
from sklearn.pipeline import make_pipeline

from wellposed import NetClassifier, NetRegressor

X, y = load_diabetes(return_X_y=True)
X = X / X.std(0)
Y = np.c_[y, -y, X[:, 0] * 50] / 100
X_iris, y_iris = load_iris(return_X_y=True)
LINEAR = {"hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-8}


@pytest.mark.parametrize(
    ("target", "coef", "intercept", "predictions"),
    [
        (y, (10,), (), (442,)),
        (y[:, None], (1, 10), (1,), (442, 1)),
        (Y, (3, 10), (3,), (442, 3)),
    ],
)
def test_shapes_are_those_of_ridge(target, coef, intercept, predictions):
    net = NetRegressor(l2=0.1, **LINEAR).fit(X, target)
    ridge = Ridge(alpha=0.1 * len(X), tol=1e-12).fit(X, target)
    assert net.coef_.shape == coef
    assert np.shape(net.intercept_) == intercept
    assert net.predict(X).shape == predictions
    np.testing.assert_allclose(np.atleast_2d(net.coef_), np.atleast_2d(ridge.coef_), rtol=1e-5)
    np.testing.assert_allclose(net.predict(X).ravel(), ridge.predict(X).ravel(), rtol=1e-5)


def test_outputs_are_summed_in_the_loss_so_each_is_its_own_model():
    net = NetRegressor(l1=0.05, l2=0.01, **LINEAR).fit(X, Y)
    for k in range(3):
        alone = NetRegressor(l1=0.05, l2=0.01, **LINEAR).fit(X, Y[:, k])
        np.testing.assert_allclose(net.coef_[k], alone.coef_, atol=1e-7)
    assert net.score(X, Y) == pytest.approx(
        np.mean([1 - ((Y - net.predict(X))[:, k].var() / Y[:, k].var()) for k in range(3)]),
        abs=1e-6,
    )


@pytest.mark.parametrize(
    ("target", "n_outputs"), [(y_iris, 3), (y_iris == 1, 1), (np.eye(3, dtype=int)[y_iris], 3)]
)
def test_a_classifier_has_a_row_for_each_output_unit(target, n_outputs):
    net = NetClassifier(l2=0.1, **LINEAR).fit(X_iris, target)
    assert net.coef_.shape == (n_outputs, 4)
    assert net.intercept_.shape == (n_outputs,)
    z = X_iris @ net.coef_.T + net.intercept_
    np.testing.assert_allclose(net.decision_function(X_iris).reshape(z.shape), z, atol=1e-10)


def test_without_intercept_it_is_zero():
    net = NetRegressor(fit_intercept=False, l2=0.1, **LINEAR).fit(X, y)
    assert net.intercept_ == 0.0
    assert net.intercepts_ == []
    np.testing.assert_allclose(net.predict(np.zeros((1, 10))), 0.0)
    ridge = Ridge(alpha=0.1 * len(X), fit_intercept=False, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(net.coef_, ridge.coef_, rtol=1e-5)


def test_features_are_selected_by_exact_zeros():
    selector = SelectFromModel(NetRegressor(l1=10.0, **LINEAR), threshold=1e-12).fit(X, y)
    support = selector.get_support()
    np.testing.assert_array_equal(support, Lasso(10.0, tol=1e-12).fit(X, y).coef_ != 0)
    assert 0 < support.sum() < 10
    pipeline = make_pipeline(selector, NetRegressor(l2=1e-3, **LINEAR)).fit(X, y)
    assert pipeline[-1].n_features_in_ == support.sum()


def test_features_are_eliminated_one_by_one():
    net, ridge = (
        RFE(model, n_features_to_select=4).fit(X, y).get_support()
        for model in (NetRegressor(l2=0.1, **LINEAR), Ridge(alpha=0.1 * len(X)))
    )
    np.testing.assert_array_equal(net, ridge)


def test_a_network_with_hidden_layers_selects_by_its_first_weights():
    net = NetRegressor((5,), l1=0.01, max_epochs=30, random_state=0)
    noisy = np.c_[X, np.zeros(len(X))]
    by_default = SelectFromModel(net, threshold=1e-12).fit(noisy, y / 100).get_support()
    strength = SelectFromModel(
        net, threshold=1e-12, importance_getter=lambda net: np.linalg.norm(net.coefs_[0], axis=1)
    )
    support = strength.fit(noisy, y / 100).get_support()
    assert support[:10].all()
    np.testing.assert_array_equal(by_default, support)
    assert not hasattr(strength.estimator_, "coef_")
    with pytest.raises(AttributeError, match="This network has 1 hidden layers: see coefs_"):
        _ = strength.estimator_.coef_


def test_an_empty_feature_has_weight_zero_under_l1():
    net = NetRegressor((5,), solver="sgd", learning_rate=0.01, l1=0.05, random_state=0)
    net.fit(np.c_[X, np.zeros(len(X))], y / 100)
    assert (net.coefs_[0][-1] == 0).all()


def test_enormous_weights_count_by_their_ratios():
    """Their sum overflows."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    weight = np.linspace(0.5, 1.0, 30)
    net = NetRegressor((), solver="lbfgs", l2=0.1, tol=1e-10)
    w = net.fit(X, y, sample_weight=1.7e308 * weight).coef_
    np.testing.assert_allclose(w, net.fit(X, y, sample_weight=weight).coef_, rtol=1e-8)
