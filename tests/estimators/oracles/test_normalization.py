"""Normalised and residual networks take the steps of PyTorch's own layers.

The networks below are built of torch.nn's layers and trained by a plain loop without padding; from
the library they have the first weights and the order of rows.
"""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from wellposed import NetClassifier, NetRegressor, load, save
from wellposed._streams import generator
from wellposed.networks.conv import ConvNet
from wellposed.networks.residual import ResidualMLP
from wellposed.training import train
from wellposed.training.request import Request, Rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(45, 6)) * [1, 2, 1, 3, 1, 1] + 1
y = (X[:, 0] + np.sin(X[:, 1]) > 1).astype(int) + (X[:, 2] > 2)
IMAGES = RNG.normal(size=(45, 49)) + 0.5
WEIGHT = RNG.uniform(0.2, 3, size=45)


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


class Added(nn.Module):
    """Input, pooled perhaps, plus a layer of it."""

    def __init__(self, layer, pool):
        super().__init__()
        self.layer, self.pool = layer, pool

    def forward(self, x):
        return self.pool(x) + self.layer(x)


def normalising(kind, size, images):
    if kind is None:
        return nn.Identity()
    if kind == "layer":
        return nn.GroupNorm(1, size) if images else nn.LayerNorm(size)
    return nn.BatchNorm2d(size) if images else nn.BatchNorm1d(size)


def of_torch(sizes, kind, skip, images):
    """Hidden layers of these sizes, and the output layer, in torch's own layers."""
    parts, n_in, side = [nn.Unflatten(1, (1, 7, 7))] if images else [], 1 if images else 6, 7
    affine = []
    for i, size in enumerate(sizes):
        b = kind != "batch"  # which takes a bias out again
        affine.append(
            nn.Conv2d(n_in, size, 3, padding=1, bias=b) if images else nn.Linear(n_in, size, b)
        )
        pool = nn.MaxPool2d(2) if images and side > 1 else nn.Identity()
        layer = nn.Sequential(affine[-1], normalising(kind, size, images), nn.Tanh(), pool)
        parts.append(Added(layer, pool) if skip and i and n_in == size else layer)
        n_in, side = size, max(side // 2, 1)
    affine.append(nn.Linear(n_in * (side * side if images else 1), 3))
    return nn.Sequential(*parts, nn.Flatten(), affine[-1]).double(), affine


def by_torch(net, X, sizes, kind, skip, images, weight, l2):
    """Train torch's layers as the fitted `net` says it was trained."""
    model, affine = of_torch(sizes, kind, skip, images)
    first = net._network.init("auto", generator(net._seed, "init"), torch.float64)
    with torch.no_grad():
        for layer, w, b in zip(affine, *net._network.coefs(first)):
            layer.weight.copy_(w)
            if layer.bias is not None:
                layer.bias.copy_(b)
    if net.solver == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=net.learning_rate)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=net.learning_rate, momentum=0.9)
    order = generator(net._seed, "batches")
    X, target, weight = map(torch.as_tensor, (X, y, weight / weight.mean()))
    for _ in range(net.max_epochs):
        batches = list(torch.randperm(len(X), generator=order).split(net.batch_size))
        if len(batches[-1]) == 1 and kind == "batch":  # is left to the batch before it
            batches[-2:] = [torch.cat(batches[-2:])]
        for rows in batches:
            losses = F.cross_entropy(model(X[rows]), target[rows], reduction="none")
            penalty = l2 / 2 * sum(layer.weight.square().sum() for layer in affine)
            optimizer.zero_grad()
            ((weight[rows] * losses).sum() / len(rows) + penalty).backward()
            optimizer.step()
    return model, affine


