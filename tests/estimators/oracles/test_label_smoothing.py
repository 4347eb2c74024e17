"""Row 14: label smoothing is torch's uniform mixing, keeps logits bounded (section 7.5.1)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from wellposed import NetClassifier
from wellposed.training.stack import Stack

EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}


def torch_loss(z, y, e):
    """torch's own; one logit is the softmax over (0, z)."""
    if z.shape[1] == 1:
        z = torch.hstack([torch.zeros_like(z), z])
    return F.cross_entropy(z, torch.as_tensor(y), label_smoothing=e)


@pytest.fixture(params=[2, 3, 5])
def labelled(request):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    scores = X @ rng.normal(size=(4, request.param)) + rng.gumbel(size=(60, request.param))
    return X, scores.argmax(1), request.param


@pytest.mark.parametrize("e", [0.05, 0.4])
def test_loss_and_gradient_of_a_step_are_torchs(make_request, labelled, e):
    X, y, n_classes = labelled
    target = y[:, None].astype(float) if n_classes == 2 else np.eye(n_classes)[y]
    request = make_request(
        X, target, (6,), activation="tanh", solver="sgd", learning_rate=1e-300,
        loss="logistic" if n_classes == 2 else "cross_entropy", strengths={"label_smoothing": e},
    )  # fmt: skip
    stack = Stack([request])
    losses = []
    stack.on_batch_end = lambda stack, batch, J: losses.append(J.item())
    stack.step()

    module = request.network.module(stack.theta[0].clone())
    expected = torch_loss(module(torch.as_tensor(X)), y, e)
    expected.backward()
    assert losses[0] == pytest.approx(expected.item(), abs=1e-12)
    weights, biases = request.network.coefs(stack.gradient.flat[0])
    layers = [module[0], module[2]]
    for layer, weight, bias in zip(layers, weights, biases):
        torch.testing.assert_close(weight, layer.weight.grad, rtol=0, atol=1e-12)
        torch.testing.assert_close(bias, layer.bias.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("e", [0.1, 0.3])
def test_a_fit_minimises_torchs_objective(labelled, e):
    X, y, _ = labelled
    net = NetClassifier((), label_smoothing=e, l2=0.01, **EXACT).fit(X, y)
    W = torch.tensor(net.coef_, requires_grad=True)
    b = torch.tensor(net.intercept_, requires_grad=True)
    loss = torch_loss(torch.as_tensor(X) @ W.T + b, y, e)
    (loss + 0.01 / 2 * W.square().sum()).backward()
    assert W.grad.abs().max() <= 1e-9
    assert b.grad.abs().max() <= 1e-9
    assert net.loss_ == pytest.approx(loss.item() + 0.005 * (net.coef_**2).sum(), abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logits_of_interpolated_data_stay_bounded(n_classes):
    """With p > n the smoothed targets are met: gaps are ``log((1 - e + e/K) / (e/K))``, no more."""
    rng = np.random.default_rng(0)
    X, y, e = rng.normal(size=(12, 40)), np.arange(12) % n_classes, 0.1
    net = NetClassifier((), label_smoothing=e, **EXACT).fit(X, y)
    smoothed = np.full((12, n_classes), e / n_classes)
    smoothed[np.arange(12), y] += 1 - e
    np.testing.assert_allclose(net.predict_proba(X), smoothed, atol=1e-7)
    z = net.decision_function(X)
    gap = np.abs(z) if n_classes == 2 else np.sort(z, 1)[:, -1] - np.sort(z, 1)[:, -2]
    np.testing.assert_allclose(gap, np.log((1 - e + e / n_classes) / (e / n_classes)), atol=1e-6)


def test_without_it_logits_of_separable_data_keep_growing():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 40)), np.arange(12) % 2
    norms = [
        [
            np.linalg.norm(
                NetClassifier((), label_smoothing=e, solver="sgd", momentum=0, learning_rate=0.05,
                              max_epochs=epochs).fit(X, y).coef_
            )
            for epochs in (100, 1000, 5000)
        ]
        for e in (0.0, 0.1)
    ]  # fmt: skip
    assert norms[0][1] > 1.3 * norms[0][0]
    assert norms[0][2] > 1.3 * norms[0][1]
    assert norms[1][2] < 1.05 * norms[1][1]


def test_calibrates():
    """Labels wrong at a rate of 20 %: an over-flexible network is less over-confident."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 10))
    y = (X[:, 0] > 0) ^ (rng.random(1200) < 0.2)
    errors, log_losses = [], []
    for e in (0.0, 0.2):
        net = NetClassifier((100,), label_smoothing=e, learning_rate=0.01, max_epochs=60,
                            random_state=0).fit(X[:200], y[:200])  # fmt: skip
        p, truth = net.predict_proba(X[200:])[:, 1], y[200:]
        bins = np.digitize(p, np.linspace(0, 1, 11)[1:-1])
        gaps = [abs((p - truth)[bins == b].sum()) for b in range(10)]
        errors.append(sum(gaps) / len(p))
        log_losses.append(-np.mean(np.log(np.where(truth, p, 1 - p))))
    assert errors[1] < 0.8 * errors[0]
    assert log_losses[1] < 0.8 * log_losses[0]
