"""Rows 12 and 13: noise on inputs is L2, noise on weights a gradient penalty (section 7.5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from wellposed import NetRegressor
from wellposed.networks import MLP
from wellposed.training import train
from wellposed.training.request import State
from wellposed.training.stack import Stack

FROZEN = 1e-300  # a learning rate that moves no weight


def draw(request, n):
    """Make n steps side by side under seeds of their own, and none that moves a weight.

    Returns the stack's losses [n] and gradients [n, P] of those steps.
    """
    stack = Stack([replace(request, seed=seed) for seed in range(n // 200)])
    losses, gradients = [], []
    stack.on_batch_end = lambda stack, batch, J: (
        losses.append(J),
        gradients.append(stack.gradient.flat.clone()),
    )
    before = stack.theta.clone()
    for _ in range(200):
        stack.step()
    assert (stack.theta - before).abs().max() <= 1e-200
    return torch.cat(losses).numpy(), torch.cat(gradients)


def assert_mean(draws, expected, at_most=4):
    """The mean of independent draws is `expected`, within 4 standard errors."""
    standard_error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    assert (standard_error > 0).all()
    assert (np.abs(draws.mean(0) - expected) <= at_most * standard_error).all()


class TestInputNoise:
    """Row 12: on a linear model, noise of standard deviation s is ``l2 = s^2``."""

    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_mean_of_the_stochastic_gradients_is_the_gradient_of_l2(self, make_request, n_outputs):
        """At a random w, within 4 standard errors; and so is the mean of the losses."""
        rng = np.random.default_rng(0)
        X, Y, s = rng.normal(size=(20, 5)), rng.normal(size=(20, n_outputs)), 0.7
        start = linear_state(rng, 5, n_outputs)
        request = make_request(X, Y, solver="sgd", learning_rate=FROZEN, max_epochs=1000,
                               start=start, strengths={"input_noise": s})  # fmt: skip
        (W,), (b,) = numpy_parts(request.network, start.theta)
        losses, gradients = draw(request, 6000)
        parts = [numpy_parts(request.network, gradient) for gradient in gradients]

        residual = X @ W.T + b - Y
        by_weight = np.array([weights[0] for weights, _ in parts])
        assert_mean(by_weight, residual.T @ X / 20 + s**2 * W)
        assert_mean(np.array([biases[0] for _, biases in parts]), residual.mean(0))
        assert_mean(losses, 0.5 * (residual**2).sum(1).mean() + 0.5 * s**2 * (W**2).sum())
        # The penalty is large against the error, or the test would say nothing.
        error = by_weight.std(0) / np.sqrt(len(by_weight))
        assert np.linalg.norm(s**2 * W) > 20 * np.linalg.norm(error)

    @pytest.mark.slow
    def test_fitted_with_averaged_iterates_it_is_ridge(self, make_request):
        """Over seeds: within 3 standard errors of Ridge, and below 1e-2."""
        rng = np.random.default_rng(0)
        X, s = rng.normal(size=(40, 5)), 0.5
        y = X @ rng.normal(size=5) + 0.3 * rng.normal(size=40) + 1
        request = make_request(X, y, solver="sgd", learning_rate=0.05, max_epochs=4000,
                               averaging=0.75, strengths={"input_noise": s})  # fmt: skip
        outcomes = train([replace(request, seed=seed) for seed in range(16)])
        coefs = np.array([request.network.coefs(o.state.theta)[0][0][0].numpy() for o in outcomes])
        ridge = Ridge(alpha=40 * s**2).fit(X, y)
        least_squares = np.linalg.lstsq(X - X.mean(0), y - y.mean())[0]
        standard_error = coefs.std(0, ddof=1) / np.sqrt(len(coefs))
        distance = np.linalg.norm(coefs.mean(0) - ridge.coef_)
        assert distance <= 3 * np.linalg.norm(standard_error)
        assert distance <= 1e-2 * np.linalg.norm(ridge.coef_)
        assert distance < 0.05 * np.linalg.norm(least_squares - ridge.coef_)

    def test_the_estimators_own_fit_is_that_network(self, make_request):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 5)), rng.normal(size=40)
        net = NetRegressor((), solver="sgd", momentum=0, learning_rate=0.05, max_epochs=300,
                           averaging=0.5, input_noise=0.5, random_state=3)  # fmt: skip
        net.fit(X, y)
        request = make_request(
            X, y, solver="sgd", learning_rate=0.05, max_epochs=300, averaging=0.5,
            strengths={"input_noise": 0.5}, seed=net._seed,
        )  # fmt: skip
        (outcome,) = train([request])
        np.testing.assert_array_equal(
            net.coef_, request.network.coefs(outcome.state.theta)[0][0][0]
        )


def numpy_parts(network, theta):
    """Real weights and biases of one network, as arrays."""
    return [[part.numpy() for part in parts] for parts in network.coefs(theta)]


def linear_state(rng, n_inputs, n_outputs=1):
    """Random weights and biases of a linear model."""
    network = MLP(n_inputs, n_outputs)
    theta = torch.as_tensor(rng.normal(size=network.size)) * network.real
    return State(theta, [], 0)


def weight_gradients(module, X):
    """Gradient of the output with respect to all weights, biases left out, one list a sample."""
    weights = [parameter for name, parameter in module.named_parameters() if "weight" in name]
    return [torch.autograd.grad(module(x[None]).sum(), weights) for x in torch.as_tensor(X)]


class TestWeightNoise:
    """Row 13: near a fit it adds ``s^2 / 2 E ||grad_W f||^2``; minima become flatter."""

    @pytest.mark.parametrize("activation", ["tanh", "softplus"])
    def test_mean_loss_rises_by_the_gradient_penalty(self, make_request, activation):
        """Within 2 %, by Monte Carlo of the estimator's own loss (20k draws), at an exact fit."""
        rng = np.random.default_rng(0)
        X, s = rng.normal(size=(16, 3)), 3e-3
        network = MLP(3, 1, (6,), activation)
        theta = network.init("he", torch.Generator().manual_seed(0), torch.float64)
        module = network.module(theta)
        y = module(torch.as_tensor(X)).detach().numpy()
        request = make_request(X, y, (6,), activation=activation, start=State(theta, [], 0),
                               solver="sgd", learning_rate=FROZEN, max_epochs=1000,
                               strengths={"weight_noise": s})  # fmt: skip
        losses, _ = draw(request, 20_000)
        squares = [sum(g.square().sum() for g in row).item() for row in weight_gradients(module, X)]
        assert losses.mean() == pytest.approx(s**2 / 2 * np.mean(squares), rel=0.02)

    def test_a_linear_model_is_left_alone(self, make_request):
        """There the penalty is ``s^2/2 E ||x||^2``, whatever w: the mean gradient stays."""
        rng = np.random.default_rng(0)
        X, y, s = rng.normal(size=(20, 4)), rng.normal(size=20), 0.5
        start = linear_state(rng, 4)
        request = make_request(X, y, solver="sgd", learning_rate=FROZEN, max_epochs=1000,
                               start=start, strengths={"weight_noise": s})  # fmt: skip
        (W,), (b,) = numpy_parts(request.network, start.theta)
        residual = X @ W[0] + b - y
        losses, gradients = draw(request, 6000)
        drawn = np.array([numpy_parts(request.network, g)[0][0][0] for g in gradients])
        assert_mean(drawn, X.T @ residual / 20)
        assert_mean(losses, 0.5 * np.mean(residual**2) + s**2 / 2 * np.mean((X**2).sum(1)))

    def test_biases_are_not_disturbed(self, make_request):
        request = make_request(np.zeros((8, 3)), np.ones(8), (5,), solver="sgd",
                               learning_rate=FROZEN, strengths={"weight_noise": 0.3})  # fmt: skip
        stack = Stack([request])
        noisy = stack.regularizers[0].perturb(stack.theta, None)
        changed = (noisy != stack.theta)[0]
        weights, biases = request.network.coefs(changed)
        assert all(weight.all() for weight in weights)
        assert not any(bias.any() for bias in biases)
        assert changed.sum() == sum(weight.numel() for weight in weights)

    @pytest.mark.parametrize("penalty", ["l2", "weight_decay"])
    def test_penalties_are_of_the_weights_without_noise(self, penalty):
        """Without a signal (X = 0) weights shrink geometrically, whatever the noise."""
        options = {"solver": "sgd", "momentum": 0, "learning_rate": 0.1, "random_state": 0}
        net = NetRegressor((), init="he", **options, weight_noise=0.5, **{penalty: 0.5})
        X, y = np.zeros((10, 4)), np.zeros(10)
        first = NetRegressor((), init="he", **options, max_epochs=1).fit(X, y).coef_
        np.testing.assert_allclose(
            net.set_params(max_epochs=7).fit(X, y).coef_, 0.95**7 * first, rtol=1e-12
        )

    @pytest.mark.slow
    def test_finds_flatter_minima(self, make_request):
        """Flatness: rise of the loss under relative noise, which rescaling ReLU layers leaves."""
        rng = np.random.default_rng(0)
        X = rng.uniform(-2, 2, size=(30, 1))
        y = np.sin(2 * X[:, 0])
        options = {"learning_rate": 0.005, "max_epochs": 4000}
        quiet, noisy = (
            train([
                make_request(X, y, (20, 20), seed=seed, strengths=strengths, **options)
                for seed in range(8)
            ])
            for strengths in ({}, {"weight_noise": 0.05})
        )  # fmt: skip
        network = make_request(X, y, (20, 20)).network

        def sharpness(outcome, scale=1.0):
            weights, biases = network.coefs(outcome.state.theta)
            return rise_under_relative_noise(weights, biases, X, y, scale)

        assert sharpness(quiet[0]) == pytest.approx(sharpness(quiet[0], scale=5.0), rel=1e-9)
        differences = np.array([
            np.log(sharpness(a) / sharpness(b)) for a, b in zip(quiet, noisy)
        ])  # fmt: skip
        standard_error = differences.std(ddof=1) / np.sqrt(len(differences))
        assert differences.mean() > 3 * standard_error
        assert (differences > 0).sum() >= 7


def rise_under_relative_noise(weights, biases, X, y, scale, n_draws=400, s=0.05):
    """Mean rise of J when every weight is multiplied by ``1 + s e``.

    ``scale`` first multiplies the first layer (its biases too) and divides the second, which for
    ReLU is the same function.
    """
    weights = [weights[0] * scale, weights[1] / scale, *weights[2:]]
    biases = [biases[0] * scale, *biases[1:]]
    rng = torch.Generator().manual_seed(0)
    inputs, target = torch.as_tensor(X), torch.as_tensor(y)

    def J(factors):
        h = inputs.T
        for i, (weight, bias, factor) in enumerate(zip(weights, biases, factors)):
            h = weight * factor @ h + bias[:, None]
            if i < len(weights) - 1:
                h = torch.relu(h)
        return 0.5 * (h[0] - target).square().mean().item()

    ones = [torch.ones_like(weight) for weight in weights]
    noise = (
        [1 + s * torch.randn(w.shape, generator=rng, dtype=w.dtype) for w in weights]
        for _ in range(n_draws)
    )
    return np.mean([J(factors) for factors in noise]) - J(ones)
