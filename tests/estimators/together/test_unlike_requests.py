"""What may not train as one stack, or with one another's rows, does not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from wellposed import NetClassifier, NetRegressor, fit_together

pytestmark = pytest.mark.usefixtures("whole_groups")

rng = np.random.default_rng(0)
X = rng.normal(size=(96, 5))
COUNTS = rng.poisson(2.0, 96).astype(float)
SETTINGS = {"hidden_layer_sizes": (6,), "batch_size": 32, "max_epochs": 3, "random_state": 0}


def fit_all(nets, tables, y=COUNTS):
    """Fit each to its table at the same time; return the networks and the stacks' sizes."""
    with warnings.catch_warnings(), fit_together() as found:
        warnings.simplefilter("ignore", ConvergenceWarning)
        nets = Parallel()(delayed(net.fit)(rows, y) for net, rows in zip(nets, tables))
    return nets, sorted(found.stack_sizes)


def assert_same_model(net, expected):
    for a, b in zip(net.coefs_ + net.intercepts_, expected.coefs_ + expected.intercepts_):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(net.loss_curve_, expected.loss_curve_)


UNLIKE = {
    "loss": ({}, {"loss": "poisson"}),
    "averaging": ({}, {"averaging": 0.9}),
    "solver": ({"solver": "sgd", "momentum": 0.0}, {"solver": "adam"}),
    "momentum": ({"solver": "sgd", "momentum": 0.0}, {"solver": "sgd", "momentum": 0.9}),
    "regularizers": ({}, {"l2": 0.1}),
    "other regularizers": ({"l1": 0.01}, {"l2": 0.1}),
    "precision": ({"dtype": "float32"}, {"dtype": "float64"}),
    "activation": ({"activation": "tanh"}, {"activation": "logistic"}),
    "one batch": ({"batch_size": 96}, {"batch_size": 95}),
    "width": ({"batch_size": 32}, {"batch_size": 48}),
    "early stopping": ({}, {"early_stopping": True, "n_iter_no_change": 1, "max_epochs": 20}),
}


@pytest.mark.parametrize("slower", [0, 1])
@pytest.mark.parametrize("name", UNLIKE)
def test_unlike_fits_are_what_they_are_alone(name, slower):
    """In either order: a stack is sorted by learning rate, and its first would speak for all."""
    rates = (0.01, 0.02) if slower else (0.02, 0.01)
    nets = [
        NetRegressor(**SETTINGS | settings, learning_rate=rate)
        for settings, rate in zip(UNLIKE[name], rates)
    ]
    expected = [fit_all([net], [X])[0][0] for net in nets]
    found, sizes = fit_all(nets, [X, X])
    for net, alone in zip(found, expected):
        assert_same_model(net, alone)
    assert sizes == [1, 1]


@pytest.mark.parametrize("slower", [0, 1])
def test_a_classifier_and_a_regressor_of_one_shape(slower):
    rates = (0.01, 0.02) if slower else (0.02, 0.01)
    labels = (COUNTS > 1).astype(float)
    nets = [cls(**SETTINGS) for cls in (NetClassifier, NetRegressor)]
    nets = [net.set_params(learning_rate=rate) for net, rate in zip(nets, rates)]
    expected = [net.__class__(**net.get_params()).fit(X, labels) for net in nets]
    found, sizes = fit_all(nets, [X, X], labels)
    for net, alone in zip(found, expected):
        assert_same_model(net, alone)
    assert sizes == [1, 1]


@pytest.mark.parametrize(
    "settings",
    [
        [{"solver": "adam", "momentum": 0.0}, {"solver": "adam", "momentum": 0.9}],
        [{"l2": 0.1}, {"l2": 0.2, "learning_rate": 0.1, "random_state": 1, "max_epochs": 5}],
        [{"n_iter_no_change": 3}, {"n_iter_no_change": 4}],
        [{"tol": 1e-3}, {"tol": 1e-9}],
    ],
)
def test_what_may_differ_in_a_stack_does_not_part_it(settings):
    nets = [NetRegressor(**SETTINGS | given) for given in settings]
    expected = [NetRegressor(**net.get_params()).fit(X, COUNTS) for net in nets]
    found, sizes = fit_all(nets, [X, X])
    for net, alone in zip(found, expected):
        assert_same_model(net, alone)
    assert sizes == [2]


