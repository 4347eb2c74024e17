"""Row 28: penalties on derivatives by x, against closed forms, complex steps and differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors
from torch import nn

from wellposed import JacobianNorm, NetClassifier, NetRegressor, TangentProp
from wellposed.regularizers.directions import of_images, to_neighbours
from wellposed.training.stack import Stack

RNG = np.random.default_rng(0)
X, WEIGHT = RNG.normal(size=(25, 3)), RNG.uniform(0.2, 3, size=25)
Y = np.stack([X[:, 0] * X[:, 1], np.sin(X[:, 2])], 1)
V = RNG.normal(size=(2, 3))
EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 5000}
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


# ---------------------------------------------------------------------- linear models


def test_the_norm_of_a_linear_models_jacobian_is_l2():
    net = NetRegressor((), jacobian=0.3, **EXACT).fit(X, Y)
    expected = Ridge(0.3 * len(X)).fit(X, Y).coef_
    assert np.linalg.norm(net.coef_ - expected) <= 1e-6 * np.linalg.norm(expected)
    iris, classes = load_iris(return_X_y=True)
    net = NetClassifier((), jacobian=0.02, **EXACT).fit(iris, classes)
    sklearn = LogisticRegression(C=1 / (0.02 * len(iris)), tol=1e-12, max_iter=10_000)
    expected = sklearn.fit(iris, classes).coef_
    assert np.linalg.norm(net.coef_ - expected) <= 1e-6 * np.linalg.norm(expected)


def test_tangent_prop_of_a_linear_model_is_tikhonovs():
    """``1/2 mean (x w - y)^2 + a sum_v (v w)^2`` has the minimum of its normal equations."""
    a = 0.4
    net = NetRegressor((), tangent_prop=TangentProp(a, directions=V), **EXACT).fit(X, Y)
    centred = X - X.mean(0)
    normal = centred.T @ centred / len(X) + 2 * a * V.T @ V
    expected = np.linalg.solve(normal, centred.T @ (Y - Y.mean(0)) / len(X)).T
    assert np.linalg.norm(net.coef_ - expected) <= 1e-9 * np.linalg.norm(expected)


# ---------------------------------------------------------------------- networks of tanh


def outputs(x, parameters):
    *hidden, (w, b) = parameters
    for weight, bias in hidden:
        x = np.tanh(x @ weight + bias)
    return x @ w + b


def along(parameters, v):
    """Derivative of the outputs along v by a complex step, exact to rounding."""
    return outputs(X + 1e-30j * v, parameters).imag / 1e-30


def of_tangents(parameters, weight):
    return sum(weight @ (along(parameters, v) ** 2).sum(1) for v in V)


def of_jacobian(parameters, weight):
    return 0.5 * sum(weight @ (along(parameters, e) ** 2).sum(1) for e in np.eye(3))


def of_loss(parameters, weight):
    found = 0.0
    for e in np.eye(3):
        loss = 0.5 * ((outputs(X + 1e-30j * e, parameters) - Y) ** 2).sum(1)
        found += 0.5 * weight @ (loss.imag / 1e-30) ** 2
    return found


@pytest.mark.parametrize(
    ("name", "regularizer", "penalty"),
    [
        ("tangent_prop", TangentProp(0.3, directions=V), of_tangents),
        ("tangent_prop", TangentProp(0.3, directions=lambda x: np.tile(V, (len(x), 1, 1))),
         of_tangents),
        ("jacobian", 0.3, of_jacobian),
        ("double_backprop", 0.3, of_loss),
    ],
    ids=["array", "function", "jacobian", "loss"],
)  # fmt: skip
def test_a_step_goes_along_differences_of_the_objective(name, regularizer, penalty):
    rate, h, weight = 1e-3, 1e-5, WEIGHT / WEIGHT.mean() / len(X)
    net = NetRegressor(
        (4, 3), activation="tanh", solver="sgd", momentum=0, batch_size=None, learning_rate=rate,
        max_epochs=1, warm_start=True, random_state=0,
    ).set_params(**{name: regularizer})  # fmt: skip

    def objective(parameters):
        J = 0.5 * weight @ ((outputs(X, parameters) - Y) ** 2).sum(1)
        return J + 0.3 * penalty(parameters, weight)

    net.fit(X, Y, sample_weight=WEIGHT)
    before = list(zip(net.coefs_, net.intercepts_))
    net.fit(X, Y, sample_weight=WEIGHT)
    after = list(zip(net.coefs_, net.intercepts_))
    assert net.loss_ == pytest.approx(objective(before), abs=1e-12)
    for i, j in np.ndindex(3, 2):
        for index in np.ndindex(before[i][j].shape):
            ends = []
            for shift in (h, -h):
                moved = [[p.copy() for p in pair] for pair in before]
                moved[i][j][index] += shift
                ends.append(objective(moved))
            slope = (before[i][j] - after[i][j])[index] / rate
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)


def test_a_step_of_double_backprop_on_two_classes():
    """Of a linear logistic model ``dl/dx = (p - y) w``: the objective by numpy, and its slopes."""
    labels, rate, h, a = (X[:, 0] > 0).astype(int), 1e-3, 1e-6, 0.5

    def objective(w):
        p = 1 / (1 + np.exp(-(X @ w)))
        J = -np.log(np.where(labels, p, 1 - p)).mean()
        return J + a / 2 * ((p - labels) ** 2).mean() * (w @ w)

    net = NetClassifier(
        (), init="glorot", fit_intercept=False, double_backprop=a, solver="sgd", momentum=0,
        learning_rate=rate, batch_size=None, max_epochs=1, warm_start=True, random_state=0,
    ).fit(X, labels)  # fmt: skip
    before = net.coef_.ravel()
    after = net.fit(X, labels).coef_.ravel()
    assert net.loss_ == pytest.approx(objective(before), abs=1e-12)
    slopes = [(objective(before + e) - objective(before - e)) / (2 * h) for e in h * np.eye(3)]
    np.testing.assert_allclose((before - after) / rate, slopes, rtol=0, atol=1e-8)


def test_projections_average_to_the_norm(monkeypatch):
    found = []

    def spy(self, request):
        found.append(Stack([request]))
        return run(self, request)

    run = NetClassifier._run
    monkeypatch.setattr(NetClassifier, "_run", spy)
    net = NetClassifier((5,), max_epochs=1, random_state=0)
    for n in (None, 1, 4):
        clone(net).set_params(jacobian=JacobianNorm(1.0, n_projections=n)).fit(DIGITS, LABELS)
    exact, *drawn = ((stack, stack.batches.next()) for stack in found)
    value = float(exact[0].regularizers[0].term(exact[0].model, exact[1]).detach())
    for stack, batch in drawn:
        terms = [stack.regularizers[0].term(stack.model, batch).item() for _ in range(300)]
        assert abs(np.mean(terms) - value) <= 4 * np.std(terms) / np.sqrt(300)
        assert np.std(terms) > 0
    with pytest.raises(ValueError, match="draws random numbers at every step"):
        net.set_params(solver="lbfgs", jacobian=JacobianNorm(1.0, n_projections=2)).fit(X, X[:, 0])


# ---------------------------------------------------------------------- directions


def moved(image, name, t):
    """The image of scipy after a move by t, linear between pixels and zero outside."""
    how = {"order": 1, "mode": "grid-constant"}
    if name in ("down", "right"):
        return ndimage.shift(image, (t, 0) if name == "down" else (0, t), **how)
    centre = (np.array(image.shape) - 1) / 2
    if name == "scale":
        matrix = np.eye(2) * np.exp(-t)
    else:
        matrix = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return ndimage.affine_transform(image, matrix, centre - matrix @ centre, **how)


def test_directions_of_images_are_derivatives_of_scipys_moves():
    h, image = 1e-7, DIGITS[5].reshape(8, 8)[:, :7]
    stacked = torch.tensor(image.copy())[None, None, :, :, None]
    found = of_images(stacked, ["shift", "rotation", "scale"])
    for direction, name in zip(found, ["down", "right", "rotation", "scale"], strict=True):
        expected = (moved(image, name, h) - moved(image, name, -h)) / (2 * h)
        np.testing.assert_allclose(direction[0, 0, :, :, 0], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_neighbours_are_scikit_learns(offset):
    rows = X + offset
    found = to_neighbours(torch.tensor(rows[:7].T.copy()), torch.tensor(rows), 4)
    _, index = NearestNeighbors(n_neighbors=5).fit(rows).kneighbors(rows[:7])
    for j, direction in enumerate(found, 1):
        expected = (rows[index[:, j]] - rows[:7]) / 2
        np.testing.assert_allclose(direction.T, expected, rtol=0, atol=1e-12)
    alone = to_neighbours(torch.zeros(3, 2), torch.zeros(1, 3), 4)
    assert not torch.stack(alone).any()


def own(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 30), nn.Tanh(), nn.Linear(30, n_outputs))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("network", ["mlp", "cnn", own])
def test_outputs_become_flat_along_the_directions(network, solver):
    """Row 28, by differences of the fitted network along moves of scipy's."""
    net = NetClassifier(
        (6,) if network == "cnn" else (30,), network=network, activation="tanh", solver=solver,
        learning_rate=0.01, max_epochs=8, batch_size=50, random_state=0,
    )  # fmt: skip
    flat = TangentProp(0.1, directions=["rotation"], image_shape=(8, 8))
    change = []
    for given in (0.0, flat):
        fitted = clone(net).set_params(tangent_prop=given).fit(DIGITS[:300], LABELS[:300])
        ends = [
            [moved(image.reshape(8, 8), "rotation", t).ravel() for image in DIGITS[300:400]]
            for t in (0.01, -0.01)
        ]
        slopes = fitted.decision_function(ends[0]) - fitted.decision_function(ends[1])
        change.append((slopes**2).sum() / (fitted.decision_function(DIGITS[300:400]) ** 2).sum())
    assert change[1] < change[0]


