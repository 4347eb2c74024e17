"""A list of strengths has one number a layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from torch import nn

from wellposed import NetClassifier, NetRegressor, fit_together
from wellposed.networks import MLP
from wellposed.regularizers import L2, REGULARIZERS, Regularizer
from wellposed.regularizers.base import PER_LAYER
from wellposed.training import train

EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000, "random_state": 0}
LISTED = [name for name, cls in REGULARIZERS.items() if cls.per_layer]
X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
NET = NetClassifier((7, 5), batch_size=40, max_epochs=3, learning_rate=0.02, random_state=0)


def n_layers(name, hidden=2):
    return PER_LAYER[REGULARIZERS[name].per_layer][1](MLP(4, 3, (7,) * hidden))


def test_all_penalties_constraints_and_dropouts_take_lists():
    of_weights = {"l2", "l1", "weight_decay", "max_norm", "spectral_norm", "nonnegative"}
    assert set(LISTED) >= of_weights | {"dropout", "gaussian_dropout", "dropconnect"}


class TestL2:
    """Strengths a and b of two linear layers are ``sqrt(a b) ||w||_2`` on their product w."""

    @pytest.mark.parametrize(("a", "b"), [(0.3, 0.3), (0.02, 0.9), (1.5, 0.1)])
    def test_two_linear_layers(self, regression, a, b):
        X, y = regression(60, 5)
        X, y = X - X.mean(0), y - y.mean()
        net = NetRegressor((4,), activation="identity", fit_intercept=False, l2=[a, b], **EXACT)
        W, V = net.fit(X, y).coefs_
        C, c, s = X.T @ X / 60, X.T @ y / 60, np.sqrt(a * b)

        def w(norm):  # where the gradient is zero, given its norm
            return np.linalg.solve(C + s / norm * np.eye(5), c)

        norm = brentq(lambda r: np.linalg.norm(w(r)) - r, 1e-6, 1e3, xtol=1e-14)
        np.testing.assert_allclose((W @ V)[:, 0], w(norm), rtol=1e-6)
        np.testing.assert_allclose(a * (W**2).sum(), b * (V**2).sum(), rtol=1e-6)

    @pytest.mark.parametrize("strength", [[0.3], (0.3,), np.array([0.3])], ids=repr)
    def test_of_one_layer_is_ridge(self, regression, strength):
        X, y = regression(60, 5)
        net = NetRegressor((), l2=strength, **EXACT).fit(X, y)
        expected = Ridge(60 * 0.3, tol=1e-14).fit(X, y).coef_
        np.testing.assert_allclose(net.coef_, expected, rtol=1e-6)


def test_l1_of_one_layer_leaves_the_other_dense(regression):
    """Subgradient conditions hold, with the strength of each layer."""
    X, y = regression(40, 6)
    l1 = 0.05, 0.2
    net = NetRegressor((5,), activation="tanh", l1=l1, **EXACT | {"tol": 1e-7}).fit(X, y)
    W, V = net.coefs_
    h = np.tanh(X @ W + net.intercepts_[0])
    error = (h @ V[:, 0] + net.intercepts_[1] - y) / len(y)
    slopes = X.T @ (error[:, None] * V[:, 0] * (1 - h**2)), (h.T @ error)[:, None]
    for a, weights, slope in zip(l1, (W, V), slopes):
        on = weights != 0
        assert np.abs(slope[on] + a * np.sign(weights[on])).max() <= 1e-6
        assert np.abs(slope[~on]).max(initial=0) <= a + 1e-6


@pytest.mark.parametrize("name", ["l1", "weight_decay", "nonnegative", "spectral_norm"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_layer_of_zero_is_as_if_off(name, solver):
    """One step: the second layer is that of a plain fit, the first is not."""
    once = clone(NET).set_params(solver=solver, max_epochs=1, batch_size=None)
    strength = REGULARIZERS[name].typical[1]
    plain = clone(once).fit(X, y).coefs_
    found = clone(once).set_params(**{name: [strength, 0, None]}).fit(X, y).coefs_
    assert not np.array_equal(found[0], plain[0])
    np.testing.assert_array_equal(found[1], plain[1])
    np.testing.assert_array_equal(found[2], plain[2])


def test_constraints_bound_each_layer():
    net = clone(NET).set_params(max_epochs=20, solver="sgd")
    net.set_params(max_norm=[0, 0.4], norm_constraint=[0, 0, 0.3]).fit(X, y)
    norms = [np.linalg.norm(weights, axis=0).max() for weights in net.coefs_]
    assert norms[0] > 0.4 >= norms[1] - 1e-12
    assert np.linalg.norm(net.coefs_[2]) <= 0.3 + 1e-12
    net.set_params(max_norm=None, norm_constraint=None, nonnegative=[False, True, False]).fit(X, y)
    assert [bool((weights >= 0).all()) for weights in net.coefs_] == [False, True, False]


class Masks(Regularizer):
    """Takes down the masks that the network has in each step."""

    seen: list = []  # noqa: RUF012

    def term(self, model, batch):
        self.seen.append([mask.clone() for mask in model.masks])
        return 0.0 * self.strength


@pytest.mark.parametrize("name", ["dropout", "gaussian_dropout"])
def test_dropout_has_a_rate_a_layer(name):
    Masks.seen.clear()
    net = NetClassifier((48, 32), **{name: [0.2, 0.5]}, regularizers=[("masks", Masks(1.0))])
    net.set_params(batch_size=None, max_epochs=60, random_state=0).fit(X, y)
    for layer, rate in enumerate((0.2, 0.5)):
        masks = torch.stack([masks[layer] for masks in Masks.seen])[..., :150].double()
        error = (rate / (1 - rate) / masks.numel()) ** 0.5
        assert abs(float(masks.mean()) - 1) < 4 * error
        assert float(masks.var()) == pytest.approx(rate / (1 - rate), rel=0.01)
        if name == "dropout":
            assert float((masks == 0).double().mean()) == pytest.approx(rate, abs=0.004)


def own_module(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.Tanh(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize("network", ["mlp", "cnn", own_module])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", [n for n in LISTED if n != "norm_constraint"])
def test_equal_numbers_are_one_number(name, solver, network):
    digits, labels = load_digits(return_X_y=True)
    net = NetClassifier((6,), network=network, solver=solver, learning_rate=0.02, max_epochs=2)
    net.set_params(batch_size=50, random_state=0)
    strength = REGULARIZERS[name].typical[1]
    plain, each = (
        clone(net).set_params(**{name: given}).fit(digits[:100] / 16, labels[:100])
        for given in (strength, [strength] * n_layers(name, 1))
    )
    assert torch.equal(plain._state.theta, each._state.theta)
    np.testing.assert_allclose(plain.loss_curve_, each.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", LISTED)
def test_lists_are_the_same_alone_and_together(make_request, name, solver):
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(50, 3)), rng.normal(size=(50, 1))
    cls = REGULARIZERS[name]
    requests = [
        make_request(X, target, (9, 5), batch_size=20, solver=solver, max_epochs=n, seed=n)
        for n in (2, 4, 1, 4, 3)
    ]
    for request in requests:
        strength = tuple(rng.uniform(*sorted(cls.typical), n_layers(name)))
        request.regularizers = {name: cls((0.0, *strength[1:]))}
    assert len({request.structure for request in requests}) == 1
    for request, outcome in zip(requests, train(requests)):
        alone = train([request])[0]
        assert torch.equal(outcome.state.theta, alone.state.theta)
        assert outcome.loss_curve == alone.loss_curve


def test_lists_and_numbers_in_one_search():
    grid = {"l2": [0, 1e-2, [0.1, 0, 1e-3], L2([0.1, 0, 1e-3])], "dropout": [[0.1, 0.3], 0.2]}
    alone = GridSearchCV(NET, grid, cv=2).fit(X, y)
    with fit_together():
        together = GridSearchCV(NET, grid, cv=2).fit(X, y)
    scores = alone.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, together.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(scores[[2, 6]], scores[[3, 7]])  # a list, and an object with it


def test_all_zero_is_off():
    plain = clone(NET).fit(X, y)
    net = clone(NET).set_params(l2=[0, None, 0.0], dropout=[0, 0]).fit(X, y)
    assert net.regularizers_ == {}
    assert torch.equal(plain._state.theta, net._state.theta)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"l2": [0.1, 0.2]}, r"l2=\[0.1, 0.2\] has 2 numbers, one a layer of weights, .* has 3"),
        ({"dropout": [0.1]}, r"dropout=\[0.1\] has 1 number, one a hidden layer, .* has 2. Give"),
        ({"max_norm": [1, 1, 1]}, "has 3 numbers, one a hidden layer, and the network has 2"),
        ({"l2": L2([0.1])}, "has 1 number, one a layer of weights, and the network has 3"),
        ({"l2": [0.1, -1, 0]}, r"'l2' parameter .* a list of such, one number a layer"),
        ({"l2": []}, "'l2' parameter"),
        ({"dropout": [0.1, 1.0]}, "'dropout' parameter"),
        ({"sam": [0.1, 0.1]}, "'sam' parameter of NetClassifier must be"),
        ({"input_dropout": [0.1]}, "'input_dropout' parameter"),
        ({"network": own_module, "l2": [0.1] * 3}, "has 3 numbers, .* the network has 2"),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(**given).fit(X, y)
