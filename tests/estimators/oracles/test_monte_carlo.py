"""Row 26: draws of the masks average to the arithmetic mean of all sub-models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import scale
from torch import nn

from wellposed import NetClassifier, NetRegressor, StochasticDepth

X, y = load_iris(return_X_y=True)
X = scale(X)
N = 1500


def all_kept(n):
    return np.array(list(itertools.product([0, 1], repeat=n)))


def test_the_arithmetic_mean_of_all_sub_models():
    """2^(4 + 8) masks of inputs and hidden units, by numpy."""
    net = NetClassifier(
        (8,), dropout=0.4, input_dropout=0.2, learning_rate=0.02, max_epochs=60, random_state=0
    ).fit(X, y)
    rows = X[::25]
    mean = np.zeros((len(rows), 3))
    for kept in all_kept(4):
        h = np.maximum(rows * kept / 0.8 @ net.coefs_[0] + net.intercepts_[0], 0)
        hidden = all_kept(8)
        p = np.prod(np.where(kept, 0.8, 0.2)) * np.prod(np.where(hidden, 0.6, 0.4), axis=1)
        masked = h * hidden[:, None] / 0.6
        mean += np.tensordot(p, softmax(masked @ net.coefs_[1] + net.intercepts_[1], axis=2), 1)
    draws = net.predict_members(rows, n_draws=N, random_state=1)
    assert draws.shape == (N, len(rows), 3)
    error = draws.std(0) / np.sqrt(N)
    assert (np.abs(draws.mean(0) - mean) <= 4 * error).all()
    np.testing.assert_array_equal(net.predict_std(rows, N, 1), draws.std(0))
    # Prediction itself scales the weights: no draw, and another number.
    h = np.maximum(rows @ net.coefs_[0] + net.intercepts_[0], 0)
    plain = softmax(h @ net.coefs_[1] + net.intercepts_[1], axis=1)
    np.testing.assert_allclose(net.predict_proba(rows), plain, rtol=0, atol=1e-12)
    assert (np.abs(plain - mean) > 4 * error).any()


def test_other_masks():
    """Moments of a linear network, whose mean over all draws is its prediction."""
    target = X @ [1.0, -1.0, 0.5, 2.0]
    shape = {"activation": "identity", "skip": True, "hidden_layer_sizes": (6, 6)}
    for params in (
        {"gaussian_dropout": 0.3},
        {"dropconnect": 0.3},
        {"stochastic_depth": StochasticDepth(0.4)},
        {"dropout": [0.1, 0.5], "normalization": "batch"},
    ):
        net = NetRegressor(**shape, **params, learning_rate=0.01, random_state=0).fit(X, target)
        draws = net.predict_members(X, n_draws=N, random_state=0)
        error = draws.std(0) / np.sqrt(N)
        assert (error > 0).all(), params
        assert (np.abs(draws.mean(0) - net.predict(X)) <= 4 * error).all(), params


def test_draws_are_repeated_by_their_seed_and_differ_within():
    images, labels = load_digits(return_X_y=True)
    net = NetClassifier(
        (4, 4), network="cnn", dropout=0.3, max_epochs=2, n_members=2, random_state=0
    ).fit(images / 16, labels)
    draws = net.predict_members(images[:300], 3, random_state=5)
    np.testing.assert_array_equal(draws, net.predict_members(images[:300], 3, random_state=5))
    assert draws.shape == (6, 300, 10)
    assert len({draw.tobytes() for draw in draws}) == 6
    again = net.predict_members(images[:256], 3, random_state=5)
    np.testing.assert_array_equal(again, draws[:, :256])


def own(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 4), nn.ReLU(), nn.Linear(4, n_outputs))


def test_refused():
    net = NetClassifier((4,), max_epochs=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="no regularizer that was on draws any"):
        net.predict_members(X, n_draws=5)
    net.set_params(dropout=0.2).fit(X, y)
    for n_draws in (0, 2.5, True):
        with pytest.raises(ValueError, match="n_draws must be a positive integer"):
            net.predict_std(X, n_draws=n_draws)
    net.set_params(network=own).fit(X, y)
    with pytest.raises(ValueError, match="built a module of your own"):
        net.predict_members(X, n_draws=5)
    assert torch.is_grad_enabled()
