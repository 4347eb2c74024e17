"""Clipped and noisy gradients against NumPy and against their moments."""

import numpy as np
import pytest

from wellposed import NetRegressor
from wellposed.regularizers import ClipNorm, GradientNoise
from wellposed.training.stack import Stack


def test_clipped_steps_are_those_by_hand():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), 5 * rng.normal(size=30)
    c, l2, rate, w, b = 1.5, 0.3, 0.1, np.zeros(4), 0.0
    lengths = []
    for _ in range(25):
        residual = X @ w + b - y
        g = np.r_[X.T @ residual / 30 + l2 * w, residual.mean()]
        lengths.append(np.linalg.norm(g))
        g *= min(1.0, c / lengths[-1])
        w, b = w - rate * g[:4], b - rate * g[4]
    assert min(lengths) < c < max(lengths)
    net = NetRegressor(
        (), solver="sgd", momentum=0.0, learning_rate=rate, l2=l2, clip_norm=c, max_epochs=25,
        batch_size=None,
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(net.coef_, w, rtol=1e-12)
    np.testing.assert_allclose(net.intercept_, b, rtol=1e-11)


@pytest.mark.parametrize("size", [0.0, 1e-200, 1e100])
def test_gradients_of_any_size_are_clipped(size):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    net = NetRegressor(
        (), solver="sgd", momentum=0.0, learning_rate=1.0, clip_norm=0.5, max_epochs=1
    ).fit(X, size * X[:, 0])
    moved = np.linalg.norm(np.r_[net.coef_, net.intercept_])
    assert moved == pytest.approx(0.5 if size > 1 else 0.0, abs=1e-12)


@pytest.mark.parametrize("exponent", [0.0, 0.55])
def test_noise_has_the_variance_of_its_update(make_request, exponent):
    """All gradients are zero here, so that what is recorded is noise."""
    eta, hidden = 0.3, (30, 30)
    request = make_request(
        np.zeros((8, 5)), np.zeros(8), hidden, solver="sgd", learning_rate=1e-300, max_epochs=9,
        init="zeros",
    )  # fmt: skip
    request.regularizers = {"gradient_noise": GradientNoise(eta, exponent=exponent)}
    stack = Stack([request])
    real = request.network.real.numpy()
    seen = []
    for t in range(9):
        stack.step()
        noise = stack.gradient.flat[0].numpy().copy()
        assert not noise[~real].any()
        seen.append(noise[real])
        expected = eta / (1 + t) ** exponent
        assert seen[-1].var() == pytest.approx(expected, rel=4 * np.sqrt(2 / real.sum()))
    assert abs(np.corrcoef(seen)[0, 1:]).max() < 4 / np.sqrt(real.sum())


def test_noise_goes_on_decaying_in_partial_fit():
    X, y = np.zeros((8, 500)), np.zeros(8)
    net = NetRegressor(
        (), solver="sgd", momentum=0.0, gradient_noise=1.0, learning_rate=1.0, fit_intercept=False
    )
    sizes, before = [], 0.0
    for _ in range(6):
        coef = net.partial_fit(X, y).coef_
        sizes.append((coef - before).var())
        before = coef
    np.testing.assert_allclose(sizes, (1 + np.arange(6)) ** -0.55, rtol=4 * np.sqrt(2 / 500))


def test_strengths_of_a_stack_are_each_ones_own(make_request):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    made = [make_request(X, y, solver="sgd", learning_rate=1.0, max_epochs=1) for _ in range(2)]
    for request, c in zip(made, (0.1, 0.2)):
        request.regularizers = {"clip_norm": ClipNorm(c)}
    stack = Stack(made)
    stack.step()
    np.testing.assert_allclose(stack.theta.norm(dim=1), [0.1, 0.2])
