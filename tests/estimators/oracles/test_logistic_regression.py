"""A classifying network without hidden layers is LogisticRegression (section 0)."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from wellposed import NetClassifier

EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}


@pytest.fixture(params=[(80, 6), (25, 40)], ids=["n>p", "n<p"])
def shape(request):
    return request.param


def labelled(n, p, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.normal(size=p)
    scores = X @ rng.normal(size=(p, n_classes)) + 2 * rng.gumbel(size=(n, n_classes))
    return X, np.array(list("dbac"))[:n_classes][scores.argmax(1)]


def weights(n, weighted):
    return np.random.default_rng(1).integers(0, 4, n).astype(float) if weighted else None


def assert_equal_models(model, reference):
    """Relative 2-norm <= 1e-6; softmax intercepts are compared after centring."""
    assert model.coef_.shape == reference.coef_.shape
    np.testing.assert_array_equal(model.classes_, reference.classes_)
    difference = np.linalg.norm(model.coef_ - reference.coef_)
    assert difference <= 1e-6 * np.linalg.norm(reference.coef_)
    b, b_ref = model.intercept_, reference.intercept_
    if len(b) > 1:
        b, b_ref = b - b.mean(), b_ref - b_ref.mean()
    assert np.linalg.norm(b - b_ref) <= 1e-6 * np.linalg.norm(b_ref)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("a", [1e-2, 1.0])
@pytest.mark.filterwarnings("ignore:.*(Line search|did not converge):UserWarning")
def test_l2_is_logistic_regression(shape, n_classes, weighted, a):
    """``l2 = a`` equals ``C = 1 / (n a)``, n being the sum of the weights."""
    X, y = labelled(*shape, n_classes)
    w = weights(len(X), weighted)
    n = len(X) if w is None else w.sum()
    model = NetClassifier((), l2=a, **EXACT).fit(X, y, sample_weight=w)
    reference = LogisticRegression(
        C=1 / (n * a), solver="newton-cholesky", tol=1e-14, max_iter=10_000
    ).fit(X, y, sample_weight=w)
    assert model.coef_.shape == ((1 if n_classes == 2 else n_classes), X.shape[1])
    assert_equal_models(model, reference)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-7)
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("r", [1.0, 0.5], ids=["l1", "elastic net"])
def test_l1_is_logistic_regression_too(shape, n_classes, r):
    X, y = labelled(*shape, n_classes)
    a = 0.2 if shape[0] > shape[1] else 0.1
    model = NetClassifier((), l1=a * r, l2=a * (1 - r), **EXACT).fit(X, y)
    reference = LogisticRegression(
        C=1 / (len(X) * a), l1_ratio=r, solver="saga", tol=1e-14, max_iter=1_000_000
    ).fit(X, y)
    assert_equal_models(model, reference)
    np.testing.assert_array_equal(model.coef_ != 0, reference.coef_ != 0)
    assert 0 < (model.coef_ == 0).sum() < model.coef_.size


def test_one_label_a_column_is_one_logistic_regression_each(shape):
    """Several binary labels are summed in the loss, so that they do not see each other."""
    X, _ = labelled(*shape, 2)
    rng = np.random.default_rng(5)
    Y = (X @ rng.normal(size=(X.shape[1], 3)) + rng.logistic(size=(len(X), 3)) > 0).astype(int)
    a = 0.1
    model = NetClassifier((), l2=a, **EXACT).fit(X, Y)
    for k in range(3):
        reference = LogisticRegression(
            C=1 / (len(X) * a), solver="newton-cholesky", tol=1e-14, max_iter=10_000
        ).fit(X, Y[:, k])
        distance = np.linalg.norm(model.coef_[k] - reference.coef_[0])
        assert distance <= 1e-6 * np.linalg.norm(reference.coef_)
        assert abs(model.intercept_[k] - reference.intercept_[0]) <= 1e-6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_class_weight_is_the_references(n_classes):
    X, y = labelled(80, 6, n_classes)
    a = 0.05
    model = NetClassifier((), l2=a, class_weight="balanced", **EXACT).fit(X, y)
    reference = LogisticRegression(
        C=1 / (len(X) * a),
        class_weight="balanced",
        solver="newton-cholesky",
        tol=1e-14,
        max_iter=10_000,
    ).fit(X, y)
    assert_equal_models(model, reference)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_on_all_rows_reaches_it(n_classes, momentum):
    X, y = labelled(80, 6, n_classes)
    model = NetClassifier(
        (),
        l2=0.1,
        solver="sgd",
        momentum=momentum,
        learning_rate=0.2 * (1 - momentum),
        batch_size=None,
        max_epochs=4000,
    ).fit(X, y)
    reference = LogisticRegression(
        C=1 / (len(X) * 0.1), solver="newton-cholesky", tol=1e-14, max_iter=10_000
    ).fit(X, y)
    assert_equal_models(model, reference)
