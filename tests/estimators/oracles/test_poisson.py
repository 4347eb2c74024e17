"""loss="poisson" against scikit-learn's PoissonRegressor and deviances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance, r2_score

from wellposed import NetRegressor, fit_together

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
Y = RNG.poisson(np.exp(0.5 * X @ RNG.normal(size=5) + 0.3)).astype(float)
W = RNG.uniform(0.2, 3.0, 200)
NET = NetRegressor((), solver="lbfgs", loss="poisson", tol=1e-10, max_epochs=5000)


@pytest.mark.parametrize("weight", [None, W])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.1, 10.0])
def test_equals_poisson_regressor(l2, fit_intercept, weight):
    net = clone(NET).set_params(l2=l2, fit_intercept=fit_intercept).fit(X, Y, weight)
    peer = PoissonRegressor(alpha=l2, fit_intercept=fit_intercept, tol=1e-12, max_iter=10**5)
    peer.fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(net.coef_, peer.coef_, atol=1e-6 * np.linalg.norm(peer.coef_))
    np.testing.assert_allclose(net.predict(X), peer.predict(X), rtol=1e-6)


def test_the_objective_is_half_the_mean_deviance():
    net = clone(NET).fit(X, Y)
    assert net.loss_ == pytest.approx(mean_poisson_deviance(Y, net.predict(X)) / 2)
    net = NetRegressor((6,), loss="poisson", learning_rate=0.01, max_epochs=30, random_state=0)
    net.fit(X, Y, X_val=X[:50], y_val=Y[:50])
    held = net.predict(X[:50])
    assert net.validation_loss_curve_[-1] == pytest.approx(mean_poisson_deviance(Y[:50], held) / 2)
    assert net.validation_scores_[-1] == pytest.approx(r2_score(Y[:50], held))


def test_several_targets_are_summed():
    both = np.c_[Y, RNG.poisson(2.0, 200)]
    net = clone(NET).fit(X, both)
    for i in range(2):
        np.testing.assert_allclose(
            net.predict(X)[:, i], clone(NET).fit(X, both[:, i]).predict(X), rtol=1e-6
        )
    parts = [mean_poisson_deviance(both[:, i], net.predict(X)[:, i]) / 2 for i in range(2)]
    assert net.loss_ == pytest.approx(sum(parts))


def test_gradient_against_finite_differences():
    import torch

    from wellposed.networks.losses import poisson

    target = torch.as_tensor(Y[:7])[None, None]
    weight = torch.as_tensor(W[:7] / W[:7].sum())[None, None]

    def value(z):
        return float(poisson(torch.as_tensor(z)[None, None], target, weight)[0])

    def slope(z):
        return poisson(torch.as_tensor(z)[None, None], target, weight)[1].numpy().ravel()

    assert check_grad(value, slope, RNG.normal(size=7)) < 1e-6


def test_alone_or_together():
    nets = [
        NetRegressor((8,), loss=loss, l2=l2, max_epochs=5, dropout=0.2, random_state=0)
        for loss in ("poisson", "squared_error")
        for l2 in (0.01, 0.1)
    ]
    alone = [clone(net).fit(X, Y).predict(X) for net in nets]
    from joblib import Parallel, delayed

    with fit_together() as found:
        inside = Parallel()(delayed(clone(net).fit)(X, Y) for net in nets)
    assert sorted(found.stack_sizes) == [2, 2], "losses do not share a stack"
    for a, b in zip(alone, inside):
        np.testing.assert_array_equal(a, b.predict(X))


def test_what_it_is_not_for():
    with pytest.raises(ValueError, match="loss='poisson' is for counts and rates, and y holds -1"):
        clone(NET).fit(X, Y - 1)
    with pytest.raises(ValueError, match="'loss' parameter of NetRegressor must be a str among"):
        clone(NET).set_params(loss="huber").fit(X, Y)
    zeros = clone(NET).set_params(l2=0.1).fit(X, np.r_[1.0, np.zeros(199)])
    assert (zeros.predict(X) > 0).all()


def test_predictions_are_those_of_the_loss_that_was_fitted():
    nets = {
        loss: clone(NET).set_params(loss=loss).fit(X, Y) for loss in ("poisson", "squared_error")
    }
    expected = {loss: net.predict(X) for loss, net in nets.items()}
    for loss, other in (("poisson", "squared_error"), ("squared_error", "poisson")):
        np.testing.assert_array_equal(nets[loss].set_params(loss=other).predict(X), expected[loss])
    np.testing.assert_allclose(
        np.log(expected["poisson"]), X @ nets["poisson"].coef_ + nets["poisson"].intercept_
    )
