"""The hand-written backward pass is autograd's, to the bit (algorithm 6.4)."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional as F

from wellposed.networks import MLP, pad16
from wellposed.networks.activations import ACTIVATIONS
from wellposed.networks.losses import LOSSES
from wellposed.training.gradient import Gradient
from wellposed.training.model import Batch, Model

SIZES = [
    (1, (), 1),
    (3, (), 1),
    (300, (), 1),
    (1, (50,), 1),
    (7, (5,), 1),
    (7, (5, 1), 1),
    (17, (16,), 3),
    (1, (33, 2), 4),
    (64, (64, 20, 10), 10),
]


def stack_of(network, K, dtype, seed=0):
    """K networks with all parameters drawn, biases too."""
    rng = torch.Generator().manual_seed(seed)
    theta = torch.stack([network.init("he", rng, dtype) for _ in range(K)])
    noise = 0.3 * torch.randn(theta.shape, generator=rng, dtype=dtype)
    return theta + noise * network.real, rng


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backward_equals_autograd_bitwise(activation, sizes, fit_intercept, masked, dtype):
    n_inputs, hidden, n_outputs = sizes
    network = MLP(n_inputs, n_outputs, hidden, activation, fit_intercept)
    for K, width in itertools.product((1, 3), (16, 48)):
        theta, rng = stack_of(network, K, dtype)
        x = torch.randn(K, pad16(n_inputs), width, generator=rng, dtype=dtype)
        slope = torch.randn(K, pad16(n_outputs), width, generator=rng, dtype=dtype)
        masks = None
        if masked:
            masks = [
                (torch.rand(K, units, width, generator=rng) > 0.4).to(dtype) / 0.6
                for units in network.hidden_units
            ]

        leaf = theta.clone().requires_grad_()
        z = network.forward(*network.parameters(leaf), x, masks)
        z.backward(slope)

        tape: list[torch.Tensor] = []
        with torch.no_grad():
            at = network.parameters(theta)
            assert torch.equal(network.forward(*at, x, masks, tape), z)
            flat = torch.where(network.real, torch.nan, torch.zeros_like(theta))
            network.backward(at[0], slope, tape, *network.parameters(flat), masks)
        assert torch.equal(flat, leaf.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_padding_learns_nothing(activation, dtype):
    """Padded weights and biases of hidden units get a zero gradient: they stay at zero."""
    network = MLP(3, 2, (5, 7), activation)
    theta, rng = stack_of(network, 2, dtype)
    x = torch.zeros(2, 16, 16, dtype=dtype)
    x[:, :3] = torch.randn(2, 3, 16, generator=rng, dtype=dtype)
    model = Model(network, "squared_error", 2, network.parameters(theta))
    gradient = Gradient(model, theta, 16)
    target = torch.randn(2, 2, 16, generator=rng, dtype=dtype)
    weight = torch.full((2, 1, 16), 1 / 16, dtype=dtype)
    gradient(model, Batch(x, target, weight))
    assert (gradient.flat[:, ~network.real] == 0).all()
    assert (gradient.flat[:, network.real] != 0).any()


def reference_loss(name, z, target, weight):
    """J of [outputs, B] by torch's own losses."""
    if name == "squared_error":
        per_row = 0.5 * (z - target).square().sum(0)
    elif name == "poisson":
        constant = torch.special.xlogy(target, target) - target
        loss = F.poisson_nll_loss(z, target, log_input=True, reduction="none")
        per_row = (loss + constant).sum(0)
    elif name == "logistic":
        per_row = F.binary_cross_entropy_with_logits(z, target, reduction="none").sum(0)
    else:
        per_row = F.cross_entropy(z.T, target.T, reduction="none")
    return (weight * per_row).sum()


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_slopes_are_torchs(loss, scale):
    rng = torch.Generator().manual_seed(2)
    K, n_outputs, width = 3, 4, 16
    z = scale * torch.randn(K, n_outputs, width, generator=rng, dtype=torch.float64)
    target = torch.rand(K, n_outputs, width, generator=rng, dtype=torch.float64)
    target /= target.sum(1, keepdim=True)
    weight = torch.rand(K, 1, width, generator=rng, dtype=torch.float64)
    weight /= weight.sum(2, keepdim=True)

    J, slope = LOSSES[loss](z.clone(), target, weight)
    leaf = z.clone().requires_grad_()
    reference = [reference_loss(loss, *parts) for parts in zip(leaf, target, weight[:, 0])]
    sum(reference).backward()
    torch.testing.assert_close(J, torch.stack(reference).detach(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(slope, leaf.grad, rtol=1e-12, atol=1e-15)
