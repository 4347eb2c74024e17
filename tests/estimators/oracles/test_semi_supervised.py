"""Terms on rows without labels against closed forms, recursions and eigenvectors (section 7.6)."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.special import expit

from wellposed import NetClassifier, NetRegressor
from wellposed._threads import one_thread
from wellposed.networks import MLP
from wellposed.regularizers import (
    VAT,
    Consistency,
    Dropout,
    MeanTeacher,
    PseudoLabel,
    Ramp,
    Regularizer,
)
from wellposed.regularizers.semi_supervised import divergence
from wellposed.training.request import Request, Rows
from wellposed.training.stack import Stack

RATE, EPOCHS = 0.3, 40
BY_SGD = {
    "solver": "sgd", "momentum": 0.0, "learning_rate": RATE, "max_epochs": EPOCHS,
    "batch_size": None, "init": "glorot", "hidden_layer_sizes": (), "random_state": 0,
}  # fmt: skip


def problem(n_classes=2, seed=0, n=30, m=45, p=4):
    """Labelled rows, with y of classes 0 ... and rows without labels."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), np.arange(n) % n_classes, rng.normal(size=(m, p))


def start(net, X, y):
    """First weights [outputs, inputs + 1]: a step of size zero changes nothing."""
    first = net.set_params(learning_rate=1e-300, max_epochs=1).fit(X, y)
    return parameters(first)


def parameters(net):
    return np.c_[net.coefs_[0].T, net.intercepts_[0]]


def one(X):
    return np.c_[X, np.ones(len(X))]


def probabilities(W, X):
    """(n, classes) of a linear network with one logistic unit or several softmax units."""
    z = one(X) @ W.T
    if z.shape[1] == 1:
        return np.c_[1 - expit(z), expit(z)]
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def slope(p, by_class, W):
    """Gradient with respect to W's outputs, of a loss with these slopes by class probabilities."""
    by_z = p * (by_class - (p * by_class).sum(1, keepdims=True))
    return by_z[:, 1:] if len(W) == 1 else by_z


def supervised(W, X, y):
    p = probabilities(W, X)
    target = np.eye(p.shape[1])[y]
    by_z = (p - target)[:, 1:] if len(W) == 1 else p - target
    return by_z.T @ one(X) / len(X)


def descend(W, gradient):
    for step in range(EPOCHS):
        W = W - RATE * gradient(W, step)
    return W


@pytest.mark.parametrize("n_classes", [2, 3])
def test_entropy_of_a_linear_model(n_classes):
    """dH/dp_c = -(log p_c + 1): every step, and the objective at the end."""
    X, y, U = problem(n_classes)

    def gradient(W, step):
        p = probabilities(W, U)
        return supervised(W, X, y) + 0.7 * slope(p, -np.log(p) - 1, W).T @ one(U) / len(U)

    W = descend(start(NetClassifier(**BY_SGD), X, y), gradient)
    net = NetClassifier(**BY_SGD, entropy=0.7).fit(X, y, X_unlabeled=U)
    np.testing.assert_allclose(parameters(net), W, atol=1e-10)
    p, q = probabilities(W, X), probabilities(W, U)
    expected = -np.log(p[np.arange(30), y]).mean() - 0.7 * (q * np.log(q)).sum(1).mean()
    again = net.set_params(learning_rate=1e-300, max_epochs=1, warm_start=True)
    assert again.fit(X, y, X_unlabeled=U).loss_ == pytest.approx(expected, abs=1e-12)


