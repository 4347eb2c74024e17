"""Stochastic depth is an ensemble of networks of other depths (Huang et al. 2016)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from wellposed import NetClassifier, NetRegressor, StochasticDepth
from wellposed.training.stack import Stack

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
y = X[:, 0] - X[:, 1] ** 2


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def stack_of(net, monkeypatch):
    """The stack that a fit of this estimator trains."""
    found = []

    def spy(self, request):
        found.append(Stack([request]))
        return run(self, request)

    run = type(net)._run
    monkeypatch.setattr(type(net), "_run", spy)
    net.fit(X, y)
    monkeypatch.undo()
    return found[0]


@pytest.mark.parametrize("linear", [True, False])
def test_moments_of_the_masks(monkeypatch, linear):
    """A row's layer is there for all units or none, 1/(1-r) or 0, at its layer's rate."""
    net = NetRegressor(
        (9, 9, 4, 4, 4), skip=True, stochastic_depth=StochasticDepth(0.6, linear=linear),
        batch_size=16, max_epochs=1, random_state=0,
    )  # fmt: skip
    stack = stack_of(net, monkeypatch)
    n = 500
    draws = [stack._masks() for _ in range(n)]
    rates = [0, 0.2, 0, 0.4, 0.6] if linear else [0, 0.6, 0, 0.6, 0.6]
    for layer, rate in enumerate(rates):
        masks = torch.stack([draw[layer][0] for draw in draws])
        assert (masks == masks[:, :1]).all()
        there = masks[:, 0].numpy()
        scale = 1 / (1 - rate)
        np.testing.assert_allclose(there[there > 0], scale, rtol=1e-12)
        error = np.sqrt(max(rate * (1 - rate), 1e-12) / there.size)
        assert abs((there > 0).mean() - (1 - rate)) <= 4 * error
        if rate:  # rows and steps are independent
            pairs = (there[:, 0] > 0) & (there[:, 1] > 0)
            assert abs(pairs.mean() - (1 - rate) ** 2) <= 4 * np.sqrt(0.25 / n)


@pytest.mark.parametrize("linear", [True, False])
def test_all_depths_of_a_linear_network_average_to_the_prediction(linear):
    """2^3 sub-models by numpy, weighted by their probabilities; without bends this is exact."""
    rate = 0.5
    net = NetRegressor(
        (4, 4, 4, 4), activation="identity", skip=True, learning_rate=0.02, random_state=0,
        stochastic_depth=StochasticDepth(rate, linear=linear), max_epochs=30,
    ).fit(X, y)  # fmt: skip
    rates = [rate * (i + 1) / 3 if linear else rate for i in range(3)]
    mean = 0.0
    for kept in itertools.product([0, 1], repeat=3):
        h = X @ net.coefs_[0] + net.intercepts_[0]
        probability = 1.0
        for there, r, w, b in zip(kept, rates, net.coefs_[1:], net.intercepts_[1:]):
            h = h + there / (1 - r) * (h @ w + b)
            probability *= 1 - r if there else r
        mean += probability * (h @ net.coefs_[-1] + net.intercepts_[-1])[:, 0]
    np.testing.assert_allclose(net.predict(X), mean, rtol=0, atol=1e-12)


def test_the_mean_gradient_is_that_of_all_depths(monkeypatch):
    """The gradients of its steps average, within 4 standard errors, to the enumerated mean."""
    net = NetRegressor(
        (3, 3, 3), activation="tanh", skip=True, stochastic_depth=0.5, batch_size=None,
        max_epochs=1, random_state=0,
    )  # fmt: skip
    stack = stack_of(net, monkeypatch)
    batch, n = stack.batches.next(), 600
    draws = []
    with torch.no_grad():
        for _ in range(n):
            stack.gradient(stack._model(batch), batch)
            draws.append(stack.gradient.flat[0][stack.network.real].numpy().copy())
    draws = np.array(draws)
    weights, biases = ([w.double() for w in part] for part in net._network.coefs(stack.theta[0]))
    leaves = [w.clone().requires_grad_() for w in (*weights, *biases)]
    w, b = leaves[:4], leaves[4:]
    rows, target, total = torch.as_tensor(X), torch.as_tensor(y), 0.0
    for kept in itertools.product([0, 1], repeat=2):
        h = torch.tanh(rows @ w[0].T + b[0])
        for there, r, i in zip(kept, (0.25, 0.5), (1, 2)):
            h = h + there / (1 - r) * torch.tanh(h @ w[i].T + b[i])
        probability = np.prod([1 - r if there else r for there, r in zip(kept, (0.25, 0.5))])
        loss = 0.5 * (h @ w[3].T + b[3] - target[:, None]).square().mean()
        total = total + float(probability) * loss
    expected = torch.autograd.grad(total, leaves)
    flat = torch.zeros_like(stack.theta[0])
    for into, grad in zip((*net._network.coefs(flat)[0], *net._network.coefs(flat)[1]), expected):
        into.copy_(grad)
    error = draws.std(0) / np.sqrt(n)
    found = draws.mean(0) - flat[stack.network.real].numpy()
    assert (np.abs(found) <= 4 * error + 1e-12).all()


def test_refused_without_residual_layers():
    with pytest.raises(ValueError, match="leaves out residual layers, which takes skip=True"):
        NetClassifier((4, 4), stochastic_depth=0.2).fit(X, y > 0)
