"""Row 27: attacks on fitted networks against closed forms, torch by hand and the training."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale
from torch import nn
from torch.nn import functional as F

from wellposed import (
    Adversarial,
    NetClassifier,
    NetRegressor,
    adversarial_examples,
    adversarial_score,
)

RAW, y = load_breast_cancer(return_X_y=True)
X = scale(RAW)
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16
LOGISTIC = NetClassifier((), solver="lbfgs", l2=1e-3).fit(X, y)
NET = NetClassifier((20,), learning_rate=0.01, max_epochs=15, random_state=0)


@pytest.mark.parametrize("steps", [1, 10])
@pytest.mark.parametrize("norm", [math.inf, 2])
def test_logistic_regression_in_closed_form(norm, steps):
    """Margins shrink by eps times the dual norm of w, and no step can do more."""
    w, eps, sign = LOGISTIC.coef_.ravel(), 0.1, 2 * y - 1
    towards = np.sign(w) if norm == math.inf else w / np.linalg.norm(w)
    moved = adversarial_examples(LOGISTIC, X, y, eps, norm=norm, steps=steps)
    expected = X - eps * sign[:, None] * towards
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-10)
    dual = np.abs(w).sum() if norm == math.inf else np.linalg.norm(w)
    margins = sign * LOGISTIC.decision_function(X) - eps * dual
    how = {"norm": norm, "steps": steps}
    found = adversarial_score(LOGISTIC, X, y, eps, scoring="neg_log_loss", **how)
    assert found == pytest.approx(np.log(expit(margins)).mean(), abs=1e-10)
    assert adversarial_score(LOGISTIC, X, y, eps, **how) == (margins > 0).mean()


def test_rows_that_are_certain_are_led_away_too():
    """Where probabilities round to 1, the gradient of the loss itself is zero."""
    far = X * 1e4
    moved = adversarial_examples(LOGISTIC, far, y, 1.0)
    expected = far - (2 * y - 1)[:, None] * np.sign(LOGISTIC.coef_)
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-10)
    net = clone(NET).fit(DIGITS, LABELS)
    assert (adversarial_examples(net, 100 * DIGITS, LABELS, 1.0) != 100 * DIGITS).any(1).all()


def of_torch(net, X, y, eps, norm, steps):
    """Projected gradient ascent on torch's cross-entropy, with the fitted module."""
    module, start = net.net_.module_.eval(), torch.as_tensor(X)
    x = start.clone()
    stride = eps * min(1, 2.5 / steps)
    for _ in range(steps):
        x.requires_grad_()
        (g,) = torch.autograd.grad(F.cross_entropy(module(x), torch.as_tensor(y)), x)
        step = g.sign() if norm == math.inf else g / g.norm(dim=1, keepdim=True)
        shift = x.detach() + stride * step - start
        if norm == math.inf:
            shift = shift.clamp(-eps, eps)
        else:
            shift = shift * (eps / shift.norm(dim=1, keepdim=True)).clamp(max=1)
        x = start + shift
    return x.numpy()


def own(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 16), nn.Tanh(), nn.Linear(16, n_outputs))


@pytest.mark.parametrize("network", ["mlp", "cnn", own])
@pytest.mark.parametrize(("norm", "steps"), [(math.inf, 1), (math.inf, 4), (2, 1), (2, 4)])
def test_the_same_by_torchs_own_layers(network, norm, steps):
    sizes = (4,) if network == "cnn" else (20,)
    net = NetClassifier(
        sizes, network=network, activation="tanh", learning_rate=0.01, max_epochs=5, random_state=0
    ).fit(DIGITS[:600], LABELS[:600])
    rows, labels = DIGITS[600:700], LABELS[600:700]
    moved = adversarial_examples(net, rows, labels, 0.1, norm=norm, steps=steps)
    np.testing.assert_allclose(moved, of_torch(net, rows, labels, 0.1, norm, steps), atol=1e-9)
    radius = np.linalg.norm(moved - rows, ord=norm, axis=1)
    assert (radius <= 0.1 + 1e-12).all()


@pytest.mark.parametrize("kind", ["classes", "numbers", "labels"])
def test_further_tasks_are_not_attacked(kind):
    """The loss is that of y, and the outputs after y's are of tasks beside it."""
    net = NetClassifier if kind != "numbers" else NetRegressor
    net = net((10,), auxiliary=0.5, learning_rate=0.01, max_epochs=5, random_state=0)
    y = {"classes": LABELS, "numbers": DIGITS[:, [20, 30]], "labels": DIGITS[:, [20, 30]] > 0.5}
    y = y[kind] * 1
    net.fit(DIGITS[:300], y[:300], auxiliary=np.c_[DIGITS[:300, 42], DIGITS[:300, 44]])
    module, rows, target = net.net_.module_.eval(), DIGITS[300:400], torch.as_tensor(y[300:400])
    x = torch.as_tensor(rows).requires_grad_()
    z = module(x)[:, : y.shape[1] if y.ndim == 2 else 10]
    loss = {
        "classes": F.cross_entropy,
        "numbers": F.mse_loss,
        "labels": F.binary_cross_entropy_with_logits,
    }[kind](z, target if kind == "classes" else target.double())
    (g,) = torch.autograd.grad(loss, x)
    moved = adversarial_examples(net, rows, y[300:400], 0.1)
    np.testing.assert_allclose(moved, rows + 0.1 * g.sign().numpy(), atol=1e-9)
    score = adversarial_score(net, rows, y[300:400], 0.1)
    assert score == net.score(moved, y[300:400])


