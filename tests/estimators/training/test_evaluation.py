"""Losses and scores on given rows are scikit-learn's, with weights; so are those of constants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.dummy import DummyRegressor
from sklearn.metrics import accuracy_score, log_loss, mean_poisson_deviance, r2_score

from wellposed.networks import MLP
from wellposed.training.evaluation import constant_losses, evaluate, outputs
from wellposed.training.request import Rows

N, P = 50, 5
rng = np.random.default_rng(0)
X = rng.normal(size=(N, P))
WEIGHT = rng.integers(1, 5, N).astype(float)
CLASSES = rng.permutation(N) % 3
TARGETS = {
    "squared_error": X[:, :2] @ rng.normal(size=(2, 2)) + rng.normal(size=(N, 2)),
    "poisson": rng.poisson(2.0, (N, 2)).astype(float),
    "logistic": (rng.random((N, 3)) < 0.3).astype(float),
    "cross_entropy": np.eye(3)[CLASSES],
}


def rows_of(target, weight, given=X):
    return Rows.from_arrays(given, target, weight, torch.float64, torch.device("cpu"))


def network_of(target):
    network = MLP(P, target.shape[1], (7,), "tanh")
    return network, network.init("he", torch.Generator().manual_seed(1), torch.float64)


def expected_of(loss, z, target, weight):
    """J and score of outputs z by scikit-learn."""
    if loss == "squared_error":
        half = 0.5 * np.average(((z - target) ** 2).sum(1), weights=weight)
        return half, r2_score(target, z, sample_weight=weight)
    if loss == "poisson":
        pairs = zip(target.T, np.exp(z).T)
        half = sum(0.5 * mean_poisson_deviance(y, m, sample_weight=weight) for y, m in pairs)
        return half, r2_score(target, np.exp(z), sample_weight=weight)
    if loss == "logistic":
        p = 1 / (1 + np.exp(-z))
        each = [log_loss(y, q, sample_weight=weight) for y, q in zip(target.T, p.T)]
        return sum(each), accuracy_score(target, p > 0.5, sample_weight=weight)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    y = target.argmax(1)
    return log_loss(y, p, sample_weight=weight), accuracy_score(
        y, p.argmax(1), sample_weight=weight
    )


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", TARGETS)
def test_loss_and_score(loss, kind, weight):
    target = TARGETS[loss]
    network, theta = network_of(target)
    module = network.module(theta)
    with torch.no_grad():
        z = module(torch.as_tensor(X)).numpy()
    found = evaluate(network, loss, theta, rows_of(target, weight, kind(X)))
    np.testing.assert_allclose(found, expected_of(loss, z, target, weight), rtol=1e-10)


def test_score_of_targets_that_do_not_vary():
    """1 if they are hit and 0 if not, as in scikit-learn, and averaged with the other outputs."""
    network = MLP(P, 2, (), "relu")
    theta = torch.zeros(network.size, dtype=torch.float64)
    for constants in ((0.0, 0.0), (0.0, 2.0), (2.0, 2.0)):
        target = np.tile(constants, (N, 1))
        expected = r2_score(target, np.zeros((N, 2)))
        assert evaluate(network, "squared_error", theta, rows_of(target, None))[1] == expected
    target = np.c_[np.full(N, 2.0), X[:, 0]]
    expected = r2_score(target, np.zeros((N, 2)))
    found = evaluate(network, "squared_error", theta, rows_of(target, None))[1]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("loss", TARGETS)
def test_losses_of_constants(loss, weight):
    """Of outputs of zero, and of the best constants: weighted means, or shares of the classes."""
    target = TARGETS[loss]
    zero, best = constant_losses(loss, rows_of(target, weight))
    nothing = np.zeros_like(target)
    assert zero == pytest.approx(expected_of(loss, nothing, target, weight)[0], rel=1e-10)
    mean = DummyRegressor().fit(X, target, weight).predict(X)
    link = {"squared_error": lambda m: m, "logistic": lambda m: np.log(m / (1 - m))}
    z = link.get(loss, np.log)(mean)
    assert best == pytest.approx(expected_of(loss, z, target, weight)[0], rel=1e-10)


@pytest.mark.parametrize("n", [1, 15, 4095, 4096, 4097, 9000])
def test_rows_are_predicted_in_parts_and_in_order(n):
    network, theta = network_of(TARGETS["squared_error"])
    many = np.random.default_rng(1).normal(size=(n, P))
    with torch.no_grad():
        expected = network.module(theta)(torch.as_tensor(many))
    found = outputs(network, theta, torch.as_tensor(many))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    of_sparse = outputs(network, theta, sparse.csr_array(many))
    torch.testing.assert_close(of_sparse, expected, rtol=1e-10, atol=1e-12)
