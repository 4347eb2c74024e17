"""Convolutional stacks against torch's own convolutions, alone and together, and shifted."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from wellposed.networks import pad16
from wellposed.networks.activations import ACTIVATIONS
from wellposed.networks.conv import ConvNet, image_shape
from wellposed.networks.image_maps import max_pool, patches
from wellposed.regularizers import Dropout, MaxNorm
from wellposed.training import train
from wellposed.training.model import Weights
from wellposed.training.request import Request, Rows

NETWORKS = [
    ((1, 8, 8), 10, (8, 16)),
    ((3, 7, 5), 2, (5,)),
    ((2, 1, 6), 1, (3, 4)),
    ((1, 9, 12), 3, (4, 17, 2)),
    ((1, 4, 4), 3, ()),
]


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def stack_of(network, K, dtype=torch.float64, seed=0, width=16):
    """K networks with all parameters drawn, biases too, and images that hold equal neighbours."""
    rng = torch.Generator().manual_seed(seed)
    theta = torch.stack([network.init("he", rng, dtype) for _ in range(K)])
    theta += 0.3 * torch.randn(theta.shape, generator=rng, dtype=dtype) * network.real
    x = torch.zeros(K, network.n_inputs_padded, width, dtype=dtype)
    x[:, : network.n_inputs] = torch.randn(K, network.n_inputs, width, generator=rng).round()
    slope = torch.zeros(K, pad16(network.n_outputs), width, dtype=dtype)
    slope[:, : network.n_outputs] = torch.randn(
        K, network.n_outputs, width, generator=rng, dtype=dtype
    )
    masks = [
        (torch.rand(K, units, width, generator=rng) > 0.4).to(dtype) / 0.6
        for units in network.hidden_units
    ]
    return theta, x, slope, masks


def run(network, theta, x, slope, masks=None):
    """Outputs and gradient by the stack's own two passes."""
    tape: list[torch.Tensor] = []
    flat = torch.full_like(theta, torch.nan)
    with torch.no_grad():
        at = network.parameters(theta)
        z = network.forward(*at, x, masks, tape)
        network.backward(at[0], slope, tape, *network.parameters(flat), masks)
    return z, flat


def reference(network, theta, x, masks=None):
    """Outputs [n_outputs, B] of one network [P] on x [n_inputs, B], by torch.nn.functional."""
    weights, biases = network.coefs(theta)
    biases = biases or [None] * len(weights)
    h = x.T.unflatten(1, network.shape)
    for i, (weight, bias) in enumerate(zip(weights[:-1], biases)):
        h = ACTIVATIONS[network.activation].function(F.conv2d(h, weight, bias, padding=1))
        if min(h.shape[2:]) >= 2:
            h = F.max_pool2d(h, 2)
        if masks is not None:
            h = h * masks[i][: h[0].numel()].T.view(h.shape)
    return F.linear(h.flatten(1), weights[-1], biases[-1]).T


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("activation", ["relu", "logistic", "silu", "identity"])
@pytest.mark.parametrize("structure", NETWORKS)
def test_outputs_and_gradients_are_torchs(structure, activation, fit_intercept, masked):
    network = ConvNet(*structure, activation, fit_intercept)
    theta, x, slope, masks = stack_of(network, 3)
    masks = masks if masked else None
    z, flat = run(network, theta, x, slope, masks)
    for k in range(3):
        leaf = theta[k].clone().requires_grad_()
        mask = None if masks is None else [m[k] for m in masks]
        expected = reference(network, leaf, x[k, : network.n_inputs], mask)
        expected.backward(slope[k, : network.n_outputs])
        torch.testing.assert_close(z[k, : network.n_outputs], expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(flat[k], leaf.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (2, 3)])
