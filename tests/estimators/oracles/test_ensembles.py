"""Row 22: an ensemble is scikit-learn's bagging of its members, and obeys eq. 7.50."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from wellposed import (
    NetClassifier,
    NetRegressor,
    RegularizationPathDisplay,
    fit_together,
    load,
    save,
)

X, y = load_iris(return_X_y=True)
X = scale(X)
Z, t = load_diabetes(return_X_y=True)
Z, t = scale(Z), scale(t)
HOW = {"learning_rate": 0.01, "batch_size": 40, "max_epochs": 8, "dropout": 0.1}
NET, REGRESSOR = NetClassifier((9,), **HOW), NetRegressor((9,), **HOW)


def ensemble(net, **params):
    return clone(net).set_params(**{"n_members": 5, "random_state": 0, **params})


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize(
    ("net", "bagging", "data"),
    [(NET, BaggingClassifier, (X, y)), (REGRESSOR, BaggingRegressor, (Z, t))],
    ids=["classes", "numbers"],
)
def test_members_are_those_of_bagging_to_the_bit(net, bagging, data, bootstrap):
    bag = bagging(net, 5, bootstrap=bootstrap, oob_score=bootstrap, random_state=0).fit(*data)
    ours = ensemble(net, bootstrap=bootstrap).fit(*data)
    for a, b in zip(ours.members_, bag.estimators_):
        assert a.random_state == b.random_state
        for u, v in zip((*a.coefs_, *a.intercepts_), (*b.coefs_, *b.intercepts_)):
            np.testing.assert_array_equal(u, v)
    np.testing.assert_allclose(ours.predict(data[0]), bag.predict(data[0]), rtol=0, atol=1e-12)
    if hasattr(net, "predict_proba"):
        expected = bag.predict_proba(X)
        np.testing.assert_allclose(ours.predict_proba(X), expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours.predict_log_proba(X), np.log(expected), atol=1e-12)
    if bootstrap:
        name = "oob_decision_function_" if hasattr(net, "predict_proba") else "oob_prediction_"
        seen = ~np.isnan(getattr(ours, name)).reshape(len(data[0]), -1).any(1)
        found, expected = getattr(ours, name)[seen], getattr(bag, name)[seen]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        assert seen.sum() > 100
        if seen.all():
            assert ours.oob_score_ == pytest.approx(bag.oob_score_, abs=1e-12)


def test_rows_are_drawn_as_likely_as_they_weigh():
    """As in scikit-learn: weights are probabilities, and draws count alike."""
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    bag = BaggingClassifier(NET, 5, random_state=0).fit(X, y, sample_weight=weight)
    ours = ensemble(NET, bootstrap=True).fit(X, y, sample_weight=weight)
    for a, b in zip(ours.members_, bag.estimators_):
        np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))


def test_squared_error_is_variance_and_covariance_of_the_members():
    """Eq. 7.50, ``v / k + (k - 1) / k c``, of the measured v and c: an identity."""
    k = 5
    net = ensemble(REGRESSOR, bootstrap=True).fit(Z[:200], t[:200])
    errors = net.predict_members(Z[200:]) - t[200:]
    moments = errors @ errors.T / len(t[200:])
    v = np.trace(moments) / k
    c = (moments.sum() - np.trace(moments)) / (k * (k - 1))
    measured = np.mean((net.predict(Z[200:]) - t[200:]) ** 2)
    assert measured == pytest.approx(v / k + (k - 1) / k * c, abs=1e-12)
    assert measured <= v + 1e-12


@pytest.mark.parametrize("classes", [2, 3])
def test_log_loss_is_never_worse_than_the_members_on_average(classes):
    rows = y < classes
    net = ensemble(NET).fit(X[rows], y[rows])
    proba = net.predict_members(X[rows])
    np.testing.assert_allclose(net.predict_proba(X[rows]), proba.mean(0), rtol=0, atol=1e-12)
    mean = np.mean([log_loss(y[rows], p) for p in proba])
    assert log_loss(y[rows], net.predict_proba(X[rows])) <= mean
    np.testing.assert_allclose(net.predict_std(X[rows]), proba.std(0), rtol=0, atol=1e-15)


def test_counts_and_several_labels():
    counts = np.random.default_rng(0).poisson(np.exp(0.3 * X[:, 0]))
    net = ensemble(REGRESSOR, loss="poisson").fit(X, counts)
    mean = net.predict_members(X).mean(0)
    np.testing.assert_allclose(net.predict(X), mean, rtol=1e-12)
    labels = np.stack([y == 0, X[:, 0] > 0], 1).astype(int)
    net = ensemble(NET, bootstrap=True).fit(X, labels)
    mean = net.predict_members(X).mean(0)
    np.testing.assert_allclose(net.predict_proba(X), mean, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(net.predict(X), (mean > 0.5).astype(int))
    assert 0.5 < net.oob_score_ <= 1
    two = np.stack([t, Z[:, 0]], 1)
    net = ensemble(REGRESSOR, bootstrap=True).fit(Z, two)
    assert net.oob_prediction_.shape == two.shape


def test_each_member_stops_and_retrains_by_itself():
    how = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 40, "retrain": "passes"}
    net = ensemble(NET, **how).fit(X, y)
    epochs = [member.n_iter_ for member in net.members_]
    assert len(set(epochs)) > 1
    assert net.n_iter_ == max(epochs) == len(net.loss_curve_)
    for member in net.members_:
        alone = clone(NET).set_params(**how, random_state=member.random_state).fit(X, y)
        np.testing.assert_array_equal(alone.predict_proba(X), member.predict_proba(X))


def test_the_same_model_in_a_block_in_processes_and_alone():
    net = ensemble(NET, bootstrap=True)
    expected = clone(net).fit(X, y).predict_proba(X)
    grid = {"l2": [0.0, 0.1]}
    alone = GridSearchCV(net, grid, cv=3).fit(X, y)
    with fit_together() as scheduler:
        together = GridSearchCV(net, grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(clone(net).fit(X, y).predict_proba(X), expected)
    for name in ("split0_test_score", "mean_test_score"):
        np.testing.assert_array_equal(alone.cv_results_[name], together.cv_results_[name])
    assert max(scheduler.stack_sizes) >= 5


def test_going_on():
    net = ensemble(NET, warm_start=True, max_epochs=2).fit(X, y)
    members = net.members_
    net.fit(X, y)
    for before, after in zip(members, net.members_):
        before.fit(X, y)
        np.testing.assert_array_equal(before.predict_proba(X), after.predict_proba(X))
    with pytest.raises(ValueError, match="goes on with the 5 fitted networks, and n_members is 3"):
        net.set_params(n_members=3).fit(X, y)


def test_passes_one_by_one():
    net = ensemble(NET, dropout=0)
    for _ in range(3):
        net.partial_fit(X, y, classes=[0, 1, 2])
    for member in net.members_:
        alone = clone(NET).set_params(dropout=0, random_state=member.random_state)
        for _ in range(3):
            alone.partial_fit(X, y, classes=[0, 1, 2])
        np.testing.assert_array_equal(alone.predict_proba(X), member.predict_proba(X))
    with pytest.raises(AttributeError) as refused:
        net.set_params(bootstrap=True).partial_fit(X, y)
    assert "bootstrap=True needs all rows" in str(refused.value.__cause__)


def test_pickle_and_file(tmp_path):
    net = ensemble(NET, bootstrap=True).fit(X, y)
    expected = net.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), expected)
    save(net, tmp_path / "ensemble.safetensors")
    loaded = load(tmp_path / "ensemble.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    np.testing.assert_array_equal(loaded.predict_members(X), net.predict_members(X))


def test_what_an_ensemble_has_not():
    net = ensemble(NET).fit(X, y)
    for name in ("coefs_", "intercepts_", "net_"):
        with pytest.raises(AttributeError, match="An ensemble of 5 networks has no"):
            getattr(net, name)
        assert getattr(net.members_[0], name) is not None
    assert net.feature_importances_.shape == (4,)
    one = net.set_params(n_members=1).fit(X, y)
    assert len(one.coefs_) == 2
    assert one.predict_members(X).shape == (1, 150, 3)
    with pytest.raises(AttributeError, match="members_ are those of a fitted ensemble"):
        _ = one.members_
    with pytest.raises(ValueError, match="One network has no spread"):
        one.predict_std(X)
    with pytest.raises(ValueError, match="'n_members' parameter of NetClassifier must be"):
        one.set_params(n_members=0).fit(X, y)


def test_training_goes_on_with_as_many_networks_as_there_are():
    one, three = ensemble(NET, n_members=1).fit(X, y), ensemble(NET, n_members=3).fit(X, y)
    three.set_params(n_members=1)
    sentence = "goes on with the 3 fitted networks, and n_members is 1"
    with pytest.raises(ValueError, match=sentence):
        three.partial_fit(X, y)
    with pytest.raises(ValueError, match=sentence):
        three.set_params(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="a network that was fitted without"):
        one.set_params(warm_start=True, bootstrap=True).fit(X, y)
    drawn = ensemble(NET, n_members=1, bootstrap=True).fit(X, y)
    alone = drawn.members_[0].partial_fit(X, y)
    drawn.set_params(bootstrap=False).partial_fit(X, y)
    np.testing.assert_array_equal(drawn.predict_proba(X), alone.predict_proba(X))
    assert not hasattr(drawn, "oob_score_")


def test_parts_of_the_objective_are_means_as_the_objective_is():
    net = ensemble(NET, l2=0.1).fit(X, y)
    each = [member.objective_parts_["l2"] for member in net.members_]
    np.testing.assert_allclose(net.objective_parts_["l2"], np.mean(each, 0), rtol=1e-15)


LABELS = np.stack([y == 0, X[:, 0] > 0], 1).astype(int)


def some_are_none(labels):
    labels = labels.astype(object)
    labels[::7, 1] = None
    return labels


@pytest.mark.parametrize(
    ("rows", "targets", "like"),
    [
        *[(make(X), y, (X, y)) for make in (sparse.coo_matrix, sparse.dia_array, sparse.bsr_array)],
        (X.tolist(), y.tolist(), (X, y)),
        (X, sparse.csr_array(LABELS), (X, LABELS)),
        (X, some_are_none(LABELS), (X, some_are_none(LABELS).astype(float))),
    ],
)
def test_rows_of_any_kind_are_drawn(rows, targets, like):
    net = ensemble(NET, n_members=3, bootstrap=True)
    found, expected = clone(net).fit(rows, targets), net.fit(*like)
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    assert found.oob_score_ == expected.oob_score_


def test_rows_of_no_columns_get_the_sentence_of_scikit_learn():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        ensemble(NET, bootstrap=True).fit(X[:, 0], y)


def test_a_path_of_an_ensemble_is_refused():
    with pytest.raises(ValueError, match="NetClassifier is an ensemble of 5 networks, each"):
        RegularizationPathDisplay.from_estimator(
            ensemble(NET), X, y, param_name="l2", param_range=[0.1, 1.0]
        )


def same_in_expectation_alone(estimator):
    """As of scikit-learn's bagging: rows are drawn as likely as they weigh."""
    name, reason = "check_sample_weight_equivalence_on", "holds in expectation over the draws"
    return {f"{name}_{kind}_data": reason for kind in ("dense", "sparse") if estimator.bootstrap}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        NetClassifier((8,), n_members=2, learning_rate=0.02, max_epochs=100),
        NetRegressor((8,), n_members=2, learning_rate=0.02, max_epochs=100),
        NetClassifier((8,), n_members=2, bootstrap=True, learning_rate=0.05, max_epochs=20),
    ],
    expected_failed_checks=same_in_expectation_alone,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
