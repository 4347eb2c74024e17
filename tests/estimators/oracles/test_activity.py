"""Activity penalties against finite differences and against rows that are given twice."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wellposed import NetClassifier
from wellposed.training import train

RATE = 1e-3


def forward(theta, X, sizes):
    """Outputs and activations of a tanh network, its parameters one after the other."""
    h, hidden, at = X, [], 0
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        W = theta[at : at + n_in * n_out].reshape(n_in, n_out)
        b = theta[at + n_in * n_out : at + n_in * n_out + n_out]
        at += (n_in + 1) * n_out
        h = h @ W + b
        if i < len(sizes) - 2:
            h = np.tanh(h)
            hidden.append(h)
    return h, hidden


@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_finite_differences(make_request, weighted):
    rng = np.random.default_rng(0)
    sizes = (4, 5, 3, 2)
    X, Y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    weight = rng.random(20) + 0.5 if weighted else np.ones(20)
    share = weight / weight.sum()
    alpha = 0.3
    (start,) = train(
        [make_request(X, Y, sizes[1:-1], activation="tanh", solver="sgd", max_epochs=1,
                      learning_rate=1e-300, weight=weight)]
    )  # fmt: skip
    request = make_request(
        X, Y, sizes[1:-1], activation="tanh", solver="sgd", max_epochs=1, learning_rate=RATE,
        weight=weight, strengths={"activity_l1": alpha},
    )  # fmt: skip
    (after,) = train([request])

    def flat(state):
        parts = zip(*request.network.coefs(state.theta))
        return np.concatenate([np.r_[W.numpy().T.ravel(), b.numpy()] for W, b in parts])

    def objective(theta):
        z, hidden = forward(theta, X, sizes)
        J = 0.5 * share @ ((z - Y) ** 2).sum(1)
        return J + alpha * sum(share @ np.abs(h).sum(1) for h in hidden)

    theta = flat(start.state)
    gradient = (theta - flat(after.state)) / RATE
    step = 1e-6 * np.eye(len(theta))
    expected = [(objective(theta + e) - objective(theta - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(gradient, expected, atol=1e-8)
    assert after.loss_curve[0] == pytest.approx(objective(theta), rel=1e-12)


def test_lbfgs_minimises_the_same_objective():
    X, y = load_digits(return_X_y=True)
    X, y = X[:80] / 16, y[:80] > 4
    net = NetClassifier(
        (6,), activation="softplus", solver="lbfgs", l2=0.01, activity_l1=0.05, tol=1e-8,
        max_epochs=3000, random_state=0,
    ).fit(X, y)  # fmt: skip
    W, b = (torch.as_tensor(part).requires_grad_() for part in (net.coefs_[0], net.intercepts_[0]))
    V, c = (torch.as_tensor(part).requires_grad_() for part in (net.coefs_[1], net.intercepts_[1]))
    h = torch.nn.functional.softplus(torch.as_tensor(X) @ W + b)
    J = torch.nn.functional.binary_cross_entropy_with_logits(
        (h @ V + c)[:, 0], torch.as_tensor(y).double()
    )
    penalty = 0.005 * (W.square().sum() + V.square().sum()) + 0.05 * h.abs().sum(1).mean()
    gradients = torch.autograd.grad(J + penalty, (W, b, V, c))
    assert max(float(g.abs().max()) for g in gradients) <= 1e-7


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_activities_become_smaller(network):
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    size, accuracy = {}, {}
    for alpha in (0.0, 0.02):
        net = NetClassifier(
            (20,) if network == "mlp" else (6,), network=network, activity_l1=alpha,
            learning_rate=0.01, max_epochs=40, random_state=0,
        ).fit(X, y)  # fmt: skip
        module = net.net_.module_
        hidden = torch.as_tensor(X)
        for layer in list(module)[: 2 if network == "mlp" else 4]:
            hidden = layer(hidden)
        size[alpha], accuracy[alpha] = float(hidden.abs().flatten(1).sum(1).mean()), net.score(X, y)
    assert size[0.02] < 0.5 * size[0.0]
    assert accuracy[0.02] > 0.8