def test_the_first_of_equal_pixels_has_the_gradient(height, width):
    """Black or white images, of whose blocks most hold equal pixels."""
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 2, (3, 2, height, width, 16), generator=rng).double()
    slope = torch.randn(3, 2, height // 2, width // 2, 16, generator=rng, dtype=torch.float64)
    ours, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
    max_pool(ours).backward(slope)
    batch = theirs.permute(0, 4, 1, 2, 3).flatten(0, 1)
    expected = F.max_pool2d(batch, 2).unflatten(0, (3, 16)).permute(0, 2, 3, 4, 1)
    expected.backward(slope)
    torch.testing.assert_close(max_pool(image), expected.detach(), rtol=0, atol=0)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_gradient_with_respect_to_the_images():
    network = ConvNet((2, 5, 6), 3, (4, 3), "tanh")
    theta, x, slope, _ = stack_of(network, 2)
    leaf = x.clone().requires_grad_()
    network.forward(*network.parameters(theta), leaf).backward(slope)
    other = x[:, : network.n_inputs].clone().requires_grad_()
    for k in range(2):
        reference(network, theta[k], other[k]).backward(slope[k, :3])
    torch.testing.assert_close(leaf.grad[:, : network.n_inputs], other.grad, rtol=1e-12, atol=1e-12)


def test_twice_differentiable():
    rng = torch.Generator().manual_seed(1)
    network = ConvNet((1, 4, 5), 2, (2, 2), "tanh")
    theta = torch.randn(2, network.size, generator=rng, dtype=torch.float64) * network.real
    x = torch.randn(2, 20, 2, generator=rng, dtype=torch.float64)

    def outputs(theta, x):
        x = F.pad(x, (0, 0, 0, network.n_inputs_padded - 20))
        return network.forward(*network.parameters(theta), x)[:, :2]

    real = network.real.nonzero().squeeze(1)[::3]

    def of_some(values, x):
        return outputs(theta.index_copy(1, real, values), x)

    values = theta[:, real].requires_grad_()
    assert torch.autograd.gradcheck(of_some, (values, x.requires_grad_()))
    assert torch.autograd.gradgradcheck(of_some, (values, x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("structure", NETWORKS)
def test_alone_and_together_to_the_bit(structure, activation, dtype):
    network = ConvNet(*structure, activation)
    parts = stack_of(network, 33, dtype, width=32)
    theta, x, slope, masks = parts
    together = run(network, theta, x, slope, masks)
    for rows in ([0], [32], [5, 1], [7, 8, 3], list(range(31, 15, -1))):
        some = run(network, theta[rows], x[rows], slope[rows], [m[rows] for m in masks])
        assert torch.equal(some[0], together[0][rows])
        assert torch.equal(some[1], together[1][rows])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("structure", NETWORKS)
def test_padding_learns_nothing(structure, activation):
    network = ConvNet(*structure, activation)
    theta, x, slope, _ = stack_of(network, 2)
    _, flat = run(network, theta, x, slope)
    assert (flat[:, ~network.real] == 0).all()
    module = network.module(theta[0])
    assert network.real.sum() == sum(parameter.numel() for parameter in module.parameters())
    assert network.n_weights == network.parameters(theta)[0][-1].flatten().numel() / 2 + sum(
        weight[0].numel() for weight in network.parameters(theta)[0][:-1]
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("structure", NETWORKS)
def test_module_is_the_same_network_and_shares_its_parameters(structure, fit_intercept):
    network = ConvNet(*structure, fit_intercept=fit_intercept)
    theta, x, _, _ = stack_of(network, 1)
    module = network.module(theta[0])
    with torch.no_grad():
        before = module(x[0, : network.n_inputs].T).T
        theta *= 0.5
        after = module(x[0, : network.n_inputs].T).T
        z = network.forward(*network.parameters(theta), x)[0, : network.n_outputs]
    torch.testing.assert_close(after, z, rtol=1e-12, atol=1e-12)
    assert not torch.equal(before, after)


def test_many_rows_are_predicted_in_parts():
    network = ConvNet((1, 28, 28), 10, (16,))
    theta, x, _, _ = stack_of(network, 1, torch.float32, width=2048)
    assert network._rows_at_once(4) < 2048
    with torch.no_grad():
        z = network.forward(*network.parameters(theta), x)
    expected = reference(network, theta[0], x[0])
    torch.testing.assert_close(z[0, :10], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 1])
def test_shifted_images_give_shifted_feature_maps(layer):
    """f(shift x) = shift f(x) on interior pixels (section 9.2; CHAPTER row 20)."""
    network = ConvNet((2, 24, 24), 3, (6, 5))
    theta, x, _, _ = stack_of(network, 2, torch.float32)
    step = 2**layer
    image = x[:, : network.n_inputs].unflatten(1, network.shape)
    shifted = image.roll((step, 2 * step), (2, 3)).flatten(1, 3)
    at = network.parameters(theta)
    expected = network.feature_map(*at, x, layer).roll((1, 2), (2, 3))
    inside = (..., slice(4, -4), slice(4, -4), slice(None))
    moved = network.feature_map(*at, shifted, layer)
    assert (moved[inside] - expected[inside]).abs().max() <= 1e-5
    unmoved = network.feature_map(*at, x, layer)
    assert (moved[inside] - unmoved[inside]).abs().max() > 0.1
    assert moved.shape == (2, (6, 5)[layer], 24 // step, 24 // step, 16)


def test_max_norm_bounds_all_incoming_weights_of_a_channel():
    network = ConvNet((2, 8, 8), 3, (6, 5))
    theta, _, _, _ = stack_of(network, 2)
    bound = torch.tensor([0.5, 1.0], dtype=torch.float64)
    max_norm = MaxNorm()
    max_norm.strength = bound
    max_norm.project(Weights(network, theta))
    for k in range(2):
        first, second, _ = network.coefs(theta[k])[0]
        assert first.shape == (6, 2, 3, 3)
        assert second.shape == (5, 6, 3, 3)
        norms = torch.cat([first.flatten(1).norm(dim=1), second.flatten(1).norm(dim=1)])
        assert norms.max() <= bound[k] * (1 + 1e-12)
        assert norms.max() >= bound[k] * (1 - 1e-12)


def test_patches_and_pooling_are_torchs():
    rng = torch.Generator().manual_seed(3)
    image = torch.randn(2, 3, 5, 7, 4, generator=rng).round()
    unfolded = F.unfold(image.permute(0, 4, 1, 2, 3).flatten(0, 1), 3, padding=1)
    rows = patches(image, 32)
    assert torch.equal(
        rows[:, :27].unflatten(2, (35, 4)), unfolded.unflatten(0, (2, 4)).permute(0, 2, 3, 1)
    )
    assert not rows[:, 27:].any()
    pooled = F.max_pool2d(image.permute(0, 4, 1, 2, 3).flatten(0, 1), 2)
    assert torch.equal(max_pool(image), pooled.unflatten(0, (2, 4)).permute(0, 2, 3, 4, 1))


def test_init_draws_within_the_fans():
    network = ConvNet((3, 16, 16), 10, (32, 64))
    rng = torch.Generator().manual_seed(0)
    for scheme, bounds in {
        "he": [math.sqrt(6 / 27), math.sqrt(6 / 288), math.sqrt(6 / 1024)],
        "glorot": [math.sqrt(6 / 315), math.sqrt(6 / 864), math.sqrt(6 / 1034)],
    }.items():
        theta = network.init(scheme, rng, torch.float64)
        assert not theta[~network.real].any()
        weights, biases = network.coefs(theta)
        for weight, bound in zip(weights, bounds):
            assert 0.98 * bound < weight.abs().max() <= bound
        assert not torch.cat(biases).any()
    assert not network.init("zeros", rng, torch.float32).any()
    again = [network.init("auto", torch.Generator().manual_seed(4), torch.float32) for _ in "ab"]
    assert torch.equal(*again)


@pytest.mark.parametrize("n_inputs", [4, 9, 64, 784])
def test_image_shape_of_gray_squares(n_inputs):
    side = math.isqrt(n_inputs)
    assert image_shape(n_inputs) == (1, side, side)


@pytest.mark.parametrize("n_inputs", [1, 2, 3, 30, 65])
def test_image_shape_of_no_image(n_inputs):
    with pytest.raises(ValueError, match=f"X has {n_inputs} features, which are not the pixels"):
        image_shape(n_inputs)


def test_trained_alone_and_together_on_digits():
    X, y = load_digits(return_X_y=True)
    target = torch.nn.functional.one_hot(torch.as_tensor(y), 10).numpy()
    network = ConvNet(image_shape(X.shape[1]), 10, (8, 16))
    rows = Rows.from_arrays(X[:600] / 16, target[:600], None, torch.float32, torch.device("cpu"))

    def request(seed, dropout, max_norm):
        return Request(
            network=network,
            loss="cross_entropy",
            rows=rows,
            seed=seed,
            learning_rate=3e-3,
            batch_size=50,
            max_epochs=30,
            regularizers={"dropout": Dropout(dropout), "max_norm": MaxNorm(max_norm)},
        )

    options = [(0, 0.1, 2.0), (1, 0.3, 1.0), (0, 0.5, 3.0)]
    together = train([request(*option) for option in options])
    for option, outcome in zip(options, together):
        (alone,) = train([request(*option)])
        assert torch.equal(alone.state.theta, outcome.state.theta)
        assert alone.loss_curve == outcome.loss_curve
        with torch.no_grad():
            module = network.module(outcome.state.theta)
            predicted = module(torch.as_tensor(X[600:] / 16, dtype=torch.float32)).argmax(1)
        assert (predicted.numpy() == y[600:]).mean() > 0.8
