"""A stack of one takes the steps of a plain loop over torch modules and torch.optim.

The loop below knows nothing of stacks: ordinary layers without padding, autograd, torch's
optimisers. It takes from the library only what is documented as random: first weights, the order
of rows and the draws of dropout and noise.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from wellposed._streams import generator
from wellposed.networks.activations import ACTIVATIONS
from wellposed.training import train
from wellposed.training.model import Batch
from wellposed.training.setup import initial_theta, make_regularizers

EPOCHS, BATCH = 12, 13


def plain_loop(request, X, target, weight):
    """Train one network the ordinary way; return its module and the objective of each epoch."""
    network, dtype = request.network, torch.float64
    model = network.module(initial_theta(request))
    layers = [part for part in model if isinstance(part, nn.Linear)]
    if request.solver == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=request.learning_rate)
    else:
        optimizer = torch.optim.SGD(
            model.parameters(), lr=request.learning_rate, momentum=request.momentum
        )
    draws = {r.name: r for r in make_regularizers([request]) if r.random}
    order = generator(request.seed, "batches")
    X, target = torch.as_tensor(X), torch.as_tensor(target)
    weight = torch.as_tensor(weight / weight.mean())
    curve = []
    for _ in range(request.max_epochs):
        losses = []
        batches = torch.randperm(len(X), generator=order).split(request.batch_size)
        for rows in batches if len(batches) > 1 else [torch.arange(len(X))]:
            x = torch.zeros(1, network.layers[0].cols, request.width, dtype=dtype)
            x[0, : X.shape[1], : len(rows)] = X[rows].T
            for name in ("input_noise", "input_dropout"):
                if name in draws:
                    x = draws[name].batch(Batch(x, None, None), None).x
            h = x[0, : X.shape[1], : len(rows)].T
            for i, layer in enumerate(layers):
                h = layer(h)
                if i < len(layers) - 1:
                    h = ACTIVATIONS[network.activation].function(h)
                    if "dropout" in draws:
                        mask = draws["dropout"].mask(i)
                        h = h * mask[0, : layer.out_features, : len(rows)].T
            loss = (weight[rows] * loss_of(request.loss, h, target[rows])).sum() / len(rows)
            losses.append(loss.item())
            penalty = sum(layer.weight.square().sum() for layer in layers) / 2
            optimizer.zero_grad()
            (loss + strength_of(request, "l2") * penalty).backward()
            optimizer.step()
        penalty = sum(layer.weight.detach().square().sum() for layer in layers) / 2
        curve.append(np.mean(losses) + strength_of(request, "l2") * float(penalty))
    return layers, curve


def strength_of(request, name):
    return request.regularizers[name].strength if name in request.regularizers else 0.0


def loss_of(name, z, target):
    if name == "squared_error":
        return 0.5 * (z - target).square().sum(1)
    if name == "logistic":
        return F.binary_cross_entropy_with_logits(z, target, reduction="none").sum(1)
    return F.cross_entropy(z, target, reduction="none")


SOLVERS = {
    "adam": {"solver": "adam", "learning_rate": 0.01},
    "sgd": {"solver": "sgd", "learning_rate": 0.05},
    "momentum": {"solver": "sgd", "learning_rate": 0.02, "momentum": 0.9},
}
REGULARIZED = {
    "plain": {},
    "l2": {"l2": 0.03},
    "dropout": {"dropout": 0.3},
    "input noise": {"input_noise": 0.2},
    "all": {"input_noise": 0.2, "input_dropout": 0.1, "dropout": 0.3, "l2": 0.03},
}


@pytest.mark.parametrize("regularized", REGULARIZED)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("loss", "n_outputs"), [("squared_error", 2), ("logistic", 1), ("cross_entropy", 3)]
)
@pytest.mark.parametrize("batch_size", [BATCH, 100], ids=["mini-batches", "full batch"])
def test_stack_of_one_equals_the_plain_loop(
    make_request, batch_size, loss, n_outputs, solver, regularized
):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(40, 5)), rng.random(40) + 0.5
    target = rng.normal(size=(40, n_outputs))
    if loss != "squared_error":
        target = np.eye(max(n_outputs, 2))[rng.integers(0, max(n_outputs, 2), 40)]
        target = target[:, -n_outputs:]
    request = make_request(
        X,
        target,
        (7, 6),
        weight=weight,
        activation="tanh",
        loss=loss,
        seed=5,
        batch_size=batch_size,
        max_epochs=EPOCHS,
        strengths=REGULARIZED[regularized],
        **SOLVERS[solver],
    )
    (outcome,) = train([request])
    layers, curve = plain_loop(request, X, target, weight)
    weights, biases = request.network.coefs(outcome.state.theta)
    for layer, w, b in zip(layers, weights, biases):
        torch.testing.assert_close(w, layer.weight.detach(), rtol=0, atol=1e-10)
        torch.testing.assert_close(b, layer.bias.detach(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(outcome.loss_curve, curve, atol=1e-10, rtol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(make_request, activation):
    rng = np.random.default_rng(1)
    X, target = rng.normal(size=(40, 5)), rng.normal(size=(40, 1))
    request = make_request(
        X, target, (7, 6), activation=activation, batch_size=BATCH, max_epochs=EPOCHS,
        learning_rate=0.01, strengths={"dropout": 0.2},
    )  # fmt: skip
    (outcome,) = train([request])
    layers, _ = plain_loop(request, X, target, np.ones(40))
    for layer, w in zip(layers, request.network.coefs(outcome.state.theta)[0]):
        torch.testing.assert_close(w, layer.weight.detach(), rtol=0, atol=1e-10)
