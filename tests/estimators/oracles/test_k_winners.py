"""Row 21: exactly k units of a layer are on, and the gradient goes through them alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wellposed import NetClassifier, NetRegressor
from wellposed.networks.conv import ConvNet
from wellposed.networks.residual import ResidualMLP
from wellposed.training import train
from wellposed.training.request import Request, Rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
y = X[:, 0] + X[:, 1] ** 2
RATE = 1e-3


def outputs(X, parameters, k):
    """A network of tanh units by numpy, and how far the k-th activation is from the next."""
    *hidden, (w, b) = parameters
    h, gap = X, np.inf
    for weight, bias in hidden:
        a = np.tanh(h @ weight + bias)
        order = np.sort(a, axis=1)
        gap = min(gap, (order[:, -k] - order[:, -k - 1]).min())
        h = np.where(a >= order[:, [-k]], a, 0.0)
    return h @ w + b, gap


def pairs(net):
    return list(zip(net.coefs_, net.intercepts_))


def test_a_step_goes_along_differences_of_the_loss():
    net = NetRegressor(
        (5, 7), activation="tanh", k_winners=3, solver="sgd", momentum=0, batch_size=None,
        learning_rate=RATE, max_epochs=1, warm_start=True, random_state=1,
    ).fit(X, y)  # fmt: skip
    before = pairs(net)
    predicted, gap = outputs(X, before, 3)
    np.testing.assert_allclose(net.predict(X), predicted[:, 0], rtol=0, atol=1e-12)
    after = pairs(net.fit(X, y))
    h = 1e-6
    assert gap > 10 * h  # no winner changes within the differences
    for i, layer in enumerate(before):
        for j, part in enumerate(layer):
            for index in np.ndindex(part.shape):
                ends = []
                for shift in (h, -h):
                    moved = [[p.copy() for p in pair] for pair in before]
                    moved[i][j][index] += shift
                    ends.append(0.5 * ((outputs(X, moved, 3)[0][:, 0] - y) ** 2).mean())
                slope = (part - after[i][j])[index] / RATE
                assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize(("k", "share"), [(6, None), (0.25, 0.25)])
def test_so_many_units_are_on(network, k, share):
    images, labels = (part[:300] for part in load_digits(return_X_y=True))
    sizes = (40, 40) if network == "mlp" else (4, 4)
    net = NetClassifier(
        sizes, network=network, activation="softplus", k_winners=k, skip=True,
        normalization="layer", learning_rate=0.02, max_epochs=25, batch_size=50, random_state=0,
    ).fit(images / 16, labels)  # fmt: skip
    module, seen = net.net_.module_, []
    for part in module.modules():
        if type(part).__name__ == "KWinners":
            part.register_forward_hook(lambda _, __, out: seen.append(out.detach().flatten(1)))
    z = module(torch.as_tensor(images / 16)).detach()
    np.testing.assert_allclose(net.decision_function(images / 16), z, rtol=0, atol=1e-10)
    assert len(seen) == 2
    for a in seen:
        kept = k if share is None else round(share * a.shape[1])
        assert ((a != 0).sum(1) == kept).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [3, 0.4])
@pytest.mark.parametrize("images", [False, True], ids=["mlp", "cnn"])
def test_alone_or_together(images, k, dtype):
    if images:
        network = ConvNet((1, 4, 4), 3, (3, 3), "logistic", skip=True, k_winners=k)
    else:
        network = ResidualMLP(16, 3, (18, 7), "relu", k_winners=k)
    rng = np.random.default_rng(1)
    requests = []
    for seed in range(17):
        n = int(rng.integers(12, 30))
        target = np.eye(3)[rng.integers(0, 3, n)]
        rows = Rows.from_arrays(rng.normal(size=(n, 16)), target, None, dtype, torch.device("cpu"))
        requests.append(Request(network, "cross_entropy", rows, seed, batch_size=9, max_epochs=3))
    for outcome, request in zip(train(requests), requests):
        assert torch.equal(outcome.state.theta, train([request])[0].state.theta)


def test_all_units_are_no_constraint():
    net = NetRegressor((5,), max_epochs=5, random_state=0)
    plain = net.fit(X, y).predict(X)
    np.testing.assert_array_equal(net.set_params(k_winners=9).fit(X, y).predict(X), plain)


@pytest.mark.parametrize("k", [0, 0.0, 1.5, -1])
def test_refused(k):
    with pytest.raises(ValueError, match="'k_winners' parameter of NetRegressor must be"):
        NetRegressor(k_winners=k).fit(X, y)
    with pytest.raises(ValueError, match="k_winners=3 acts on hidden layers"):
        NetRegressor((), k_winners=3).fit(X, y)
