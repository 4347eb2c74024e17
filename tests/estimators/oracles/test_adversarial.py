"""Adversarial training: of a linear model the worst case is known in closed form (section 7.13)."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor
from wellposed.networks import MLP
from wellposed.regularizers import Adversarial
from wellposed.training.model import Batch, Model

RATE, EPOCHS = 0.3, 40


def problem(seed=0, n=60, p=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = (X @ rng.normal(size=p) + rng.normal(size=n) > 0).astype(int)
    return X, y


def descend(slope, w, b):
    for _ in range(EPOCHS):
        gradient_w, gradient_b = slope(w, b)
        w, b = w - RATE * gradient_w, b - RATE * gradient_b
    return w, b


def fitted(net, X, y):
    return net.set_params(
        solver="sgd", momentum=0.0, learning_rate=RATE, max_epochs=EPOCHS, batch_size=None,
        init="glorot", hidden_layer_sizes=(), random_state=0,
    ).fit(X, y)  # fmt: skip


def start(net, X, y):
    """First weights: a step of size zero changes nothing."""
    first = fitted(net, X, y).set_params(learning_rate=1e-300, max_epochs=1).fit(X, y)
    return first.coefs_[0][:, 0], first.intercepts_[0][0]


@pytest.mark.parametrize("clean", [0.0, 0.2])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("norm", [np.inf, 2])
def test_logistic_margins_shrink_by_the_dual_norm_of_the_weights(norm, steps, clean):
    """Row 27: J = mean softplus(-(s f(x) - eps ||w||_dual)), mixed with the clean loss."""
    X, y = problem()
    eps, s = 0.2, 2 * y - 1

    def slope(w, b):
        size = np.abs(w).sum() if norm == np.inf else np.sqrt(w @ w)
        direction = np.sign(w) if norm == np.inf else w / size
        parts = []
        for share, radius in ((clean, 0.0), (1 - clean, eps)):
            p = share * expit(-(s * (X @ w + b) - radius * size)) / len(X)
            parts.append((-(p * s) @ X + radius * p.sum() * direction, -(p * s).sum()))
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    net = NetClassifier(adversarial=Adversarial(eps, steps=steps, norm=norm, clean=clean))
    w, b = descend(slope, *start(NetClassifier(), X, y))
    net = fitted(net, X, y)
    np.testing.assert_allclose(net.coefs_[0][:, 0], w, atol=1e-10)
    np.testing.assert_allclose(net.intercepts_[0], b, atol=1e-10)
    margins = s * (X @ w + b)
    worst = np.logaddexp(0, -(margins - eps * np.linalg.norm(w, 1 if norm == np.inf else 2)))
    J = clean * np.logaddexp(0, -margins).mean() + (1 - clean) * worst.mean()
    again = net.set_params(learning_rate=1e-300, max_epochs=1, warm_start=True).fit(X, y)
    assert again.loss_ == pytest.approx(J, abs=1e-12)


def test_residuals_of_a_linear_regression_grow_by_the_dual_norm():
    X, _ = problem()
    y = X @ [1.0, -2.0, 0.5, 0.0, 3.0] + np.sin(np.arange(60))
    eps = 0.1

    def slope(w, b):
        residual = X @ w + b - y
        worst = residual + eps * np.abs(w).sum() * np.sign(residual)
        return (worst @ X + eps * np.abs(worst).sum() * np.sign(w)) / 60, worst.mean()

    w, b = descend(slope, *start(NetRegressor(), X, y))
    net = fitted(NetRegressor(adversarial=Adversarial(eps, clean=0.0)), X, y)
    np.testing.assert_allclose(net.coef_, w, atol=1e-10)
    np.testing.assert_allclose(net.intercept_, b, atol=1e-10)


def step_inputs(adversarial, network, theta, x, target):
    model = Model(network, "cross_entropy", network.n_outputs, network.parameters(theta))
    weight = torch.full((1, 1, x.shape[2]), 1 / x.shape[2], dtype=x.dtype)
    batch = Batch(x, target, weight)
    adversarial.strength = torch.tensor([float(adversarial.strength)], dtype=x.dtype)
    return model, batch, adversarial.batch(batch, model)


def network_and_rows():
    rng = np.random.default_rng(0)
    network = MLP(6, 3, (16, 8), "tanh")
    theta = 2 * network.init("glorot", torch.Generator().manual_seed(0), torch.float64)[None]
    x = torch.zeros(1, 16, 32, dtype=torch.float64)
    x[:, :6] = torch.as_tensor(rng.normal(size=(1, 6, 32)))
    target = torch.eye(3, dtype=torch.float64)[rng.integers(0, 3, 32)].T[None]
    return network, theta, x, target


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("norm", [np.inf, 2])
def test_steps_are_those_of_projected_ascent(norm, steps):
    """Madry et al. 2018, in plain torch: strides that go 2.5 radii together, each at most one."""
    network, theta, x, target = network_and_rows()
    _, _, found = step_inputs(Adversarial(0.5, steps=steps, norm=norm), network, theta, x, target)
    module, rows = network.module(theta[0]), x[0, :6].T
    point = rows
    for _ in range(steps):
        point = point.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(module(point), target[0].argmax(0))
        (g,) = torch.autograd.grad(loss, point)
        uphill = g.sign() if norm == np.inf else g / g.norm(dim=1, keepdim=True)
        shift = point + 0.5 * min(1, 2.5 / steps) * uphill - rows
        if norm == np.inf:
            shift = shift.clamp(-0.5, 0.5)
        else:
            shift = shift * (0.5 / shift.norm(dim=1, keepdim=True)).clamp(max=1)
        point = rows + shift
    torch.testing.assert_close(found.x[0, :6].T, point.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm", [np.inf, 2])
def test_more_steps_find_worse_points_within_the_ball(norm):
    network, theta, x, target = network_and_rows()
    losses = []
    for steps in (1, 20):
        model, batch, found = step_inputs(
            Adversarial(0.5, steps=steps, norm=norm), network, theta, x, target
        )
        shift = found.x - x
        size = shift.abs().amax(1) if norm == np.inf else shift.square().sum(1).sqrt()
        assert float(size.max()) <= 0.5 * (1 + 1e-12)
        assert bool((shift[:, 6:] == 0).all())
        losses.append(float(model.J(found)))
    assert float(model.J(batch)) < losses[0] < losses[1]


def test_training_makes_a_network_robust():
    """Fast gradient attacks on digits, made by the trained networks' own gradients."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    errors = {}
    for eps in (0.0, 0.15):
        net = NetClassifier(
            (64,), adversarial=eps, max_epochs=30, batch_size=50, random_state=0, dtype="float64"
        ).fit(X[:1200], y[:1200])
        inputs = torch.tensor(X[1200:], requires_grad=True)
        loss = torch.nn.functional.cross_entropy(
            net.net_.module_(inputs), torch.as_tensor(y[1200:])
        )
        (gradient,) = torch.autograd.grad(loss, inputs)
        attacked = X[1200:] + 0.15 * gradient.sign().numpy()
        errors[eps] = 1 - net.score(attacked, y[1200:])
    assert errors[0.15] < errors[0.0] - 3 * np.sqrt(2 * 0.25 / 597)  # three standard errors


def test_rows_of_weight_zero_and_scaling_do_not_count():
    X, y = problem()
    X = StandardScaler().fit_transform(X)
    weight = np.r_[np.zeros(20), np.full(40, 3.0)]
    net = NetClassifier((8,), adversarial=0.1, max_epochs=5, batch_size=None, random_state=0)
    some = net.fit(X[20:], y[20:]).predict_proba(X)
    np.testing.assert_allclose(net.fit(X, y, weight).predict_proba(X), some, rtol=1e-12)
