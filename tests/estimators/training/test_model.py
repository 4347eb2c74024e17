"""What regularizers are told of the networks, against finite differences."""

import pytest
import torch
from torch import nn

from wellposed.networks import MLP
from wellposed.networks.conv import ConvNet
from wellposed.networks.module import ModuleNetwork
from wellposed.training.batches import Batch
from wellposed.training.model import Model

STEP = 1e-5


def module(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 7), nn.Tanh(), nn.Linear(7, n_outputs))


def make(kind, loss="squared_error"):
    """K networks of 16 inputs and 3 outputs, their parameters [K, P], and rows [K, 16, 16]."""
    network = {
        "mlp": lambda: MLP(16, 3, (16, 5), "tanh"),
        "cnn": lambda: ConvNet((1, 4, 4), 3, (2,), "tanh", True),
        "module": lambda: ModuleNetwork(module, 16, 3, 0, torch.float64),
    }[kind]()
    seeds = range(1 if kind == "module" else 2)
    theta = torch.stack([network.init("glorot", rng(seed), torch.float64) for seed in seeds])
    x = torch.randn(len(theta), 16, 16, generator=rng(9), dtype=torch.float64)
    return Model(network, loss, 3, network.parameters(theta)), theta, x


def rng(seed):
    return torch.Generator().manual_seed(seed)


def like(x, seed=5):
    return torch.randn(x.shape, generator=rng(seed), dtype=x.dtype)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "module"])
def test_the_derivative_along_a_direction(kind):
    model, _, x = make(kind)
    v = like(x)
    expected = (model(x + STEP * v) - model(x - STEP * v)) / (2 * STEP)
    torch.testing.assert_close(model.derivative(x, v), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "module"])
def test_the_derivative_is_differentiable_in_the_parameters(kind):
    """A tangent penalty's gradient is exact, which needs second derivatives."""
    model, theta, x = make(kind)
    v, direction = like(x), like(theta, 6) * model.network.real

    def penalty(theta):
        return model.at(theta).derivative(x, v).square().sum((1, 2))

    theta = theta.requires_grad_()
    (g,) = torch.autograd.grad(penalty(theta).sum(), theta)
    theta = theta.detach()
    expected = (penalty(theta + STEP * direction) - penalty(theta - STEP * direction)) / (2 * STEP)
    torch.testing.assert_close((g * direction).sum(1), expected.detach(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "module"])
def test_the_gradient_of_the_inputs(kind):
    model, _, x = make(kind)
    batch = Batch(x, like(x)[:, :3], torch.rand(len(x), 1, 16, generator=rng(7)).to(x))
    v = like(x)
    above, below = (model.J(batch._replace(x=x + e * v)) for e in (STEP, -STEP))
    found = model.input_gradient(batch)
    torch.testing.assert_close(
        (found * v).sum((1, 2)), (above - below) / (2 * STEP), rtol=1e-7, atol=1e-9
    )
    assert not found.requires_grad


@pytest.mark.parametrize("kind", ["mlp", "module"])
def test_hidden_activations_are_those_before_masks(kind):
    model, _, x = make(kind)
    masks = [torch.zeros(len(x), units, 16).to(x) for units in model.network.hidden_units]
    model.masks = masks
    assert model.hidden(x)[0].abs().max() > 0.1
    torch.testing.assert_close(model(x), model(torch.zeros_like(x)), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["mlp", "module"])
def test_a_pass_counts_for_its_parameters_only(kind):
    model, theta, x = make(kind)
    batch = Batch(x, like(x)[:, :3], torch.ones(len(x), 1, 16).to(x))
    model.counted_J(batch)
    torch.testing.assert_close(model.at(0 * theta)(x), torch.zeros_like(model(x)), rtol=0, atol=0)