def test_entropy_of_several_labels_is_that_of_each():
    X, _, U = problem()
    Y = (X[:, :2] + 0.3 > 0).astype(int)
    net = NetClassifier(**BY_SGD, entropy=0.7).fit(X, Y, X_unlabeled=U)
    for j in range(2):
        alone = NetClassifier(**BY_SGD | {"init": "zeros"}, entropy=0.7)
        together = NetClassifier(**BY_SGD | {"init": "zeros"}, entropy=0.7)
        alone.fit(X, Y[:, j], X_unlabeled=U)
        together.fit(X, Y, X_unlabeled=U)
        np.testing.assert_allclose(parameters(together)[j], parameters(alone)[0], atol=1e-12)
    assert np.isfinite(net.loss_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_entropy_under_lbfgs_is_at_a_minimum_of_the_whole_objective(n_classes):
    X, y, U = problem(n_classes)
    net = NetClassifier((), solver="lbfgs", entropy=0.1, l2=0.05, tol=1e-10, max_epochs=500)
    net.fit(X, y, X_unlabeled=U)
    W = parameters(net)
    p = probabilities(W, U)
    gradient = supervised(W, X, y) + 0.1 * slope(p, -np.log(p) - 1, W).T @ one(U) / len(U)
    gradient[:, :-1] += 0.05 * W[:, :-1]
    assert np.abs(gradient).max() <= 1e-9
    assert np.linalg.norm(W - parameters(net.set_params(entropy=0).fit(X, y))) > 1e-2


@pytest.mark.parametrize("n_classes", [2, 3])
def test_pseudo_labels_above_the_threshold_with_a_ramp(n_classes):
    X, y, U = problem(n_classes)

    def gradient(W, step):
        p = probabilities(W, U)
        sure = p.max(1) >= 0.6
        taught = supervised(W, U[sure], p[sure].argmax(1)) * sure.sum() / len(U)
        return supervised(W, X, y) + 0.8 * min(1, step / (0.5 * (EPOCHS - 1))) * taught

    W = descend(start(NetClassifier(**BY_SGD), X, y), gradient)
    pseudo = PseudoLabel(Ramp(0.0, 0.8, until=0.5), threshold=0.6)
    net = NetClassifier(**BY_SGD, pseudo_label=pseudo).fit(X, y, X_unlabeled=U)
    np.testing.assert_allclose(parameters(net), W, atol=1e-10)
    assert 0 < (probabilities(W, U).max(1) < 0.6).sum() < 45


def step_of(regularizer, network, U, loss="squared_error", theta=None, **also):
    """A stack at its first step, whose rows without labels are U, and the model of that step."""
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(8, U.shape[1])), rng.normal(size=(8, network.n_outputs))
    if loss != "squared_error":
        target = np.eye(max(2, network.n_outputs))[np.arange(8) % 2, : network.n_outputs]
    f64, cpu = torch.float64, torch.device("cpu")
    on = {regularizer.name: regularizer} | {r.name: r for r in also.values()}
    request = Request(
        network=network, loss=loss, rows=Rows.from_arrays(X, target, None, f64, cpu), seed=0,
        unlabeled=Rows.from_arrays(U, np.zeros((len(U), 0)), None, f64, cpu), init="glorot",
        unlabeled_batch_size=len(U), batch_size=8, regularizers=on, max_epochs=10**6,
    )  # fmt: skip
    stack = Stack([request])
    batch = stack.batches.next()._replace(unlabeled=stack.unlabeled.next())
    return stack, batch, {r.name: r for r in stack.regularizers}[regularizer.name]


class Draws(NamedTuple):
    term: np.ndarray
    weights: np.ndarray  # gradients with respect to the first layer's weights


def many_steps(stack, batch, n):
    """The term's values [n] and the gradients of J and the term at the first weights."""
    terms, slopes = [], []
    with one_thread():
        for _ in range(n):
            stack.gradient._by_autograd(stack.model, batch)
            terms += stack.gradient.of_terms.values()
            slopes.append(stack.network.coefs(stack.gradient.flat[0])[0][0].numpy().copy())
    return Draws(np.array([float(term) for term in terms]), np.array(slopes))


def assert_mean(draws, expected, at_most=4):
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - expected) <= at_most * error).all()


def test_two_noisy_passes_of_a_linear_model_are_l2():
    """``E ||W (e - e')||^2 = 2 s^2 ||W||^2``, and twice the gradient of its half."""
    U = np.random.default_rng(1).normal(size=(32, 3))
    stack, batch, _ = step_of(Consistency(0.5, noise=0.3), MLP(3, 2), U)
    draws = many_steps(stack, batch, 2000)
    weights = stack.network.coefs(stack.theta[0])[0][0].numpy()
    z = stack.model(batch.x)[0] - batch.target[0]
    of_J = (z @ (batch.x[0, :3] * batch.weight[0]).T).numpy()
    assert_mean(draws.term, 0.5 * 2 * 0.09 * (weights**2).sum())
    assert_mean(draws.weights, of_J + 0.5 * 4 * 0.09 * weights)


def test_two_passes_have_masks_of_their_own():
    """Of one linear output on dropped units: twice the variance of inverted dropout."""
    U = np.random.default_rng(1).normal(size=(32, 3))
    network = MLP(3, 1, (6,), "identity")
    stack, batch, r = step_of(Consistency(1.0, noise=0.0), network, U, dropout=Dropout(0.4))
    with one_thread(), torch.no_grad():
        draws = [float(r.term(stack._model(batch), batch)) for _ in range(3000)]
    (W, V), (b, _) = network.coefs(stack.theta[0])
    h = U @ W.numpy().T + b.numpy()
    assert_mean(np.array(draws), 2 * 0.4 / 0.6 * ((h * V.numpy()) ** 2).sum(1).mean())


class Recorder(Regularizer):
    """Takes the parameters down after each update."""

    name = "recorder"
    seen: list = []  # noqa: RUF012

    def follow(self, theta, n_updates):
        self.seen.append(theta.clone())


def test_the_teacher_is_a_moving_average():
    """``d m + (1 - d) theta``, d = min(decay, 1 - 1 / t), by NumPy."""
    Recorder.seen = []
    U = np.random.default_rng(1).normal(size=(32, 3))
    network = MLP(3, 2, (5,))
    stack, _, r = step_of(MeanTeacher(0.5, teacher_decay=0.8), network, U, recorder=Recorder(1.0))
    mean = 0.0
    with torch.no_grad():
        for t in range(1, 15):
            stack.step()
            d = min(0.8, 1 - 1 / t)
            mean = d * mean + (1 - d) * Recorder.seen[-1].numpy()
            np.testing.assert_allclose(r.teacher.numpy(), mean, rtol=0, atol=1e-14)