@pytest.mark.parametrize("batch_size", [13, 11], ids=["last of 6", "last of 1"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize(
    ("kind", "skip"), [("batch", False), ("layer", False), (None, True), ("batch", True)]
)
@pytest.mark.parametrize("images", [False, True], ids=["mlp", "cnn"])
def test_the_steps_of_torchs_own_layers(images, kind, skip, solver, batch_size):
    sizes = (3, 3, 5) if images else (7, 7, 18)
    data, how = (IMAGES, "cnn") if images else (X, "mlp")
    net = NetClassifier(
        sizes, network=how, activation="tanh", normalization=kind, skip=skip, solver=solver,
        learning_rate=0.02, batch_size=batch_size, max_epochs=3, l2=0.03, random_state=0,
    ).fit(data, y, sample_weight=WEIGHT)  # fmt: skip
    model, affine = by_torch(net, data, sizes, kind, skip, images, WEIGHT, 0.03)
    for layer, w, b in zip(affine, *net._network.coefs(net._state.theta)):
        torch.testing.assert_close(w, layer.weight.data, rtol=0, atol=1e-10)
        expected = torch.zeros_like(b) if layer.bias is None else layer.bias.data
        torch.testing.assert_close(b, expected, rtol=0, atol=1e-10)
    x = torch.as_tensor(data)
    with torch.no_grad():
        expected = model.eval()(x)
        shared = net.net_.module_.eval()(x)
    np.testing.assert_allclose(net.decision_function(data), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(shared, expected, rtol=0, atol=1e-10)
    in_training = model.train()(x), net.net_.module_.train()(x)
    torch.testing.assert_close(*in_training, rtol=0, atol=1e-10)


SHAPES = {
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer"},
    "skip": {"skip": True},
    "all": {"normalization": "batch", "skip": True},
}


def network_of(images, options, activation="logistic", fit_intercept=True):
    if images:
        return ConvNet((1, 7, 7), 3, (3, 3), activation, fit_intercept, **options)
    return ResidualMLP(6, 3, (18, 18), activation, fit_intercept, **options)


@pytest.mark.parametrize("fit_intercept", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("activation", ["logistic", "relu", "gelu"])
@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_backward_is_autograds(options, activation, masked, fit_intercept):
    network = network_of(False, options, activation, fit_intercept)
    rng = torch.Generator().manual_seed(0)
    K, width, real_rows = 3, 32, torch.tensor([32, 20, 2])
    theta = torch.stack([network.init("he", rng, torch.float64) for _ in range(K)])
    theta += 0.3 * torch.randn(theta.shape, generator=rng, dtype=theta.dtype) * network.real
    kept = (torch.arange(width) < real_rows[:, None])[:, None].double()
    rows = kept / real_rows[:, None, None] if network.compares_rows else None
    x = torch.randn(K, 16, width, generator=rng, dtype=theta.dtype)
    x[:, 6:] = 0.0
    slope = torch.randn(K, 16, width, generator=rng, dtype=theta.dtype) * kept
    slope[:, 3:] = 0.0
    masks = None
    if masked:
        masks = [torch.rand(K, n, width, generator=rng).double() for n in network.hidden_units]
    leaf = theta.clone().requires_grad_()
    z = network.forward(*network.parameters(leaf), x, masks, rows=rows)
    z.backward(slope)
    expected = leaf.grad * network.real
    tape, found = [], torch.zeros_like(theta)
    weights, biases = network.parameters(theta)
    assert torch.equal(network.forward(weights, biases, x, masks, tape, rows=rows), z)
    network.backward(weights, slope, tape, *network.parameters(found), masks)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert not found[:, ~network.real].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("images", [False, True], ids=["mlp", "cnn"])
def test_alone_or_together(images, options, dtype):
    network = network_of(images, options)
    rng = np.random.default_rng(1)
    requests = []
    for k in range(17):
        n = 9 * int(rng.integers(1, 4)) + int(rng.integers(1, 9))
        target = np.eye(3)[rng.integers(0, 3, n)]
        place = dtype, torch.device("cpu")
        draws = [rng.normal(size=(m, network.n_inputs)) for m in (n, 8)]
        requests.append(
            Request(
                network, "cross_entropy", Rows.from_arrays(draws[0], target, None, *place), seed=k,
                learning_rate=0.01 * (1 + k % 3), batch_size=9, max_epochs=2 + k % 3, patience=1,
                validation=Rows.from_arrays(draws[1], target[:8], None, *place),
            )
        )  # fmt: skip
    alone = [train([request])[0] for request in requests]
    for K in (3, 17):
        for outcome, expected in zip(train(requests[:K]), alone):
            assert torch.equal(outcome.state.theta, expected.state.theta)
            assert outcome.validation_curve == expected.validation_curve


# ---------------------------------------------------------------------- a life with statistics

NET = NetClassifier(
    (8, 8), normalization="batch", skip=True, learning_rate=0.02, batch_size=10, random_state=0
)


def test_the_statistics_kept_are_those_of_the_best_epoch():
    net = NET.__class__(**NET.get_params()).set_params(early_stopping=True, n_iter_no_change=5)
    net.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])
    assert net.best_epoch_ < net.n_iter_
    again = NetClassifier(**net.get_params())
    again.set_params(early_stopping=False, max_epochs=net.best_epoch_).fit(X[:30], y[:30])
    np.testing.assert_array_equal(net.predict_proba(X), again.predict_proba(X))


def test_passes_one_by_one_with_a_pickle_between_them(tmp_path):
    whole = NetClassifier(**NET.get_params()).set_params(batch_size=None, max_epochs=3).fit(X, y)
    net = NetClassifier(**NET.get_params()).set_params(batch_size=None)
    for _ in range(3):
        net = pickle.loads(pickle.dumps(net.partial_fit(X, y, classes=[0, 1, 2])))
    np.testing.assert_array_equal(net.predict_proba(X), whole.predict_proba(X))
    save(net, tmp_path / "net.safetensors")
    loaded = load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), whole.predict_proba(X))


