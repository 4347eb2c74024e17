"""Row 6: a penalty is a constraint, and max-norm bounds each unit's incoming weights (7.2)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge

from wellposed import NetClassifier, NetRegressor
from wellposed.training.stack import Stack


def constrained(X, y, alpha, **parameters):
    """Fit on the ball whose radius is the ridge solution's norm; return net and reference."""
    ridge = Ridge(alpha=len(X) * alpha).fit(X, y)
    radius = np.linalg.norm(ridge.coef_)
    net = NetRegressor((), norm_constraint=radius, batch_size=None, **parameters).fit(X, y)
    return net, ridge, radius


class TestNormConstraint:
    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    @pytest.mark.parametrize("shape", [(60, 8), (15, 30)], ids=["n>p", "n<p"])
    @pytest.mark.parametrize("alpha", [0.1, 1.0])
    def test_sgd_on_the_ball_is_the_ridge_solution_of_that_norm(self, shape, alpha, momentum):
        rng = np.random.default_rng(0)
        X = rng.normal(size=shape)
        y = X[:, :3] @ np.array([1.5, -1, 0.5]) + 0.3 * rng.normal(size=shape[0]) + 2
        rate = 0.2 * (1 - momentum)
        net, ridge, radius = constrained(
            X, y, alpha, solver="sgd", momentum=momentum, learning_rate=rate, max_epochs=4000
        )
        distance = np.linalg.norm(net.coef_ - ridge.coef_)
        assert distance <= 1e-10 * radius
        assert abs(np.linalg.norm(net.coef_) - radius) <= 1e-12 * radius
        gradient = -X.T @ (y - net.predict(X)) / len(X)
        multiplier = np.linalg.norm(gradient) / np.linalg.norm(net.coef_)
        assert abs(multiplier - alpha) <= 1e-8 * alpha

    def test_several_outputs_share_one_ball(self, regression):
        X, y = regression(60, 5, 3)
        net, ridge, radius = constrained(
            X, y, 0.5, solver="sgd", momentum=0, learning_rate=0.05, max_epochs=6000
        )
        assert np.linalg.norm(net.coef_ - ridge.coef_) <= 1e-8 * radius

    def test_under_adam_the_constraint_is_kept_and_training_stops_elsewhere(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 8)) * np.logspace(-1, 1, 8)
        y = X @ rng.normal(size=8) + rng.normal(size=60)
        net, ridge, radius = constrained(X, y, 0.5, solver="adam", learning_rate=0.01,
                                         max_epochs=6000)  # fmt: skip
        assert np.linalg.norm(net.coef_) <= radius * (1 + 1e-12)
        assert np.linalg.norm(net.coef_ - ridge.coef_) > 0.01 * radius
        loss, best = (np.mean((y - model.predict(X)) ** 2) for model in (net, ridge))
        assert loss > best

    def test_a_ball_that_is_large_enough_changes_nothing(self, regression):
        X, y = regression(60, 5)
        options = {"solver": "sgd", "learning_rate": 0.01, "max_epochs": 200, "random_state": 0}
        free = NetRegressor((6,), **options).fit(X, y)
        inside = NetRegressor((6,), norm_constraint=1e3, **options).fit(X, y)
        for a, b in zip(free.coefs_, inside.coefs_):
            np.testing.assert_array_equal(a, b)


