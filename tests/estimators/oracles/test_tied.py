"""Autoencoders with tied weights: the decoder's are the transposes of the encoder's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from wellposed import NetClassifier, NetRegressor, load
from wellposed.networks.activations import ACTIVATIONS
from wellposed.networks.tied import TiedMLP
from wellposed.regularizers import REGULARIZERS
from wellposed.training import train
from wellposed.training.gradient import Gradient
from wellposed.training.model import Batch, Model

X, _ = load_digits(return_X_y=True)
X = X[:100, 16:36] / 16
NET = NetRegressor((9, 4, 9), tied=True, batch_size=None, learning_rate=0.02, random_state=0)
HOW = {"activation": "tanh", "max_epochs": 6}


class Autoencoder(nn.Module):
    """Written by hand: two matrices, four biases."""

    def __init__(self, coefs, intercepts):
        super().__init__()
        self.weights = nn.ParameterList(torch.tensor(w.T.copy()) for w in coefs[:2])
        self.biases = nn.ParameterList(map(torch.tensor, intercepts))

    def forward(self, x):
        (W, V), (a, b, c, d) = self.weights, self.biases
        h = torch.tanh(torch.tanh(x @ W.T + a) @ V.T + b)
        return torch.tanh(h @ V + c) @ W + d


def first(**params):
    """The weights that a fit begins with."""
    return clone(NET).set_params(max_epochs=1, learning_rate=1e-300, **params).fit(X, X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_trains_like_the_loop_of_torch_and_counts_penalties_once(solver):
    begun = first(activation="tanh")
    module = Autoencoder(begun.coefs_, begun.intercepts_)
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[solver]
    optimizer = make(module.parameters(), 0.02)
    rows, losses = torch.tensor(X), []
    for _ in range(6):
        optimizer.zero_grad()
        penalty = 0.1 / 2 * sum(w.square().sum() for w in module.weights)
        J = (module(rows) - rows).square().sum(1).mean() / 2
        losses.append(float(J))
        (J + penalty).backward()
        optimizer.step()
    net = clone(NET).set_params(solver=solver, momentum=0, l2=0.1, **HOW).fit(X, X)
    for found, weight in zip(net.coefs_, module.weights):
        np.testing.assert_allclose(found, weight.detach().T, atol=1e-10)
    for found, bias in zip(net.intercepts_, module.biases):
        np.testing.assert_allclose(found, bias.detach(), atol=1e-10)
    parts = net.objective_parts_["l2"][-1]
    assert parts == pytest.approx(0.1 / 2 * sum((w**2).sum() for w in net.coefs_[:2]), rel=1e-12)
    np.testing.assert_allclose(net.predict(X), module(rows).detach(), atol=1e-9)


def test_begins_at_the_mean_with_the_encoder_as_drawn():
    wide = first(activation="tanh")
    far = clone(wide).fit(X, 100 + 30 * X)
    np.testing.assert_allclose(far.coefs_[0], wide.coefs_[0], atol=1e-200)
    np.testing.assert_allclose(far.intercepts_[-1], 100 + 30 * X.mean(0), rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("hidden", [(5,), (17, 3, 17), (1,)])
def test_gradient_is_the_sum_over_both_places(activation, fit_intercept, hidden):
    network, rng = (
        TiedMLP(7, 7, hidden, activation, fit_intercept),
        torch.Generator().manual_seed(0),
    )
    draw = {"generator": rng, "dtype": torch.float64}
    theta = torch.stack([network.init("glorot", rng, torch.float64) for _ in range(3)])
    theta += 0.1 * torch.randn(theta.shape, **draw) * network.real
    x, target = torch.zeros(3, 16, 16, dtype=torch.float64), torch.randn(3, 7, 16, **draw)
    x[:, :7] = torch.randn(3, 7, 16, **draw)
    weight = torch.full((3, 1, 16), 1 / 16, dtype=torch.float64)
    model = Model(network, "squared_error", 7, network.parameters(theta))
    gradient = Gradient(model, theta, 16)
    J = gradient(model, Batch(x, target, weight))
    leaf = theta.clone().requires_grad_()
    expected = 0
    for k in range(3):
        weights, biases = network.coefs(leaf[k])
        h = x[k, :7].T
        for i, w in enumerate(weights):
            h = h @ w.T + (biases[i] if biases else 0)
            if i < len(weights) - 1:
                h = ACTIVATIONS[activation].function(h)
        expected = expected + (h - target[k].T).square().sum() / 32
    expected.backward()
    assert float(J.sum()) == pytest.approx(float(expected.detach()), rel=1e-12)
    torch.testing.assert_close(gradient.flat, leaf.grad * network.real, rtol=1e-10, atol=1e-14)


def test_a_linear_one_spans_the_principal_components():
    """The least error of rank 4, which is that of the singular value decomposition."""
    A = X - X.mean(0)
    net = NetRegressor((4,), tied=True, activation="identity", fit_intercept=False, solver="lbfgs")
    net.set_params(tol=1e-10, max_epochs=100_000, random_state=0).fit(A, A)
    s = np.linalg.svd(A, compute_uv=False)
    error = ((net.predict(A) - A) ** 2).sum()
    assert error == pytest.approx((s[4:] ** 2).sum(), rel=1e-9)
    np.testing.assert_array_equal(net.coefs_[0], net.coefs_[1].T)
    np.testing.assert_allclose(net.coefs_[0].T @ net.coefs_[0], np.eye(4), atol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_alone_and_together(make_request, solver):
    rng = np.random.default_rng(0)
    on = {"dropout": 0.2, "l1": 1e-3, "weight_decay": 0.1, "activity_l1": 0.01, "sam": 0.05}
    on |= {"spectral_norm": 2.0, "dropconnect": 0.1, "averaging": 0.5}
    requests = []
    for k, n in enumerate((2, 4, 1, 4, 3)):
        A = rng.normal(size=(41 + k, 6))
        request = make_request(A, A, batch_size=20, solver=solver, max_epochs=n, seed=k)
        request.network = TiedMLP(6, 6, (9, 4, 9), "logistic")
        request.regularizers = {
            name: REGULARIZERS[name](s * (1 - 0.1 * k)) for name, s in on.items()
        }
        requests.append(request)
    for request, outcome in zip(requests, train(requests)):
        alone = train([request])[0]
        assert torch.equal(outcome.state.theta, alone.state.theta)
        assert outcome.loss_curve == alone.loss_curve
        assert (outcome.state.theta[~request.network.real] == 0).all()


def test_works_with_the_rest(tmp_path):
    net = clone(NET).set_params(l2=[0.01, 0.1], dropout=[0.1, 0, 0.1], group_l1=0.05, **HOW)
    net.fit(X, X)
    np.testing.assert_array_equal(net.coefs_[0], net.coefs_[3].T)
    assert net.feature_importances_.shape == (20,)
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "net.safetensors").predict(X), net.predict(X))
    np.testing.assert_allclose(net.net_.predict(X), net.predict(X), atol=1e-12)
    again = clone(NET).set_params(start=net, freeze=0, **HOW).fit(X, X)
    np.testing.assert_array_equal(again.coefs_[0], net.coefs_[0])
    np.testing.assert_array_equal(again.coefs_[3], net.coefs_[3])
    assert not np.array_equal(again.coefs_[1], net.coefs_[1])
    labels = (X[:, :20] > 0.5).astype(int)
    NetClassifier((9,), tied=True, max_epochs=3).fit(X, labels).predict(X)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"hidden_layer_sizes": (9, 9)}, r"\(20, 9, 9, 20\), do not mirror each other"),
        ({"hidden_layer_sizes": (9, 4, 8)}, "do not mirror each other"),
        ({"hidden_layer_sizes": ()}, "do not mirror each other"),
        ({"normalization": "layer"}, "normalization='layer' makes others"),
        ({"skip": True, "hidden_layer_sizes": (9, 9, 9)}, "skip=True makes others"),
        ({"network": lambda i, o: nn.Linear(i, o)}, "a parameter in two places is one"),
        ({"max_norm": 1.0}, r"max_norm=1 acts on the weights that lead into hidden units"),
        ({"l2": [0.1] * 4}, "has 4 numbers, one a layer of weights, and the network has 2"),
        ({"network": "cnn"}, "network='cnn' makes others"),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(**given).fit(X, X)
    with pytest.raises(ValueError, match="do not mirror each other"):
        clone(NET).fit(X, X[:, :3])
