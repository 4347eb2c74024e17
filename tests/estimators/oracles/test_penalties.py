"""What the penalties do: rows 1, 2 and 3 of the catalogue, and the decay of eq. 7.5."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Lasso

from wellposed import NetClassifier, NetRegressor

EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}


class TestOnlyWeightsArePenalised:
    """Row 1: under a very large penalty the fit tends to the mean of y, or the class prior."""

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_l2_tends_to_the_mean_as_one_over_l2(self, regression, n_outputs, weighted):
        """To first order ``w = cov(x, y) / l2``."""
        X, y = regression(50, 4, n_outputs)
        w = np.random.default_rng(0).random(50) if weighted else np.ones(50)
        mean = np.average(y, axis=0, weights=w)
        X_mean = np.average(X, axis=0, weights=w)
        covariance = (X - X_mean).T @ (w.reshape(-1, 1) * (y - mean).reshape(50, -1)) / w.sum()
        for l2 in (1e4, 1e6):
            net = NetRegressor((), l2=l2, **EXACT).fit(X, y, sample_weight=w)
            expected = covariance.T.reshape(net.coef_.shape) / l2
            assert np.linalg.norm(net.coef_ - expected) <= 20 / l2 * np.linalg.norm(expected)
            np.testing.assert_allclose(net.intercept_, mean - net.coef_ @ X_mean, rtol=1e-8)
            np.testing.assert_allclose(net.predict(X), np.tile(mean, (50, 1)).reshape(y.shape),
                                       atol=1e3 / l2)  # fmt: skip

    @pytest.mark.parametrize("hidden", [(), (8,)], ids=["linear", "hidden"])
    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    def test_l1_gives_the_mean_itself(self, regression, hidden, solver):
        X, y = regression(50, 4)
        net = NetRegressor(hidden, l1=1e3, solver=solver, learning_rate=0.05, momentum=0, tol=1e-10,
                           max_epochs=4000, random_state=0)  # fmt: skip
        net.fit(X, y)
        assert all((weights == 0).all() for weights in net.coefs_)
        np.testing.assert_allclose(net.predict(X), y.mean(), rtol=1e-9)

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("penalty", [{"l1": 1e3}, {"l2": 1e9}])
    def test_classifier_gives_the_class_prior(self, n_classes, penalty):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(60, 4)), rng.permutation(60) // (20 * (4 - n_classes))
        w = rng.integers(1, 4, 60)
        prior = np.bincount(y, weights=w) / w.sum()
        proba = NetClassifier((), **penalty, **EXACT).fit(X, y, sample_weight=w).predict_proba(X)
        np.testing.assert_allclose(proba, np.tile(prior, (60, 1)), atol=1e-8)


class TestL2:
    """Row 2: shrinkage by ``lambda_i / (lambda_i + alpha)`` along eigenvectors (eq. 7.13)."""

    @pytest.mark.parametrize("alpha", [0.01, 0.3, 5.0])
    @pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
    def test_shrinks_along_the_eigenvectors_of_the_hessian(self, alpha, solver):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 5)) @ np.diag([2, 1.5, 1, 0.7, 0.4]) @ rng.normal(size=(5, 5)) / 2
        y = X @ rng.normal(size=5) + rng.normal(size=60)
        eigenvalues, Q = np.linalg.eigh(X.T @ X / 60)
        unpenalised = np.linalg.lstsq(X, y)[0]
        net = NetRegressor((), l2=alpha, fit_intercept=False, solver=solver, tol=1e-10)
        if solver == "sgd":
            rate = 1 / (eigenvalues.max() + alpha)
            net.set_params(learning_rate=rate, momentum=0.9, batch_size=None, max_epochs=6000)
        net.fit(X, y)
        expected = eigenvalues / (eigenvalues + alpha) * (Q.T @ unpenalised)
        np.testing.assert_allclose(Q.T @ net.coef_, expected, atol=1e-8, rtol=0)

    def test_rarely_gives_an_exact_zero(self, regression):
        X, y = regression(30, 40)
        for l2 in (1e-3, 1.0, 1e3):
            assert (NetRegressor((), l2=l2, **EXACT).fit(X, y).coef_ != 0).all()


class TestL1:
    """Row 3: on a diagonal Hessian L1 is soft thresholding (eq. 7.23)."""

    @staticmethod
    def diagonal_problem():
        """Orthogonal columns: the Hessian is ``diag(curvature)``."""
        rng = np.random.default_rng(0)
        curvature = np.array([3.0, 1.0, 0.5, 2.0, 1.0, 0.3, 1.5, 0.8])
        Q, _ = np.linalg.qr(rng.normal(size=(40, 8)))
        X = Q * np.sqrt(40 * curvature)
        truth = np.array([1.0, -0.6, 0.4, 0.05, -0.1, 2.0, -0.03, 0.3])
        y = X @ truth
        return X, y, truth, curvature

    @pytest.mark.parametrize("alpha", [0.02, 0.15, 0.5, 3.5])
    @pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
    def test_soft_thresholds_each_weight(self, alpha, solver):
        X, y, truth, curvature = self.diagonal_problem()
        net = NetRegressor((), l1=alpha, fit_intercept=False, solver=solver, tol=1e-10)
        if solver != "lbfgs":
            rate = {"sgd": 0.02, "adam": 0.01}[solver]
            net.set_params(learning_rate=rate, batch_size=None, max_epochs=4000)
        net.fit(X, y)
        expected = np.sign(truth) * np.maximum(np.abs(truth) - alpha / curvature, 0)
        np.testing.assert_array_equal(net.coef_ != 0, expected != 0)
        np.testing.assert_allclose(net.coef_, expected, atol=1e-8, rtol=0)

    @pytest.mark.parametrize("shape", [(60, 12), (20, 45)], ids=["n>p", "n<p"])
    @pytest.mark.parametrize("tol", [1e-4, 1e-8])
    def test_subgradient_is_at_most_tol(self, regression, shape, tol):
        X, y = regression(*shape)
        l1 = 0.1
        net = NetRegressor((), solver="lbfgs", l1=l1, tol=tol, max_epochs=100_000).fit(X, y)
        residual = y - net.predict(X)
        correlation = X.T @ residual / len(X)
        on = net.coef_ != 0
        assert np.abs(correlation[on] - l1 * np.sign(net.coef_[on])).max() <= tol
        assert np.abs(correlation[~on]).max() <= l1 + tol
        assert abs(residual.mean()) <= tol

    def test_many_exact_zeros_select_features(self):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(100, 50))
        y = X[:, :5] @ np.array([3.0, -2.0, 2.0, -1.5, 1.0]) + 0.1 * rng.normal(size=100)
        net = NetRegressor((), l1=0.15, **EXACT).fit(X, y)
        reference = Lasso(0.15, tol=1e-14, max_iter=100_000).fit(X, y)
        selector = SelectFromModel(net, threshold=1e-12, prefit=True)
        np.testing.assert_array_equal(selector.get_support(), reference.coef_ != 0)
        np.testing.assert_array_equal(np.flatnonzero(selector.get_support()), np.arange(5))

    def test_every_layer_of_a_deep_network_is_sparse_and_optimal(self, regression):
        """The subgradient conditions hold for all weights of a fitted network with hidden units."""
        X, y = regression(40, 6)
        l1 = 0.05
        net = NetRegressor((5,), activation="tanh", l1=l1, random_state=0, solver="lbfgs",
                           tol=1e-7, max_epochs=100_000).fit(X, y)  # fmt: skip
        W, V = net.coefs_
        h = np.tanh(X @ W + net.intercepts_[0])
        error = (h @ V[:, 0] + net.intercepts_[1] - y) / len(y)
        slopes = [X.T @ (error[:, None] * V[:, 0] * (1 - h**2)), (h.T @ error)[:, None]]
        for weights, slope in zip((W, V), slopes):
            on = weights != 0
            assert np.abs(slope[on] + l1 * np.sign(weights[on])).max() <= 1e-6
            assert np.abs(slope[~on]).max(initial=0) <= l1 + 1e-6
        assert (W == 0).sum() > 5


class TestDecay:
    """Eq. 7.5: weights shrink by ``1 - lr * alpha`` at every update."""

    @pytest.mark.parametrize("penalty", ["l2", "weight_decay"])
    def test_without_a_gradient_weights_shrink_geometrically(self, penalty):
        """No signal (X = 0) leaves only the shrinking."""
        X, y = np.zeros((10, 4)), np.zeros(10)
        options = {"solver": "sgd", "momentum": 0, "learning_rate": 0.1, "random_state": 0}
        start = NetRegressor((6,), init="he", max_epochs=1, **options).fit(X, y).coefs_
        net = NetRegressor((6,), init="he", max_epochs=7, **options, **{penalty: 0.5}).fit(X, y)
        for weights, first in zip(net.coefs_, start):
            np.testing.assert_allclose(weights, (1 - 0.1 * 0.5) ** 7 * first, rtol=1e-12)

    @pytest.mark.parametrize("hidden", [(), (7,)])
    @pytest.mark.parametrize("batch_size", [None, 16])
    def test_decay_equals_l2_under_sgd(self, regression, hidden, batch_size):
        X, y = regression(50, 4)
        l2, decay = (
            NetRegressor(hidden, solver="sgd", momentum=0, learning_rate=0.02, random_state=0,
                         batch_size=batch_size, max_epochs=100, **{name: 0.3}).fit(X, y)
            for name in ("l2", "weight_decay")
        )  # fmt: skip
        for a, b in zip(l2.coefs_, decay.coefs_):
            np.testing.assert_allclose(a, b, atol=1e-12, rtol=0)

    def test_decay_differs_from_l2_under_adam(self, regression):
        """Adam divides the gradient of l2 by its size; the decay acts outside (Loshchilov 2019)."""
        X, y = regression(50, 4)
        l2, decay = (
            NetRegressor((), solver="adam", learning_rate=0.01, batch_size=None, max_epochs=3000,
                         **{name: 0.3}).fit(X, y).coef_
            for name in ("l2", "weight_decay")
        )  # fmt: skip
        assert np.linalg.norm(l2 - decay) > 0.05 * np.linalg.norm(l2)

    def test_decay_under_adam_is_adamw(self, regression):
        import torch

        X, y = regression(50, 4)
        net = NetRegressor((), solver="adam", learning_rate=0.01, batch_size=None, max_epochs=200,
                           weight_decay=0.3).fit(X, y)  # fmt: skip
        w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        b = torch.zeros((), dtype=torch.float64, requires_grad=True)
        adamw = torch.optim.AdamW(
            [{"params": [w], "weight_decay": 0.3}, {"params": [b], "weight_decay": 0.0}], lr=0.01
        )
        inputs, target = torch.as_tensor(X), torch.as_tensor(y)
        for _ in range(200):
            adamw.zero_grad()
            (0.5 * (inputs @ w + b - target).square().mean()).backward()
            adamw.step()
        np.testing.assert_allclose(net.coef_, w.detach(), atol=1e-10, rtol=0)
        np.testing.assert_allclose(net.intercept_, b.detach(), atol=1e-10, rtol=0)
