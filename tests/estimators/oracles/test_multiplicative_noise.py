"""Gaussian dropout and DropConnect: moments of what they draw, and the penalty they amount to."""

import numpy as np
import pytest
import torch

from wellposed.training.stack import Stack


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_gaussian_masks_have_the_moments_of_dropout(make_request, rate):
    request = make_request(np.zeros((32, 3)), np.zeros(32), (16, 32),
                           strengths={"gaussian_dropout": rate})  # fmt: skip
    (r,) = Stack([request]).regularizers
    for layer, units in enumerate((16, 32)):
        mask = torch.cat([r.mask(layer) for _ in range(300)]).numpy().reshape(300 * 32 * units)
        variance = rate / (1 - rate)
        assert abs(mask.mean() - 1) <= 4 * np.sqrt(variance / mask.size)
        assert mask.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / mask.size))
        standard = (mask - 1) / np.sqrt(variance)
        assert abs((standard**3).mean()) <= 4 * np.sqrt(15 / mask.size)  # symmetric: normal
        assert (standard**4).mean() == pytest.approx(3, abs=4 * np.sqrt(96 / mask.size))


@pytest.mark.parametrize("rate", [0.2, 0.75])
def test_dropped_weights(make_request, rate):
    rng = np.random.default_rng(0)
    request = make_request(rng.normal(size=(9, 7)), rng.normal(size=9), (20,),
                           strengths={"dropconnect": rate})  # fmt: skip
    stack = Stack([request])
    (r,) = stack.regularizers
    n_weights = request.network.n_weights
    drawn = torch.cat([r.perturb(stack.theta, None) for _ in range(2000)])
    assert torch.equal(drawn[:, n_weights:], stack.theta[:, n_weights:].expand(2000, -1))
    real = request.network.real[:n_weights] & (stack.theta[0, :n_weights] != 0)
    factor = (drawn[:, :n_weights] / stack.theta[:, :n_weights])[:, real]
    dropped = factor == 0
    torch.testing.assert_close(factor[~dropped], torch.full_like(factor[~dropped], 1 / (1 - rate)))
    deviation = np.sqrt(rate * (1 - rate) / dropped.numel())
    assert abs(float(dropped.double().mean()) - rate) <= 4 * deviation


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_dropconnect_on_a_linear_model_is_a_penalty(make_request, rate):
    """E J = J + r / (1 - r) 1/(2n) sum_ij x_ij^2 w_j^2, as for dropped inputs."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), rng.normal(size=20)
    request = make_request(
        X, y, solver="sgd", learning_rate=1e-300, max_epochs=10**6, init="glorot",
        strengths={"dropconnect": rate},
    )  # fmt: skip
    stack, losses = Stack([request]), []
    stack.on_batch_end = lambda stack, batch, J: losses.append(float(J))
    with torch.no_grad():
        for _ in range(8000):
            stack.step()
    (w,), (b,) = (
        [part.numpy() for part in parts] for parts in request.network.coefs(stack.theta[0])
    )
    J = 0.5 * np.mean((X @ w[0] + b - y) ** 2)
    expected = J + rate / (1 - rate) / 40 * ((X * w[0]) ** 2).sum()
    assert abs(np.mean(losses) - expected) <= 4 * np.std(losses) / np.sqrt(len(losses))
