"""Row 5: a penalty is the logarithm of a prior, and the fit its posterior's maximum (5.6.1, 7.1).

Gaussian prior of variance t2 and noise s2: ``l2 = s2 / (n t2)``. Laplace prior of scale b:
``l1 = s2 / (n b)``. For classification s2 = 1. The oracle maximises the log posterior numerically;
with a Laplace prior on the split ``w = u - v``, u, v >= 0, which makes it smooth.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_expit
from scipy.stats import norm

from wellposed import NetClassifier, NetRegressor

EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}
PRECISE = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 100_000, "maxfun": 1_000_000, "maxcor": 30}


def gaussian_log_likelihood(X, y, s2):
    """Log likelihood of (w, b), and its gradient."""

    def function(w, b):
        residual = y - X @ w - b
        slope = residual / s2
        return norm.logpdf(residual, scale=np.sqrt(s2)).sum(), X.T @ slope, slope.sum()

    return function


def bernoulli_log_likelihood(X, y):
    def function(w, b):
        z = X @ w + b
        slope = y - np.exp(log_expit(z))
        return log_expit(np.where(y, z, -z)).sum(), X.T @ slope, slope.sum()

    return function


def gaussian_map(log_likelihood, p, t2):
    """Maximise log likelihood + log N(w; 0, t2), flat in the intercept."""

    def negative(theta):
        w, b = theta[:p], theta[p]
        value, w_slope, b_slope = log_likelihood(w, b)
        value += norm.logpdf(w, scale=np.sqrt(t2)).sum()
        return -value, -np.append(w_slope - w / t2, b_slope)

    theta = minimize(negative, np.zeros(p + 1), jac=True, method="L-BFGS-B", options=PRECISE).x
    return theta[:p], theta[p]


def laplace_map(log_likelihood, p, scale):
    """Maximise log likelihood + log Laplace(w; scale) on w = u - v, u, v >= 0."""

    def negative(theta):
        u, v, b = theta[:p], theta[p : 2 * p], theta[2 * p]
        value, w_slope, b_slope = log_likelihood(u - v, b)
        value -= (u + v).sum() / scale + p * np.log(2 * scale)
        return -value, -np.concatenate([w_slope - 1 / scale, -w_slope - 1 / scale, [b_slope]])

    bounds = [(0, None)] * (2 * p) + [(None, None)]
    start = np.full(2 * p + 1, 0.1)
    theta = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options=PRECISE).x
    return theta[:p] - theta[p : 2 * p], theta[2 * p]


def assert_maximum(net, w, b):
    """Relative 2-norm <= 1e-6 (section 0)."""
    coef, intercept = np.ravel(net.coef_), np.ravel(net.intercept_)[0]
    assert np.linalg.norm(coef - w) <= 1e-6 * np.linalg.norm(w)
    assert abs(intercept - b) <= 1e-6 * max(1, abs(b))


@pytest.mark.parametrize(("s2", "t2"), [(0.25, 1.0), (2.0, 0.05)])
def test_gaussian_prior_is_l2(regression, s2, t2):
    X, y = regression(50, 8)
    w, b = gaussian_map(gaussian_log_likelihood(X, y, s2), 8, t2)
    assert_maximum(NetRegressor((), l2=s2 / (50 * t2), **EXACT).fit(X, y), w, b)


@pytest.mark.parametrize(("s2", "scale"), [(0.25, 0.2), (2.0, 0.5)])
def test_laplace_prior_is_l1(regression, s2, scale):
    X, y = regression(50, 8)
    w, b = laplace_map(gaussian_log_likelihood(X, y, s2), 8, scale)
    net = NetRegressor((), l1=s2 / (50 * scale), **EXACT).fit(X, y)
    assert_maximum(net, w, b)
    np.testing.assert_array_equal(net.coef_ != 0, np.abs(w) > 1e-8)


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6))
    return X, X @ np.array([2.0, -1, 0, 0, 0.5, 0]) + rng.logistic(size=60) > 0.3


def test_gaussian_prior_is_l2_in_classification(labelled):
    X, y = labelled
    w, b = gaussian_map(bernoulli_log_likelihood(X, y), 6, t2=0.5)
    assert_maximum(NetClassifier((), l2=1 / (60 * 0.5), **EXACT).fit(X, y), w, b)


def test_laplace_prior_is_l1_in_classification(labelled):
    X, y = labelled
    w, b = laplace_map(bernoulli_log_likelihood(X, y), 6, scale=0.2)
    net = NetClassifier((), l1=1 / (60 * 0.2), **EXACT).fit(X, y)
    assert_maximum(net, w, b)
    np.testing.assert_array_equal(net.coef_[0] != 0, np.abs(w) > 1e-8)
    assert (net.coef_ == 0).any()
