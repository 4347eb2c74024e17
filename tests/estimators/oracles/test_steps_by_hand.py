"""What a step and its bookkeeping consist of, written out in NumPy: order, scope, first moments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import nn

from wellposed import NetClassifier, NetRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
Y = X @ rng.normal(size=(5, 2)) + 0.1 * rng.normal(size=(40, 2)) + 1
STEP = {"solver": "sgd", "learning_rate": 0.1, "max_epochs": 1, "random_state": 0}


def module(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 30), nn.Tanh(), nn.Linear(30, 4), nn.Tanh(),
                         nn.Linear(4, n_outputs))  # fmt: skip


def parameters(net):
    """Weights of two and more dimensions, and all others."""
    arrays = [p.detach().numpy() for p in net.net_.module_.parameters()]
    return [a for a in arrays if a.ndim > 1], [a for a in arrays if a.ndim == 1]


NETWORKS = {
    "small layers first": {"hidden_layer_sizes": (3, 30)},
    "large layers first": {"hidden_layer_sizes": (30, 3)},
    "convolutions": {"network": "cnn", "hidden_layer_sizes": (3, 4)},
    "own module": {"network": module},
}


@pytest.mark.parametrize("share", [0.5, 0.9, 2.0])
@pytest.mark.parametrize("network", NETWORKS)
def test_norm_constraint_is_on_all_weights_together(network, share):
    """Every layer is scaled by one factor, the radius over the norm of all of them."""
    rows, labels = load_digits(return_X_y=True)
    rows, labels = rows[:60] / 16, labels[:60]
    settings = {**NETWORKS[network], **STEP}
    free, biases = parameters(NetClassifier(**settings).fit(rows, labels))
    norm = np.sqrt(sum(np.sum(w**2) for w in free))
    net = NetClassifier(norm_constraint=share * norm, **settings).fit(rows, labels)
    found, others = parameters(net)
    for w, expected in zip(found, free, strict=True):
        np.testing.assert_allclose(w, min(share, 1.0) * expected, rtol=1e-12)
    for b, expected in zip(others, biases, strict=True):
        np.testing.assert_array_equal(b, expected)


@pytest.mark.parametrize("constraint", ["norm_constraint", "max_norm"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_projection_comes_after_the_soft_threshold(constraint, solver):
    """Weights end on the ball: a threshold after the projection would move them inside."""
    threshold = 0.02
    settings = {**STEP, "solver": solver, "momentum": 0.0, "hidden_layer_sizes": (6,)}
    free = NetRegressor(**settings).fit(X, Y)
    start = NetRegressor(**{**settings, "learning_rate": 1e-300}).fit(X, Y)
    if solver == "sgd":
        gains = [np.full_like(w, 0.1) for w in free.coefs_]
    else:  # the first step is lr * g / (|g| + eps), the gain lr / (|g| + eps)
        gradients = gradients_of(start, X, Y)
        gains = [0.1 / (np.abs(g) + 1e-8) for g in gradients]
    thresholds = [threshold * g for g in gains]
    shrunk = [np.sign(w) * np.maximum(np.abs(w) - t, 0) for w, t in zip(free.coefs_, thresholds)]
    if constraint == "norm_constraint":
        radius = 0.7 * np.sqrt(sum(np.sum(w**2) for w in shrunk))
        expected = [0.7 * w for w in shrunk]
    else:
        norms = np.linalg.norm(shrunk[0], axis=0)
        radius = 0.7 * norms[norms > 0].min()
        scale = np.where(norms > 0, radius / np.where(norms > 0, norms, 1.0), 0.0)
        expected = [shrunk[0] * scale, shrunk[1]]
    net = NetRegressor(l1=threshold, **{constraint: radius}, **settings).fit(X, Y)
    for w, by_hand in zip(net.coefs_, expected):
        np.testing.assert_allclose(w, by_hand, rtol=1e-6, atol=1e-12)


def gradients_of(net, X, Y):
    """Gradients of half the mean squared error of one hidden layer of relu."""
    (W, V), (b, c) = net.coefs_, net.intercepts_
    z = X @ W + b
    h = np.maximum(z, 0)
    error = (h @ V + c - Y) / len(X)
    return [X.T @ (error @ V.T * (z > 0)), h.T @ error]


def objective(net, X, Y, weight, l1, l2):
    """The data term at a network, and its penalties."""
    (W, V), (b, c) = net.coefs_, net.intercepts_
    squares = ((np.maximum(X @ W + b, 0) @ V + c - Y) ** 2).sum(1)
    penalty = sum(l1 * np.abs(w).sum() + 0.5 * l2 * (w**2).sum() for w in (W, V))
    return 0.5 * np.average(squares, weights=weight), penalty


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(
    "penalty", [{}, {"l1": 0.03}, {"l2": 0.2}, {"l1": 0.03, "l2": 0.2}], ids=" ".join
)
def test_the_loss_curve_is_the_loss_before_an_update_and_the_penalties_after(
    penalty, solver, weighted
):
    """Of full batches: fits of every length say where the network was."""
    weight = rng.random(40) + 0.5 if weighted else None
    settings = {**STEP, "solver": solver, "hidden_layer_sizes": (6,), "learning_rate": 0.02}
    settings |= {"batch_size": None, "init": "glorot", **penalty}
    l1, l2 = penalty.get("l1", 0.0), penalty.get("l2", 0.0)
    still = NetRegressor(**{**settings, "learning_rate": 1e-300}).fit(X, Y)
    path = [
        NetRegressor(**{**settings, "max_epochs": t}).fit(X, Y, sample_weight=weight)
        for t in range(1, 5)
    ]
    at = [objective(net, X, Y, weight, l1, l2) for net in (still, *path)]
    curve = [loss + penalty for (loss, _), (_, penalty) in pairwise(at)]
    np.testing.assert_allclose(path[-1].loss_curve_, curve, rtol=1e-10)
    assert path[-1].loss_ == path[-1].loss_curve_[-1]


@pytest.mark.parametrize("penalty", [{"l1": 0.03}, {"l2": 0.2}, {"l1": 0.03, "l2": 0.2}])
def test_the_curve_of_lbfgs_is_its_objective(penalty):
    net = NetRegressor((6,), solver="lbfgs", tol=1e-3, random_state=0, max_epochs=2000, **penalty)
    net.fit(X, Y)
    l1, l2 = penalty.get("l1", 0.0), penalty.get("l2", 0.0)
    assert net.loss_ == pytest.approx(sum(objective(net, X, Y, None, l1, l2)), rel=1e-10)
    assert (np.diff(net.loss_curve_) <= 1e-12).all()


def fitted(solver, **settings):
    net = NetRegressor((6,), solver=solver, batch_size=None, random_state=0, **settings)
    return net.set_params(learning_rate=0.01, momentum=0.9, max_epochs=5).fit(X, Y)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_begins_its_optimiser_afresh(solver):
    """Its first step is that of zero moments: ``lr g``, or ``lr g / (|g| + eps)``."""
    net = fitted(solver, warm_start=True)
    before, gradients = net.coefs_, gradients_of(net, X, Y)
    net.set_params(max_epochs=1).fit(X, Y)
    for was, now, g in zip(before, net.coefs_, gradients):
        step = g if solver == "sgd" else g / (np.abs(g) + 1e-8)
        np.testing.assert_allclose(now - was, -0.01 * step, atol=1e-12)
    assert net.t_ == 1


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_after_fit_keeps_the_moments(solver):
    """Five epochs of fit and one pass are six epochs."""
    net = fitted(solver).partial_fit(X, Y)
    whole = fitted(solver).set_params(max_epochs=6).fit(X, Y)
    for a, b in zip(net.coefs_ + net.intercepts_, whole.coefs_ + whole.intercepts_):
        np.testing.assert_array_equal(a, b)
    assert net.t_ == 6