def test_a_table_has_its_neighbours_by_default():
    for given in (0.1, TangentProp(0.1, directions="neighbours", n_neighbors=5)):
        net = NetRegressor((4,), tangent_prop=given, max_epochs=2, batch_size=10, random_state=0)
        net.fit(X, Y)
        if given == 0.1:
            expected = net.predict(X)
    np.testing.assert_array_equal(net.predict(X), expected)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"directions": "turns"}, "they may be 'auto', 'neighbours', a list of 'shift'"),
        ({"directions": ["shift"]}, "X has 3 features of which no image_shape says so"),
        ({"directions": np.ones((2, 4))}, r"directions of shape \(2, 4\); expected"),
        ({"directions": np.ones(3)}, r"directions of shape \(3,\); expected"),
        ({"directions": [[1, 2], [3]]}, r"directions of shape \(0,\); expected"),
        ({"directions": np.array(1.0)}, r"directions of shape \(\); expected"),
        ({"directions": lambda x: x[:, None] * np.nan}, "returned numbers that are not finite"),
        ({"directions": np.full((1, 3), np.nan)}, "finite numbers"),
        ({"directions": lambda x: x}, "expected .*, n_directions, 3."),
        ({"n_neighbors": 0}, "'n_neighbors' parameter of TangentProp must be"),
    ],
)
def test_directions_that_make_no_sense(params, message):
    with pytest.raises(ValueError, match=message):
        NetRegressor((4,), tangent_prop=TangentProp(0.1, **params), batch_size=None).fit(X, Y)


@pytest.mark.parametrize("name", ["tangent_prop", "jacobian", "double_backprop"])
def test_rows_of_a_batch_must_not_depend_on_each_other(name):
    net = NetRegressor((4,), normalization="batch").set_params(**{name: 0.1})
    with pytest.raises(ValueError, match=f"{name}=0.1 differentiates by each row alone"):
        net.fit(X, Y)
