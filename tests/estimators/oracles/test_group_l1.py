"""Penalties on the weights that leave each input: whole features are off."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Lasso, MultiTaskLasso
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from wellposed import DivergenceError, NetClassifier, NetRegressor, fit_together
from wellposed.networks import MLP
from wellposed.regularizers import GroupL1
from wellposed.training.model import Weights
from wellposed.training.setting import Setting

CONVERGED = {"solver": "sgd", "learning_rate": 0.1, "batch_size": None, "max_epochs": 4000}


def standardised(regression, *shape):
    X, y = regression(*shape)
    return (X - X.mean(0)) / X.std(0), y


class TestLinearModels:
    @pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0])
    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    def test_several_outputs_are_multi_task_lasso(self, regression, alpha, momentum):
        X, Y = standardised(regression, 60, 12, 3)
        net = NetRegressor((), group_l1=alpha, momentum=momentum, **CONVERGED).fit(X, Y)
        expected = MultiTaskLasso(alpha, tol=1e-14, max_iter=100_000).fit(X, Y)
        np.testing.assert_array_equal(net.coef_ != 0, expected.coef_ != 0)
        distance = np.linalg.norm(net.coef_ - expected.coef_)
        assert distance <= 1e-6 * np.linalg.norm(expected.coef_)
        np.testing.assert_allclose(net.intercept_, expected.intercept_, rtol=1e-6)

    def test_one_output_is_lasso(self, regression):
        X, y = standardised(regression, 60, 12)
        net = NetRegressor((), group_l1=0.2, **CONVERGED).fit(X, y)
        expected = Lasso(0.2, tol=1e-14, max_iter=100_000).fit(X, y).coef_
        np.testing.assert_array_equal(net.coef_ != 0, expected != 0)
        np.testing.assert_allclose(net.coef_, expected, rtol=1e-6, atol=1e-9)

    def test_classes_satisfy_the_subgradient_conditions(self):
        X, y = load_iris(return_X_y=True)
        X = (X - X.mean(0)) / X.std(0)
        net = NetClassifier((), group_l1=0.05, **CONVERGED).fit(X, y)
        slope = (net.predict_proba(X) - np.eye(3)[y]).T @ X / len(X)
        norms = np.linalg.norm(net.coef_, axis=0)
        on = norms > 0
        assert 0 < on.sum() < 4
        np.testing.assert_allclose(slope[:, on], -0.05 * net.coef_[:, on] / norms[on], atol=1e-7)
        assert (np.linalg.norm(slope[:, ~on], axis=0) <= 0.05).all()

    def test_adam_ends_in_the_same_place(self, regression):
        """At a fixed point every step size gives the same conditions."""
        X, Y = standardised(regression, 60, 12, 3)
        net = NetRegressor((), group_l1=0.3, learning_rate=0.02, batch_size=None, max_epochs=6000)
        expected = MultiTaskLasso(0.3, tol=1e-14).fit(X, Y).coef_
        found = net.fit(X, Y).coef_
        np.testing.assert_array_equal(found != 0, expected != 0)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)

    def test_groups_of_inputs_go_together(self, regression):
        """Conditions with the strength ``sqrt(m) * alpha`` of a group of m inputs."""
        X, y = standardised(regression, 80, 9)
        groups, alpha = [[0, 4, 5], [1, 8]], 0.35
        net = NetRegressor((), group_l1=GroupL1(alpha, groups=groups), **CONVERGED).fit(X, y)
        slope = X.T @ (net.predict(X) - y) / len(X)
        n_on = 0
        arrays = GroupL1(alpha, groups=[np.array(group) for group in groups])
        again = NetRegressor((), group_l1=arrays, **CONVERGED).fit(X, y)
        np.testing.assert_array_equal(again.coef_, net.coef_)
        for group in [*groups, [2], [3], [6], [7]]:
            w, g, strength = net.coef_[group], slope[group], alpha * len(group) ** 0.5
            n_on += bool(w.any())
            if w.any():
                np.testing.assert_allclose(g, -strength * w / np.linalg.norm(w), atol=1e-7)
            else:
                assert np.linalg.norm(g) <= strength
        assert 0 < n_on < 6


EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}


class TestLbfgs:
    """Accelerated proximal gradient steps, to the tolerance."""

    @pytest.mark.parametrize("shape", [(60, 12, 3), (40, 60, 2)], ids=["n>p", "n<p"])
    @pytest.mark.parametrize("alpha", [0.3, 1.0])
    def test_several_outputs_are_multi_task_lasso(self, regression, shape, alpha):
        X, Y = regression(*shape)
        net = NetRegressor((), group_l1=alpha, **EXACT).fit(X, Y)
        expected = MultiTaskLasso(alpha, tol=1e-14, max_iter=100_000).fit(X, Y)
        np.testing.assert_array_equal(net.coef_ != 0, expected.coef_ != 0)
        distance = np.linalg.norm(net.coef_ - expected.coef_)
        assert distance <= 1e-6 * np.linalg.norm(expected.coef_)
        np.testing.assert_allclose(net.intercept_, expected.intercept_, rtol=1e-6)

    def test_beside_l1_and_l2_the_subgradient_is_at_most_tol(self):
        """The sparse group lasso with a ridge, of classes, on weighted rows."""
        X, y = load_iris(return_X_y=True)
        X, w = (X - X.mean(0)) / X.std(0), np.random.default_rng(0).random(150)
        net = NetClassifier((), group_l1=0.03, l1=0.02, l2=0.01, **EXACT).fit(X, y, w)
        slope = (net.predict_proba(X) - np.eye(3)[y]).T @ (X * w[:, None]) / w.sum()
        slope += 0.01 * net.coef_
        norms = np.linalg.norm(net.coef_, axis=0)
        on = net.coef_ != 0
        assert 0 < on.sum() < on[:, norms > 0].size  # zeros within columns that are on
        for j in np.flatnonzero(norms):
            g = slope[:, j] + 0.03 * net.coef_[:, j] / norms[j]
            np.testing.assert_allclose(
                g[on[:, j]], -0.02 * np.sign(net.coef_[on[:, j], j]), atol=1e-9
            )
            assert (np.abs(g[~on[:, j]]) <= 0.02 + 1e-9).all()
        for j in np.flatnonzero(norms == 0):
            rest = np.maximum(np.abs(slope[:, j]) - 0.02, 0)
            assert np.linalg.norm(rest) <= 0.03 + 1e-9

    def test_a_deep_network_is_optimal(self, regression):
        X, y = regression(40, 6)
        net = NetRegressor((5,), activation="tanh", group_l1=0.1, random_state=0, solver="lbfgs")
        net.set_params(tol=1e-7, max_epochs=20_000, l2=0.05).fit(X, y)
        W, V = net.coefs_
        h = np.tanh(X @ W + net.intercepts_[0])
        error = (h @ V[:, 0] + net.intercepts_[1] - y) / len(y)
        slope = X.T @ (error[:, None] * V[:, 0] * (1 - h**2)) + 0.05 * W
        norms = np.linalg.norm(W, axis=1)
        on = norms > 0
        np.testing.assert_allclose(slope[on], -0.1 * W[on] / norms[on, None], atol=1e-6)
        assert (np.linalg.norm(slope[~on], axis=1) <= 0.1 + 1e-6).all()
        np.testing.assert_allclose(h.T @ error, -0.05 * V[:, 0], atol=1e-6)

    def test_alone_and_together_and_with_a_frozen_layer(self, regression):
        X, y = regression(60, 8)
        net = NetRegressor((4,), activation="tanh", random_state=0, solver="lbfgs", max_epochs=40)
        grid = {"group_l1": [0.01, 0.1, 1.0], "l2": [0, 0.1], "freeze": [None, [0]]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            alone = GridSearchCV(net, grid, cv=2).fit(X, y).cv_results_["mean_test_score"]
            with fit_together():
                search = GridSearchCV(net, grid, cv=2).fit(X, y)
            first = clone(net).set_params(max_epochs=1, tol=1e9).fit(X, y)
            frozen = clone(net).set_params(freeze=[0], group_l1=1.0).fit(X, y)
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone)
        assert len(set(alone)) == 8  # of a frozen layer, its penalty changes nothing
        np.testing.assert_array_equal(frozen.coefs_[0], first.coefs_[0])

    def test_not_finite_is_said(self):
        with pytest.raises(DivergenceError, match="not finite at lbfgs's starting point"):
            NetRegressor((), group_l1=0.1, solver="lbfgs").fit(np.eye(5), np.full(5, 1e200))


@pytest.mark.parametrize("groups", [None, [[0, 2], [1, 3, 4]]])
def test_the_step_under_unequal_gains_is_the_minimum(groups):
    """``sum (w - v)^2 / (2 gain) + alpha sum ||w_j||`` by a general minimiser."""
    network, rng = MLP(6, 1, (5,)), np.random.default_rng(0)
    shape = len(network.layers[0:1]), network.n_weights
    setting = Setting("group_l1", network, 16, [0.3], [1], True, [(0, 0)], torch.float64, "cpu")
    r = GroupL1(0.3, groups=groups).in_stack([0.3], setting)
    weights = Weights(network, torch.zeros(shape, dtype=torch.float64))
    gain = torch.from_numpy(np.exp(1.5 * rng.normal(size=shape)))
    v, g = 0.4 * rng.normal(size=(5, 6)), weights.at(gain).layers[0][0, :5, :6].numpy()
    weights.layers[0][0, :5, :6] = torch.from_numpy(v)
    r.prox(weights, gain)
    found = weights.layers[0][0, :5, :6].numpy()
    n_off = 0
    for group in (groups or []) + [[j] for j in range(6) if not groups or j == 5]:
        alpha = 0.3 * len(group) ** 0.5
        w, v_j, g_j = (part[:, group].ravel() for part in (found, v, g))
        if not w.any():
            n_off += 1
            assert np.linalg.norm(v_j / g_j) <= alpha
            continue

        def objective(w, v=v_j, g=g_j, a=alpha):
            return ((w - v) ** 2 / (2 * g)).sum() + a * np.linalg.norm(w)

        np.testing.assert_allclose((v_j - w) / g_j, alpha * w / np.linalg.norm(w), rtol=1e-9)
        assert objective(w) <= minimize(objective, v_j).fun + 1e-12
    assert groups or 0 < n_off < 6


def own(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 5), nn.Tanh(), nn.Linear(5, n_outputs))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("groups", [None, [[0, 3], [5, 6, 11]]], ids=["alone", "groups"])
@pytest.mark.parametrize("n_inputs", [13, 16])
def test_a_module_is_the_same_network_of_ours(regression, solver, groups, n_inputs):
    X, y = standardised(regression, 40, n_inputs)
    net = NetRegressor((5,), activation="tanh", max_epochs=3, learning_rate=0.02, random_state=0)
    net.set_params(start=clone(net).fit(X, y).net_.module_.state_dict(), batch_size=None)
    net.set_params(group_l1=GroupL1(0.2, groups=groups), solver=solver, max_epochs=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        module = clone(net).set_params(network=own, activation="relu").fit(X, y)
        net.fit(X, y)
    found = module.net_.module_[0].weight.detach().T
    np.testing.assert_allclose(found, net.coefs_[0], rtol=1e-7, atol=1e-9)
    assert (module.objective_parts_["group_l1"][-1]) > 0
    on = module.feature_importances_ > 0
    np.testing.assert_array_equal(on, net.feature_importances_ > 0)


def test_inputs_of_a_deep_network_are_switched_off_and_selected():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 10))
    y = np.sin(X[:, 1]) + X[:, 4] * X[:, 7]
    net = NetRegressor((32,), group_l1=0.1, learning_rate=0.02, max_epochs=600, random_state=0)
    net.set_params(init="glorot")
    for solver in ("adam", "sgd"):
        net.set_params(solver=solver).fit(X, y)
        norms = np.linalg.norm(net.coefs_[0], axis=1)
        np.testing.assert_allclose(net.feature_importances_, norms, rtol=1e-12)
        assert np.flatnonzero(norms).tolist() == [1, 4, 7]
    kept = SelectFromModel(net, threshold=1e-12)
    pipe = make_pipeline(kept, clone(net).set_params(group_l1=0)).fit(X, y)
    assert pipe[0].get_support(indices=True).tolist() == [1, 4, 7]
    assert pipe[1].n_features_in_ == 3


def of_images(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, n_outputs)
    )


def of_rows(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.Tanh(), nn.Linear(8, n_outputs))


def test_networks_of_other_kinds_take_part_or_are_refused():
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, y[:200]
    net = NetClassifier((4,), group_l1=0.05, learning_rate=0.02, max_epochs=20, random_state=0)
    own = clone(net).set_params(network=of_rows).fit(X, y)
    off = own.feature_importances_ == 0
    assert off[0]  # this pixel is 0 in all images
    assert 0 < off.sum() < 64
    for network in ("cnn", of_images):
        with pytest.raises(ValueError, match=r"group_l1=0.05 switches inputs off, .* group_l1=0"):
            clone(net).set_params(network=network).fit(X, y)
        with pytest.raises(AttributeError, match="norms of the weights that leave each input"):
            _ = clone(net).set_params(network=network, group_l1=0).fit(X, y).feature_importances_


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([[0, 1], [1, 2]], r"group_l1=.*has the group \[1, 2\], and no input may be in two places"),
        ([[0, 0]], "no input may be in two places"),
        ([[0, 4]], r"lists of columns of X, from 0 to 3"),
        ([[]], "lists of columns"),
        (["petal"], "lists of columns"),
        (3, "'groups' parameter of GroupL1 must be"),
    ],
)
def test_groups_that_make_no_sense(groups, sentence):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=sentence):
        NetClassifier((4,), group_l1=GroupL1(0.1, groups=groups)).fit(X, y)