def test_numbers_counts_and_ensembles():
    target = X[:, 0] * X[:, 1]
    net = NetRegressor((10,), learning_rate=0.01, max_epochs=30, random_state=0).fit(X, target)
    scores = adversarial_score(net, X, target, [0, 0.05, 0.1])
    assert scores[0] == r2_score(target, net.predict(X))
    assert (np.diff(scores) < 0).all()
    counts = np.random.default_rng(0).poisson(np.exp(0.3 * X[:, 0]))
    net.set_params(loss="poisson").fit(X, counts)
    assert adversarial_score(net, X, counts, 0.1) < net.score(X, counts)
    both = NetClassifier((), solver="lbfgs", l2=1e-3, n_members=2).fit(X, y)  # twice the same
    expected = adversarial_examples(LOGISTIC, X, y, 0.1)
    np.testing.assert_allclose(adversarial_examples(both, X, y, 0.1), expected, atol=1e-10)
    three = clone(NET).set_params(n_members=3).fit(DIGITS, LABELS)
    moved = adversarial_examples(three, DIGITS, LABELS, 0.05)
    losses = [log_loss(LABELS, three.predict_proba(rows)) for rows in (DIGITS, moved)]
    assert losses[1] > 2 * losses[0]


def test_training_on_such_examples_helps():
    """Row 27: plain training fails on them, adversarial training recovers."""
    how = {"eps": 0.1, "clip": (0, 1)}
    scores = []
    for given in (0.0, Adversarial(0.1)):
        net = clone(NET).set_params(adversarial=given).fit(DIGITS[:1000], LABELS[:1000])
        scores.append(adversarial_score(net, DIGITS[1000:], LABELS[1000:], **how))
    moved = adversarial_examples(net, DIGITS, LABELS, **how)
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert net.score(DIGITS[1000:], LABELS[1000:]) > scores[1] > scores[0]


def test_a_pipeline_is_attacked_in_units_of_its_own_rows():
    for scaler in (StandardScaler(), make_pipeline(MinMaxScaler(), StandardScaler())):
        steps = [scaler] if not hasattr(scaler, "steps") else [s for _, s in scaler.steps]
        pipe = make_pipeline(*steps, clone(LOGISTIC)).fit(RAW, y)
        spread = steps[0].scale_ if len(steps) == 1 else 1 / (steps[0].scale_ / steps[1].scale_)
        w = pipe[-1].coef_.ravel() / spread
        expected = RAW - 0.5 * (2 * y - 1)[:, None] * np.sign(w)
        np.testing.assert_allclose(adversarial_examples(pipe, RAW, y, 0.5), expected, atol=1e-10)
        euclid = adversarial_examples(pipe, RAW, y, 0.5, norm=2)
        expected = RAW - 0.5 * (2 * y - 1)[:, None] * w / np.linalg.norm(w)
        np.testing.assert_allclose(euclid, expected, atol=1e-9)
    frame = pd.DataFrame(RAW, columns=[f"x{i}" for i in range(30)])
    pipe = make_pipeline(StandardScaler(), clone(LOGISTIC)).fit(frame, y)
    assert adversarial_score(pipe, frame, y, 0.5) < pipe.score(frame, y)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (LogisticRegression().fit(X, y), TypeError, "got LogisticRegression. Give the network"),
        (make_pipeline(PCA(3), clone(LOGISTIC)).fit(X, y), TypeError, "The step 'pca' of the pip"),
        (clone(LOGISTIC), ValueError, "not fitted"),
    ],
)
def test_estimators_that_are_refused(estimator, error, message):
    with pytest.raises(error, match=message):
        adversarial_score(estimator, X, y, 0.1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"eps": -1}, "'eps' parameter of adversarial_examples must be"),
        ({"eps": [0.1]}, "adversarial_score takes several"),
        ({"eps": {}}, "must be one number >= 0"),
        ({"clip": (0, "a")}, "must be the smallest and the largest"),
        ({"clip": (None, 1)}, "must be the smallest and the largest"),
        ({"norm": 1}, "norm=1 must be 2 or inf"),
        ({"steps": 0}, "'steps' parameter of adversarial_examples must be"),
        (
            {"clip": (0, 1), "X": 2 * np.abs(X)},
            r"X holds numbers from .* and clip=\(0, 1\) is what",
        ),
        ({"clip": (1, 0)}, "must be the smallest and the largest"),
        ({"y": y[:5]}, "X has 569 rows and y 5"),
        ({"X": X[:, :3]}, "X has 3 features, but NetClassifier is expecting 30"),
    ],
)
def test_refused(params, message):
    with pytest.raises(ValueError, match=message):
        adversarial_examples(**{"estimator": LOGISTIC, "X": X, "y": y, "eps": 0.1, **params})
