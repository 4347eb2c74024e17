"""Mixed rows: what a linear model's gradients are on average, in closed form (section 7.4)."""

import re

import numpy as np
import pytest
import torch
from scipy.special import beta, expit, roots_jacobi
from scipy.stats import beta as beta_distribution
from sklearn.datasets import load_digits, load_iris
from torch import nn

from wellposed import NetClassifier, NetRegressor
from wellposed.networks import MLP
from wellposed.networks.conv import ConvNet
from wellposed.regularizers import CutMix, Mixup
from wellposed.regularizers.mixing import beta_quantiles
from wellposed.training import train
from wellposed.training.request import Request, Rows
from wellposed.training.stack import Stack

N, P = 12, 4


def problem(n_outputs=1, n=N, p=P, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.normal(size=p)
    return X, rng.normal(size=(n, n_outputs)), rng.random(n) * 2 + 0.1


def request(regularizer, X, target, loss, weight=None, network=None, **options):
    rows = Rows.from_arrays(X, target, weight, torch.float64, torch.device("cpu"))
    network = network or MLP(X.shape[1], target.shape[1])
    return Request(**{
        "network": network, "loss": loss, "rows": rows, "seed": 0, "init": "glorot",
        "batch_size": len(X), "max_epochs": 10**6, "regularizers": {regularizer.name: regularizer},
    } | options)  # fmt: skip


def gradients(asked, n_draws):
    """Gradients [n_draws, outputs, inputs + 1] of our own steps at the first weights."""
    stack = Stack([asked])
    kept = []
    stack.on_batch_end = lambda stack, batch, J: kept.append(stack.gradient.flat[0].clone())
    stack.optimizer.step = lambda theta, gradient: None
    with torch.no_grad():
        for _ in range(n_draws):
            stack.step()
    parts = [asked.network.coefs(g) for g in kept]
    (weights,), (biases,) = asked.network.coefs(stack.theta[0])
    found = np.array([np.c_[w[0].numpy(), b[0].numpy()] for w, b in parts])
    return found, weights.numpy(), biases.numpy()


def assert_mean(draws, expected, at_most=4):
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    assert (error > 0).all()
    assert (np.abs(draws.mean(0) - expected) <= at_most * error + 1e-12).all()


def on_average(a, X, target, weight, W, b, slope):
    """Gradient over all pairs of rows and all shares, by Gauss-Jacobi quadrature."""
    nodes, shares = roots_jacobi(60, a - 1, a - 1)
    nodes, shares = (nodes + 1) / 2, shares / (2 ** (2 * a - 1) * beta(a, a))
    total = np.zeros((target.shape[1], X.shape[1] + 1))
    for s, share in zip(nodes, shares):
        for i in range(len(X)):
            x = s * X[i] + (1 - s) * X
            z = slope(x @ W.T + b)
            own, other = s * weight[i], (1 - s) * weight[:, None]
            error = own * (z - target[i]) + other * (z - target)
            total += share * error.T @ np.c_[x, np.ones(len(X))] / len(X) ** 2
    return total


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


LOSSES = {
    "squared_error": (2, lambda z: z),
    "logistic": (1, expit),
    "cross_entropy": (3, softmax),
    "poisson": (1, np.exp),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_mean_gradient_of_mixup(loss, weighted):
    """That of ``s w l(x~, y) + (1 - s) w' l(x~, y')`` over all pairs and Beta(a, a)."""
    a, (n_outputs, slope) = 0.7, LOSSES[loss]
    X, target, weight = problem(n_outputs)
    if loss == "cross_entropy":
        target = np.eye(3)[np.arange(N) % 3]
    elif loss != "squared_error":
        target = (target > 0).astype(float)
    asked = request(Mixup(a), X, target, loss, weight if weighted else None)
    found, W, b = gradients(asked, 3000)
    weight = weight / weight.mean() if weighted else np.ones(N)
    assert_mean(found, on_average(a, X, target, weight, W, b, slope))


def test_mixup_of_a_linear_regression_shrinks_covariances():
    """Of x with x and of x with y, by (a + 1) / (2 a + 1): least squares stay where they are."""
    X, y, _ = problem()
    a = 0.4
    found, W, b = gradients(request(Mixup(a), X, y, "squared_error"), 3000)
    Z, t = X - X.mean(0), y - y.mean(0)
    factor = (a + 1) / (2 * a + 1)
    mean_error = X.mean(0) @ W.T + b - y.mean(0)
    by_weight = factor * (Z @ W.T - t).T @ Z / N + np.outer(mean_error, X.mean(0))
    assert_mean(found, np.c_[by_weight, mean_error])


@pytest.mark.parametrize("a", [0.05, 0.2, 1.0, 8.0])
def test_shares_are_drawn_from_the_beta_distribution(a):
    """Moments by torch's generator, of one step's draws and of the table behind them."""
    quantiles = beta_quantiles(a).numpy()
    law = beta_distribution(a, a)
    np.testing.assert_allclose(quantiles.mean(), 0.5, atol=1e-12)
    np.testing.assert_allclose(quantiles.var(), law.var(), rtol=2e-3)
    at = np.array([0.1, 0.3, 0.5, 0.9])
    np.testing.assert_allclose((quantiles[:, None] <= at).mean(0), law.cdf(at), atol=1e-3)
    X, y, _ = problem(n=32)
    stack = Stack([request(Mixup(a), X, y, "squared_error")])
    (r,) = stack.regularizers
    draws = torch.cat([r._share().flatten() for _ in range(500)]).numpy()
    assert abs(draws.mean() - 0.5) < 5 * law.std() / np.sqrt(len(draws))
    assert abs(draws.var() - law.var()) < 0.05 * law.var()


def shown(regularizer, X, y, n_draws, weight=None):
    stack = Stack([request(regularizer, X, y, "squared_error", weight)])
    (r,) = stack.regularizers
    batch = stack.batches.next()
    draws = [r.batch(batch, stack.model) for _ in range(n_draws)]
    n, p = X.shape
    x = torch.stack([drawn.x[0, :p, :n].T for drawn in draws]).numpy()
    assert not any(drawn.x[:, p:].any() or drawn.x[..., n:].any() for drawn in draws)
    return (
        x,
        np.array([drawn.target[0, :, :n].T.numpy() for drawn in draws]),
        np.array([drawn.weight[0, 0, :n].numpy() for drawn in draws]) * n,
    )


@pytest.mark.parametrize("n", [1, 5, 16])
def test_every_row_is_the_partner_of_one(n):
    X, y, _ = problem(n=n)
    partners = np.array([[np.argmin(((2 * m - x_i - X) ** 2).sum(1)) for m, x_i in zip(drawn, X)]
                         for drawn in shown(Mixup(1e6), X, y, 50)[0]])  # fmt: skip
    assert (np.sort(partners) == np.arange(n)).all()
    if n > 1:
        assert (partners != np.arange(n)).any()


SHAPE = (2, 5, 6)


@pytest.mark.parametrize("shape", [None, SHAPE], ids=["table", "image"])
def test_cutmix_takes_parts_of_one_row_and_its_share_of_the_target(shape):
    n, p = 20, 60
    X = np.arange(n)[:, None] * 1000.0 + np.arange(p)
    y = X[:, :1] / 1000
    weight = np.linspace(1, 3, n)
    x, target, weights = shown(CutMix(1.0, image_shape=shape), X, y, 200, weight)
    weight = weight / weight.mean()
    assert (x % 1000 == np.arange(p)).all()  # every value stays in its column
    owner = (x // 1000).astype(int)
    shares = []
    for drawn, t, w in zip(owner, target[..., 0], weights):
        for i in range(n):
            others = np.unique(drawn[i][drawn[i] != i])
            assert len(others) <= 1
            j = others[0] if len(others) else i
            kept = (drawn[i] == i).mean()
            own, other = kept * weight[i], (1 - kept) * weight[j]
            assert w[i] == pytest.approx(own + other, rel=1e-12)
            assert t[i] == pytest.approx((own * i + other * j) / (own + other), rel=1e-12)
            if shape and len(others):
                cut = (drawn[i] != i).reshape(shape)
                assert (cut == cut[:1]).all()
                assert cut[0].sum() == cut[0].any(1).sum() * cut[0].any(0).sum()
            if j != i:
                shares.append(kept)
    if shape is None:  # Beta(1, 1), then binomial; rows of which nothing was taken are left out
        assert abs(np.mean(shares) - 0.5) < 0.03
        assert abs(np.var(shares) - 1 / 12) < 0.01


NETWORKS = [MLP(49, 3, (5,)), ConvNet((1, 7, 7), 3, (3,))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("network", NETWORKS, ids=["mlp", "cnn"])
def test_cutmix_of_images_alone_or_together(network, dtype):
    asked = []
    for k in range(17):
        X, _, weight = problem(n=40 + k % 3, p=49, seed=k % 3)
        target = np.eye(3)[np.arange(len(X)) % 3]
        cut = CutMix(0.2 + k / 10, image_shape=(7, 7))
        how = {"seed": k % 5, "batch_size": 24, "max_epochs": 1 + k % 3}
        asked.append(request(cut, X, target, "cross_entropy", weight, network, **how))
        asked[-1].rows = Rows.from_arrays(X, target, weight, dtype, torch.device("cpu"))
    for one, outcome in zip(asked, train(asked)):
        assert torch.equal(outcome.state.theta, train([one])[0].state.theta)


def own(n_inputs, n_outputs):
    first = nn.Linear(n_inputs, 8)
    return nn.Sequential(first, nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("network", ["mlp", "cnn", own])
@pytest.mark.parametrize("on", [{"mixup": 0.3}, {"cutmix": 0.3}], ids=lambda on: next(iter(on)))
def test_every_network_takes_part(network, solver, on):
    X, y = load_digits(return_X_y=True)
    X, y = X[:90] / 16, y[:90]
    how = {"network": network, "solver": solver, "max_epochs": 3, "random_state": 0}
    for cls in (NetClassifier, NetRegressor):
        plain = cls((4,), **how).fit(X, y, sample_weight=1.0 + y)
        net = cls((4,), **how, **on).fit(X, y, sample_weight=1.0 + y)
        assert np.isfinite(net.predict(X)).all()
        assert net.loss_ != plain.loss_


@pytest.mark.parametrize("on", [{"mixup": 0.2}, {"cutmix": 0.2}], ids=lambda on: next(iter(on)))
def test_the_noise_of_labels_is_mixed_and_smoothed_labels_are_as_well(on):
    X, y = load_iris(return_X_y=True)
    net = NetClassifier((8,), label_noise=0.05, label_smoothing=0.1, learning_rate=0.02, **on)
    assert net.set_params(random_state=0).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize(("parameters", "sentence"), [
    ({"mixup": 0.1, "cutmix": 0.1}, "cutmix=0.1 cannot be combined with mixup=0.1: both mix"),
    ({"cutmix": CutMix(0.5, image_shape=(3, 3))}, "of which image_shape=(3, 3) is another"),
    ({"cutmix": CutMix(0.5, image_shape=(-1, -6))}, "of which image_shape=(-1, -6) is another"),
    ({"cutmix": CutMix(0.5, image_shape=np.eye(2))}, "is another"),
    ({"mixup": -1.0}, "Got -1.0 instead"),
    ({"mixup": 0.1, "solver": "lbfgs"}, "mixup=0.1 draws random numbers at every step"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(parameters, sentence):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        NetClassifier((4,), **parameters).fit(X, y)