@pytest.mark.parametrize("slower", [0, 1])
def test_a_fresh_fit_and_one_that_goes_on(slower):
    """Adam's bias correction counts the updates from the first fit on."""
    rates = (0.01, 0.02) if slower else (0.02, 0.01)

    def started():
        return NetRegressor(**SETTINGS, learning_rate=rates[0]).partial_fit(X, COUNTS)

    fresh = NetRegressor(**SETTINGS, learning_rate=rates[1])
    expected = [net.partial_fit(X, COUNTS) for net in (started(), fresh)]
    again = [started(), NetRegressor(**SETTINGS, learning_rate=rates[1])]
    with fit_together() as scheduler:
        found = Parallel()(delayed(net.partial_fit)(X, COUNTS) for net in again)
    for net, alone in zip(found, expected):
        assert_same_model(net, alone)
    assert scheduler.stack_sizes == [1, 1]


@pytest.mark.parametrize("part", ["X", "y", "weight"])
@pytest.mark.parametrize("n", [96, 1000])
def test_tables_that_differ_in_one_number_are_two(n, part):
    """Wherever the number is: equal rows are looked for by a sample of them."""
    draw = np.random.default_rng(1)
    table = {"X": draw.normal(size=(n, 3)), "y": draw.normal(size=n), "weight": np.ones(n)}
    others = []
    for row in (0, 1, n // 2 + 1, n - 2, n - 1):
        other = {name: values.copy() for name, values in table.items()}
        other[part][row] += 1.0
        others.append(other)

    def fit(t):
        net = NetRegressor((), solver="sgd", batch_size=None, max_epochs=2, learning_rate=0.1)
        return net.fit(t["X"], t["y"], sample_weight=t["weight"])

    with fit_together() as scheduler:
        found = Parallel()(delayed(fit)(t) for t in (table, *others))
    assert scheduler.stack_sizes == [6]
    for net, t in zip(found, (table, *others)):
        assert_same_model(net, fit(t))


def test_sparse_tables_that_differ_in_one_number_are_two(monkeypatch):
    monkeypatch.setattr("wellposed._arrays._DENSE_BYTES", 0)
    table = sparse.random(96, 30, 0.2, format="csr", random_state=0)
    moved, changed = table.copy(), table.copy()
    changed.data[37] += 1.0
    moved.indices[0] = (set(range(30)) - set(table.indices[: table.indptr[1]])).pop()
    moved.sort_indices()
    net = {"hidden_layer_sizes": (), "learning_rate": 0.1, "max_epochs": 2}
    tables = [table, changed, moved]
    expected = [NetRegressor(**net).fit(rows.toarray(), COUNTS) for rows in tables]
    found, sizes = fit_all([NetRegressor(**net) for _ in tables], tables)
    assert sizes == [3]
    for model, alone in zip(found, expected):
        np.testing.assert_allclose(model.coef_, alone.coef_, rtol=1e-12)
    assert not np.allclose(found[0].coef_, found[2].coef_)


def test_a_sparse_table_and_a_dense_one(monkeypatch):
    table = sparse.random(96, 30, 0.2, format="csr", random_state=0)
    net = {"hidden_layer_sizes": (), "learning_rate": 0.1, "max_epochs": 2}
    expected = NetRegressor(**net).fit(table.toarray(), COUNTS)
    monkeypatch.setattr("wellposed._arrays._DENSE_BYTES", 0)
    found, sizes = fit_all([NetRegressor(**net) for _ in range(2)], [table, table.toarray()])
    assert sizes == [1, 1]
    for model in found:
        np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)


def test_validation_tables_that_differ_in_one_number_are_two():
    labels = (X[:, 0] > 0).astype(int)
    other = X[:70].copy()
    other[31, 0] *= -30.0

    def fit(held_out):
        net = NetClassifier((4,), max_epochs=2, learning_rate=0.05, random_state=0)
        return net.fit(X, labels, X_val=held_out, y_val=labels[:70]).validation_loss_curve_

    with fit_together() as scheduler:
        found = Parallel()(delayed(fit)(held_out) for held_out in (X[:70], other))
    assert scheduler.stack_sizes == [2]
    assert found == [fit(X[:70]), fit(other)]
    assert found[0] != found[1]
