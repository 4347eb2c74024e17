"""The orthogonality penalty against NumPy on real weights, and its gradient against autograd's."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wellposed import NetClassifier
from wellposed.regularizers import Orthogonality, Regularizer
from wellposed.training.model import Weights
from wellposed.training.stack import Stack


@pytest.mark.parametrize("hidden", [(5,), (20,), (17, 3, 40)])
def test_value_and_gradient(make_request, hidden):
    rng = np.random.default_rng(0)
    request = make_request(rng.normal(size=(9, 7)), rng.normal(size=9), hidden)
    request.regularizers = {"orthogonality": Orthogonality(0.3)}
    stack = Stack([request])
    (r,) = stack.regularizers
    expected = 0.0
    for W in request.network.coefs(stack.theta[0])[0][:-1]:
        W = W.numpy() if W.shape[0] <= W.shape[1] else W.numpy().T
        expected += 0.3 / 4 * np.square(W @ W.T - np.eye(len(W))).sum()
    assert float(r.value(stack.weights)) == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(
        r.gradient(stack.weights), Regularizer.gradient(r, stack.weights), rtol=1e-12, atol=1e-14
    )
    padding = ~request.network.real[: request.network.n_weights]
    assert not r.gradient(stack.weights)[0, padding].any()
    assert isinstance(stack.weights, Weights)


def test_units_become_orthonormal():
    X, y = load_digits(return_X_y=True)
    net = NetClassifier(
        (20,), orthogonality=1.0, learning_rate=0.01, max_epochs=60, random_state=0
    ).fit(X[:300] / 16, y[:300])
    W = net.coefs_[0]
    free = NetClassifier((20,), learning_rate=0.01, max_epochs=60, random_state=0)
    V = free.fit(X[:300] / 16, y[:300]).coefs_[0]
    excess = [np.abs(w.T @ w - np.eye(20)).max() for w in (W, V)]
    assert excess[0] < 0.2 < excess[1]
    assert net.score(X[300:] / 16, y[300:]) > 0.8