def test_a_linear_student_follows_its_teacher():
    """Without noise, ``lambda ||(W - M) x||^2``: every step by hand."""
    X, _, U = problem()
    y = X @ [1.0, -2.0, 0.5, 0.0] + np.sin(np.arange(30))
    net = NetRegressor(**BY_SGD | {"learning_rate": 0.1})
    w = start(NetRegressor(**BY_SGD), X, y)[0]
    teacher = w
    for t in range(1, EPOCHS + 1):
        of_term = 2 * 0.6 * (one(U) @ (w - teacher)) @ one(U) / 45
        w = w - 0.1 * ((one(X) @ w - y) @ one(X) / 30 + of_term)
        d = min(0.9, 1 - 1 / t)
        teacher = d * teacher + (1 - d) * w if t > 1 else w
    net.set_params(mean_teacher=MeanTeacher(0.6, teacher_decay=0.9, noise=0.0))
    np.testing.assert_allclose(parameters(net.fit(X, y, X_unlabeled=U))[0], w, atol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "logistic", "cross_entropy"])
def test_power_iteration_ends_at_the_first_eigenvector(loss):
    """Of J' F J, row by row: Jacobian of the outputs and Fisher information of their law."""
    rng = np.random.default_rng(1)
    U = rng.normal(size=(16, 5))
    network = MLP(5, 1 if loss == "logistic" else 3, (8, 6), "tanh")
    stack, batch, r = step_of(VAT(1.0, steps=200), network, U, loss)
    with torch.no_grad():
        stack.theta *= 1.5
    model, x, _ = stack.model.without_labels(batch)
    d = r.direction(model, x, model(x).detach())[0, :5].T.numpy()
    module = network.module(stack.theta[0])
    found = 0
    for row, u in zip(d, torch.as_tensor(U)):
        J = torch.autograd.functional.jacobian(module, u).numpy()
        z = module(u).detach().numpy()
        if loss == "squared_error":
            fisher = np.eye(3)
        elif loss == "logistic":
            fisher = np.diag(expit(z) * expit(-z))
        else:
            p = np.exp(z) / np.exp(z).sum()
            fisher = np.diag(p) - np.outer(p, p)
        values, vectors = np.linalg.eigh(J.T @ fisher @ J)
        if values[-2] < 0.9 * values[-1]:
            assert abs(row @ vectors[:, -1]) >= 1 - 1e-6
            found += 1
    assert found >= 12


def test_virtual_adversarial_training_of_a_linear_regression_is_l2_on_average():
    """``1/2 (r ||w||)^2`` whatever the row; directions w and -w are equally likely."""
    U = np.random.default_rng(1).normal(size=(32, 3))
    stack, batch, _ = step_of(VAT(0.8, radius=0.7), MLP(3, 1), U)
    draws = many_steps(stack, batch, 600)
    weights = stack.network.coefs(stack.theta[0])[0][0].numpy()
    np.testing.assert_allclose(draws.term, 0.8 * 0.49 * (weights**2).sum() / 2, rtol=1e-7)
    z = stack.model(batch.x)[0] - batch.target[0]
    of_J = (z @ (batch.x[0, :3] * batch.weight[0]).T).numpy()
    assert_mean(draws.weights, of_J + 0.8 * 0.49 * weights)


def test_virtual_adversarial_term_of_a_logistic_model():
    """The margin moves by ``r ||w||``, to one of both sides: the mean lies between."""
    U = np.random.default_rng(1).normal(size=(32, 4))
    stack, batch, r = step_of(VAT(1.0, radius=0.6), MLP(4, 1), U, "logistic")
    (W,), (b,) = stack.network.coefs(stack.theta[0])
    W = W.numpy()
    z = U @ W[0] + float(b)
    move = 0.6 * np.linalg.norm(W[0])

    def kl(of, to):
        of, to = expit(of), expit(to)
        return of * np.log(of / to) + (1 - of) * np.log((1 - of) / (1 - to))

    model, x, _ = stack.model.without_labels(batch)
    found = r.per_row(model, x)[0].detach().numpy()
    both = np.array([kl(z, z + move), kl(z, z - move)])
    assert (np.abs(both - found).min(0) <= 1e-7 * found).all()


@pytest.mark.parametrize("loss", ["squared_error", "logistic", "cross_entropy", "poisson"])
def test_divergences_are_zero_at_home_and_finite_far_away(loss):
    z = torch.tensor([-800.0, -3.0, 0.0, 2.0, 20.0], dtype=torch.float64).reshape(1, 1, 5)
    z = z.expand(1, 3, 5) * torch.tensor([1.0, -1.0, 0.3])[:, None]
    z = z.clamp(-30, 30) if loss == "poisson" else z
    assert torch.equal(divergence(loss, z, z), torch.zeros(1, 5, dtype=torch.float64))
    assert divergence(loss, z, -z).isfinite().all()