def test_a_warm_start_goes_on_with_the_statistics():
    net = NetClassifier(**NET.get_params()).set_params(max_epochs=5, warm_start=True)
    before = net.fit(X, y)._state.theta[net._network.statistics].clone()
    net.set_params(max_epochs=1, learning_rate=1e-12, batch_size=None).fit(X, y)
    after = net._state.theta[net._network.statistics]
    found = []
    theta = net._state.theta[None]
    x, rows = torch.zeros(1, 16, 48), torch.zeros(1, 1, 48)
    x[0, :6, :45], rows[..., :45] = torch.as_tensor(X).T, 1 / 45
    network = net._network
    network.forward(*network.parameters(theta), x.double(), rows=rows.double(), statistics=found)
    expected = before.lerp(torch.cat([part.flatten() for part in found]), 0.1)
    torch.testing.assert_close(after, expected, rtol=1e-5, atol=1e-5)


def test_lbfgs_takes_layer_normalization_to_a_stationary_point():
    target = X[:, 0] * X[:, 1]
    net = NetRegressor(
        (6, 6), activation="tanh", normalization="layer", skip=True, solver="lbfgs", tol=1e-5,
        max_epochs=5000, random_state=0,
    ).fit(X, target)  # fmt: skip
    module = net.net_.module_
    loss = 0.5 * (module(torch.as_tensor(X))[:, 0] - torch.as_tensor(target)).square().mean()
    loss.backward()
    assert loss.item() < 0.1
    assert max(p.grad.abs().max() for p in module.parameters()) <= 1.01e-5


def test_nothing_that_acts_on_weights_touches_the_normalization():
    """Weights are shrunk to nothing; then the scales have no gradient, and stay."""
    net = NetClassifier((8,), normalization="batch", solver="sgd", momentum=0, weight_decay=1e3)
    net.set_params(learning_rate=1e-3, weight_noise=0.1, l1=10.0, random_state=0, max_epochs=3)
    net.fit(X, y)
    norm = next(m for m in net.net_.module_.modules() if isinstance(m, nn.BatchNorm1d))
    assert not net.coefs_[0].any()
    assert (norm.weight > 0.9).all()


# ---------------------------------------------------------------------- refusals


def module(n_inputs, n_outputs):
    return nn.Linear(n_inputs, n_outputs)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": ()}, "normalization='batch' acts on hidden layers"),
        ({"network": module, "skip": False}, "Put such layers into the module"),
        ({"hidden_layer_sizes": (8, 4)}, "takes two neighbouring hidden layers of one size"),
        ({"solver": "lbfgs", "batch_size": "auto"}, "set normalization='layer'"),
        ({"batch_size": 1}, "leaves 1 sample in each"),
    ],
)
def test_refused(params, message):
    with pytest.raises(ValueError, match=message):
        NetClassifier(**NET.get_params()).set_params(**params).fit(X, y)


def test_structures_differ():
    one = network_of(False, SHAPES["batch"])
    assert one != replace(one, normalization="layer") != replace(one, skip=True)
