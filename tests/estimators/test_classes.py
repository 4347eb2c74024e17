"""Classes, several labels, class weights and probabilities."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from wellposed import NetClassifier

X_iris, y_iris = load_iris(return_X_y=True)
X_two, y_two = load_breast_cancer(return_X_y=True)
X_two, y_two = StandardScaler().fit_transform(X_two)[:200, :6], y_two[:200]
EXACT = NetClassifier((), solver="lbfgs", l2=1e-2, tol=1e-10)
STEPS = NetClassifier((5,), max_epochs=8, random_state=0)


@pytest.mark.parametrize("net", [EXACT, STEPS], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0}, {0: 0.3, 1: 2, 2: 1}])
def test_class_weights_are_sample_weights(net, class_weight):
    X, y = X_iris[:130], y_iris[:130]
    weight = compute_sample_weight(class_weight, y)
    by_class = clone(net).set_params(class_weight=class_weight).fit(X, y)
    by_row = clone(net).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), atol=1e-9)
    plain = clone(net).fit(X, y).predict_proba(X)
    assert np.abs(by_class.predict_proba(X) - plain).max() > 1e-4


def test_balanced_weights_with_sample_weights_are_those_of_logistic_regression():
    weight = np.random.default_rng(0).uniform(0, 2, 200)
    net = clone(EXACT).set_params(class_weight="balanced").fit(X_two, y_two, weight)
    # Weights are scaled to mean 1 over the rows; those of scikit-learn sum up as they are.
    balanced = weight * (weight.sum() / (2 * np.bincount(y_two, weight)[y_two]))
    C = 1 / (1e-2 * balanced.sum())
    model = LogisticRegression(C=C, class_weight="balanced", tol=1e-10, max_iter=10_000)
    model.fit(X_two, y_two, weight)
    np.testing.assert_allclose(net.coef_, model.coef_, rtol=1e-5)


def test_a_class_of_weight_zero_is_known_and_never_shown():
    weight = np.where(y_iris == 2, 0.0, 1.0)
    for settings in ({"class_weight": {2: 0}}, {"class_weight": "balanced"}, {}):
        net = clone(EXACT).set_params(**settings)
        net.fit(X_iris, y_iris, None if settings.get("class_weight") == {2: 0} else weight)
        assert net.classes_.tolist() == [0, 1, 2]
        reference = clone(EXACT).set_params(random_state=0)
        reference.fit(np.r_[X_iris[:100], 1e3 * X_iris[100:]], y_iris, weight)
        np.testing.assert_allclose(net.coef_, reference.coef_, atol=1e-7)


def test_validation_rows_weigh_as_their_classes_do():
    X_val, y_val = X_iris[::3], y_iris[::3]
    class_weight = {0: 1.0, 1: 3.0, 2: 6.0}
    net = clone(STEPS).set_params(class_weight=class_weight)
    net.fit(X_iris, y_iris, X_val=X_val, y_val=y_val)
    log_p = net.predict_log_proba(X_val)[np.arange(50), y_val]
    weight = compute_sample_weight(class_weight, y_val)
    expected = -np.average(log_p, weights=weight)
    assert net.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-12)
    hit = net.predict(X_val) == y_val
    assert net.validation_scores_[-1] == pytest.approx(np.average(hit, weights=weight))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_several_labels_are_as_many_logistic_regressions(container):
    X, Y = make_multilabel_classification(80, 5, n_classes=3, random_state=1)
    X = StandardScaler().fit_transform(X)
    net = clone(EXACT).fit(X, container(Y))
    assert net.classes_.tolist() == [0, 1, 2]
    for k in range(3):
        alone = clone(EXACT).fit(X, Y[:, k])
        np.testing.assert_allclose(net.coef_[k], alone.coef_[0], atol=1e-8)
        np.testing.assert_allclose(net.predict_proba(X)[:, k], alone.predict_proba(X)[:, 1])
        np.testing.assert_array_equal(net.predict(X)[:, k], alone.predict(X))
    np.testing.assert_allclose(net.predict_log_proba(X), np.log(net.predict_proba(X)), atol=1e-12)
    assert net.score(X, Y) == (net.predict(X) == Y).all(1).mean()


def test_two_classes_have_one_logit_of_the_second():
    net = clone(STEPS).fit(X_two, np.array(["yes", "no"])[y_two])
    assert net.classes_.tolist() == ["no", "yes"]
    logit = net.decision_function(X_two)
    assert logit.shape == (200,)
    np.testing.assert_allclose(net.predict_proba(X_two)[:, 1], expit(logit))
    assert (net.predict(X_two) == np.where(logit > 0, "yes", "no")).all()
    assert net.n_outputs_ == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 3])
def test_logarithms_of_probabilities_survive_extreme_logits(classes, dtype):
    X, y = (X_two, y_two) if classes == 2 else (X_iris, y_iris)
    net = clone(STEPS).set_params(dtype=dtype).fit(X, y)
    far = 1e4 * X[:: len(X) // 10].astype(dtype)
    log_p, p = net.predict_log_proba(far), net.predict_proba(far)
    z = net.decision_function(far).astype(np.float64)
    z = np.c_[np.zeros(len(z)), z] if classes == 2 else z
    assert np.abs(z).max() > 1e3
    assert (p == 0).any()
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(log_p[:, 1] - log_p[:, 0], z[:, 1] - z[:, 0], rtol=1e-12)
    np.testing.assert_allclose(p.sum(1), 1.0)
    np.testing.assert_array_equal(net.classes_[p.argmax(1)], net.predict(far))


def test_a_column_of_labels_is_flattened_with_a_warning():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        net = clone(STEPS).fit(X_iris, y_iris[:, None])
    np.testing.assert_array_equal(
        net.predict(X_iris), clone(STEPS).fit(X_iris, y_iris).predict(X_iris)
    )
