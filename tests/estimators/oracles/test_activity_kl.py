"""Row 21: the Kullback-Leibler penalty on mean activations, against numpy and differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import entropy

from wellposed import ActivityKL, NetClassifier, NetRegressor

RNG = np.random.default_rng(0)
X, WEIGHT = RNG.normal(size=(30, 3)), RNG.uniform(0.2, 3, size=30)
y = X[:, 0] + X[:, 1] ** 2
STRENGTH, TARGET, RATE = 0.3, 0.1, 1e-3


def objective(w1, b1, w2, b2, w3, b3):
    """J plus the penalty by numpy and scipy's entropy."""
    weight = WEIGHT / WEIGHT.mean() / len(X)
    first = expit(X @ w1 + b1)
    second = expit(first @ w2 + b2)
    J = 0.5 * weight @ (second @ w3 + b3 - y[:, None])[:, 0] ** 2
    for h in (first, second):
        for mean in weight @ h:
            J += STRENGTH * entropy([TARGET, 1 - TARGET], [mean, 1 - mean])
    return J


def test_a_step_goes_along_differences_of_the_objective():
    kl = ActivityKL(STRENGTH, target=TARGET)
    net = NetRegressor(
        (4, 5), activation="logistic", activity_kl=kl, solver="sgd", momentum=0, batch_size=None,
        learning_rate=RATE, max_epochs=1, warm_start=True, random_state=0,
    ).fit(X, y, sample_weight=WEIGHT)  # fmt: skip
    before = [p for pair in zip(net.coefs_, net.intercepts_) for p in pair]
    net.fit(X, y, sample_weight=WEIGHT)
    after = [p for pair in zip(net.coefs_, net.intercepts_) for p in pair]
    assert net.loss_ == pytest.approx(objective(*before), abs=1e-12)
    for i, part in enumerate(before):
        for index in np.ndindex(part.shape):
            ends = []
            for h in (1e-5, -1e-5):
                moved = [p.copy() for p in before]
                moved[i][index] += h
                ends.append(objective(*moved))
            slope = (before[i] - after[i])[index] / RATE
            assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_units_are_on_as_rarely_as_asked_for(digits_images, network):
    images, labels = digits_images
    net = NetClassifier(
        (20,) if network == "mlp" else (4,), network=network, activation="logistic",
        learning_rate=0.02, max_epochs=40, batch_size=None, random_state=0,
    )  # fmt: skip
    net.set_params(activity_kl=ActivityKL(1.0, target=0.2)).fit(images, labels)
    hidden = []
    theta = net._state.theta[None]
    x = np.zeros((1, 64, len(images)))
    x[0] = images.T
    network_, tensor = net._network, theta.new_tensor(x)
    network_.forward(*network_.parameters(theta), tensor, hidden=hidden, training=True)
    mean = hidden[0][0, : network_.real_hidden_units[0]].mean(1)
    units = mean if network == "mlp" else mean.mean(0, keepdim=True)  # a channel has one weight
    assert (units - 0.2).abs().max() < 0.05


def test_saturated_units_cost_no_nan():
    net = NetClassifier((4,), activation="logistic", activity_kl=1.0, dtype="float32")
    net.set_params(max_epochs=3, random_state=0).fit(1e4 * X, y > 0)
    assert np.isfinite(net.loss_)


def test_refused_where_activations_are_no_rates():
    with pytest.raises(ValueError, match="which takes activation='logistic'"):
        NetClassifier(activity_kl=0.1).fit(X, y > 0)
    with pytest.raises(ValueError, match="'target' parameter of ActivityKL must be"):
        NetClassifier(activity_kl=ActivityKL(0.1, target=1.0), activation="logistic").fit(X, y > 0)


@pytest.fixture
def digits_images():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X[:200] / 16, y[:200]