class TestMaxNorm:
    @pytest.mark.parametrize("solver", ["sgd", "adam"])
    def test_incoming_norms_are_bounded_after_every_step(self, solver):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(80, 6)), rng.integers(0, 3, 80)
        c = 0.7
        net = NetClassifier((9, 5), max_norm=c, solver=solver, learning_rate=0.1, batch_size=None,
                            random_state=0)  # fmt: skip
        touched = 0
        for _ in range(60):
            net.partial_fit(X, y, classes=[0, 1, 2])
            for weights in net.coefs_[:-1]:
                norms = np.linalg.norm(weights, axis=0)
                assert norms.max() <= c * (1 + 1e-12)
                touched += (np.abs(norms - c) < 1e-9).sum()
        assert touched > 100
        assert np.linalg.norm(net.coefs_[-1], axis=0).max() > c
        assert np.abs(net.intercepts_[0]).max() > 0

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_projection_is_the_nearest_point(self, make_request, dtype):
        """A row too long is scaled to c, which is as close as the ball comes; others stay."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(8, 5)), rng.normal(size=8)
        stack = Stack([make_request(X, y, (6, 4), dtype=dtype, strengths={"max_norm": 0.9})])
        before = [w[0].clone() for w in stack.weights.layers]
        stack.regularizers[0].project(stack.weights)
        for layer, (was, now) in enumerate(zip(before, stack.weights.layers)):
            for row, projected in zip(was.double(), now[0].double()):
                norm = row.norm()
                bounded = layer < 2 and norm > 0.9
                expected = row * (0.9 / norm) if bounded else row
                torch.testing.assert_close(projected, expected, rtol=1e-6, atol=0)
                assert bounded or torch.equal(projected, row)
        norms = torch.cat([w.norm(dim=1) for w in before[:2]])
        assert (norms > 0.9).any()
        assert ((norms > 0) & (norms < 0.9)).any()

    def test_one_step_is_the_free_step_projected(self, regression):
        X, y = regression(30, 4)
        options = {"solver": "sgd", "learning_rate": 0.1, "max_epochs": 1, "random_state": 0}
        free = NetRegressor((7,), **options).fit(X, y)
        bound = NetRegressor((7,), max_norm=0.8, **options).fit(X, y)
        norms = np.linalg.norm(free.coefs_[0], axis=0)
        np.testing.assert_allclose(
            bound.coefs_[0], free.coefs_[0] * np.minimum(1, 0.8 / norms), rtol=1e-12
        )
        np.testing.assert_array_equal(bound.coefs_[1], free.coefs_[1])
        np.testing.assert_array_equal(bound.intercepts_[0], free.intercepts_[0])
        assert (norms > 0.8).any()


class TestNonNegative:
    def test_sgd_solves_nonnegative_least_squares(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 8))
        y = X @ rng.normal(size=8) + 0.1 * rng.normal(size=60)
        net = NetRegressor(
            (), nonnegative=True, fit_intercept=False, solver="sgd", learning_rate=0.1,
            max_epochs=3000, batch_size=None,
        ).fit(X, y)  # fmt: skip
        expected, _ = nnls(X, y)
        assert 0 < (expected == 0).sum() < 8
        np.testing.assert_allclose(net.coef_, expected, atol=1e-8)

    @pytest.mark.parametrize("network", ["mlp", "cnn"])
    def test_all_weights_and_no_bias(self, network):
        X, y = load_digits(return_X_y=True)
        net = NetClassifier((6,), network=network, nonnegative=True, max_epochs=3, random_state=0)
        net.fit(X[:200] / 16, y[:200])
        assert min(w.min() for w in net.coefs_) == 0.0
        assert min(b.min() for b in net.intercepts_) < 0.0


class TestSpectralNorm:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_no_layer_stretches_more_after_any_step(self, make_request, dtype):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 5)), 10 * rng.normal(size=40)
        request = make_request(
            X, y, (12, 20), dtype=dtype, batch_size=10, learning_rate=0.05, max_epochs=5,
            strengths={"spectral_norm": 0.8},
        )  # fmt: skip
        stack, largest = Stack([request]), []
        for _ in range(20):
            with torch.no_grad():
                stack.step()
            layers = request.network.coefs(stack.theta[0])[0]
            largest.append([np.linalg.svd(w.numpy(), compute_uv=False)[0] for w in layers])
        tolerance = 1e-5 if dtype == torch.float32 else 1e-12
        assert np.max(largest) <= 0.8 * (1 + tolerance)
        assert np.max(largest) >= 0.8 * (1 - tolerance)

    def test_a_layer_within_the_bound_stays(self, make_request):
        rng = np.random.default_rng(0)
        request = make_request(rng.normal(size=(9, 4)), rng.normal(size=9), (5,),
                               strengths={"spectral_norm": 1e3})  # fmt: skip
        stack = Stack([request])
        before = stack.theta.clone()
        stack.regularizers[0].project(stack.weights)
        assert torch.equal(stack.theta, before)
