"""Sharpness-aware steps against the same steps by torch."""

import numpy as np
import pytest
import torch
from torch import nn

from wellposed import NetRegressor
from wellposed.regularizers import SAM

RATE, RHO, STEPS = 0.05, 0.3, 7
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(25, 4)), rng.normal(size=(25, 2))
SETTINGS = {
    "hidden_layer_sizes": (6, 5),
    "activation": "tanh",
    "solver": "sgd",
    "momentum": 0.0,
    "batch_size": None,
    "random_state": 0,
}


def by_torch(module, adaptive, l2):
    x, y = torch.as_tensor(X), torch.as_tensor(Y)
    parameters = list(module.parameters())

    def gradients():
        loss = 0.5 * (module(x) - y).square().sum(1).mean()
        return torch.autograd.grad(loss, parameters)

    for _ in range(STEPS):
        scales = [p.detach().abs() if adaptive else torch.ones_like(p) for p in parameters]
        scaled = [s * g for s, g in zip(scales, gradients())]
        norm = torch.sqrt(sum(g.square().sum() for g in scaled))
        shifts = [RHO * s * g / norm for s, g in zip(scales, scaled)]
        with torch.no_grad():
            for p, e in zip(parameters, shifts):
                p += e
        found = gradients()
        with torch.no_grad():
            for p, e, g in zip(parameters, shifts, found):
                p -= e
                p -= RATE * (g + (l2 * p if p.ndim == 2 else 0.0))
    return parameters


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("adaptive", [False, True])
def test_steps_are_those_by_hand(adaptive, l2):
    net = NetRegressor(**SETTINGS, learning_rate=1e-300, max_epochs=1).fit(X, Y)
    expected = by_torch(net.net_.module_, adaptive, l2)
    net = NetRegressor(
        **SETTINGS, sam=SAM(RHO, adaptive=adaptive), l2=l2, learning_rate=RATE, max_epochs=STEPS
    ).fit(X, Y)
    for ours, theirs in zip(net.net_.module_.parameters(), expected):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=1e-12)


def test_a_module_of_your_own_takes_the_same_steps():
    def build(n_inputs, n_outputs):
        return nn.Sequential(nn.Linear(n_inputs, 6), nn.Tanh(), nn.Linear(6, n_outputs))

    options = {k: v for k, v in SETTINGS.items() if k not in ("activation", "hidden_layer_sizes")}
    net = NetRegressor(network=build, **options, learning_rate=1e-300, max_epochs=1).fit(X, Y)
    expected = by_torch(net.net_.module_, False, 0.0)
    net = NetRegressor(network=build, **options, sam=RHO, learning_rate=RATE, max_epochs=STEPS)
    for ours, theirs in zip(net.fit(X, Y).net_.module_.parameters(), expected):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=1e-12)


def test_a_gradient_of_zero_is_no_direction():
    net = NetRegressor((3,), init="zeros", sam=0.1, max_epochs=2, solver="sgd").fit(X, 0 * Y)
    assert np.all(net.predict(X) == 0)
