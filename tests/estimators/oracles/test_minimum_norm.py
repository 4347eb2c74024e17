"""Rows 7 and 8: under-determined problems, and who picks the minimum-norm solution (7.3)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import null_space

from wellposed import NetRegressor


@pytest.fixture
def underdetermined():
    """12 rows, 30 features: well conditioned, interpolated by infinitely many weights."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 30)), rng.normal(size=12)
    return X, y, np.linalg.pinv(X) @ y


FREE = {"fit_intercept": False, "batch_size": None}


def test_solutions_differ_by_the_null_space_only(underdetermined):
    """Row 7: two starts, two interpolating networks; their difference is invisible to the data."""
    X, y, _ = underdetermined
    first, second = (
        NetRegressor((), init="glorot", solver="sgd", learning_rate=0.05, max_epochs=3000,
                     random_state=seed, **FREE).fit(X, y)
        for seed in (0, 1)
    )  # fmt: skip
    for net in (first, second):
        assert np.abs(net.predict(X) - y).max() <= 1e-10
    difference = first.coef_ - second.coef_
    N = null_space(X)
    assert N.shape == (30, 18)
    assert np.linalg.norm(difference) > 0.5
    np.testing.assert_allclose(N @ (N.T @ difference), difference, atol=1e-10)
    moved = first.coef_ + N @ np.random.default_rng(2).normal(size=18)
    np.testing.assert_allclose(X @ moved, y, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_gradient_descent_from_zero_finds_the_minimum_norm(underdetermined, momentum):
    X, y, minimum = underdetermined
    net = NetRegressor((), solver="sgd", momentum=momentum, learning_rate=0.2 * (1 - momentum),
                       max_epochs=3000, **FREE).fit(X, y)  # fmt: skip
    assert np.linalg.norm(net.coef_ - minimum) <= 1e-10 * np.linalg.norm(minimum)


def test_several_outputs(underdetermined):
    X, y, _ = underdetermined
    Y = np.column_stack([y, y[::-1], y**2])
    net = NetRegressor((), solver="sgd", learning_rate=0.02, max_epochs=3000, **FREE).fit(X, Y)
    minimum = np.linalg.pinv(X) @ Y
    assert np.linalg.norm(net.coef_.T - minimum) <= 1e-10 * np.linalg.norm(minimum)


def test_l2_tends_to_it_in_proportion_to_its_strength(underdetermined):
    """``w(alpha) - pinv(X) y = -alpha (X X' / n)^-1 ...``: a tenth of alpha, a tenth away."""
    X, y, minimum = underdetermined
    distances = [
        np.linalg.norm(
            NetRegressor((), l2=l2, solver="lbfgs", tol=1e-12, max_epochs=100_000,
                         fit_intercept=False).fit(X, y).coef_ - minimum
        )
        for l2 in (1e-3, 1e-4, 1e-5, 1e-6)
    ]  # fmt: skip
    ratios = np.divide(distances[:-1], distances[1:])
    np.testing.assert_allclose(ratios, 10, rtol=0.05)
    assert distances[-1] <= 1e-5 * np.linalg.norm(minimum)


def test_adam_from_zero_interpolates_somewhere_else(underdetermined):
    X, y, minimum = underdetermined
    net = NetRegressor((), solver="adam", learning_rate=0.003, max_epochs=6000, **FREE).fit(X, y)
    assert np.abs(net.predict(X) - y).max() <= 1e-6
    assert np.linalg.norm(net.coef_ - minimum) > 0.05 * np.linalg.norm(minimum)
    assert np.linalg.norm(net.coef_) > np.linalg.norm(minimum)
