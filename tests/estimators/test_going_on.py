"""partial_fit and warm_start: training goes on from where the network is."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

from wellposed import NetClassifier, NetRegressor

X, y = load_diabetes(return_X_y=True)
X, y = X[:80] / X.std(), y[:80] / 100
X_iris, y_iris = load_iris(return_X_y=True)

SOLVERS = [("adam", 0.0), ("sgd", 0.0), ("sgd", 0.9)]


def reg(**settings):
    return NetRegressor(**{"hidden_layer_sizes": (6,), "random_state": 0} | settings)


@pytest.mark.parametrize(("solver", "momentum"), SOLVERS)
def test_full_batch_passes_are_the_epochs_of_fit(solver, momentum):
    net = reg(solver=solver, momentum=momentum, batch_size=None, l1=1e-3, max_epochs=7)
    whole, parts = clone(net).fit(X, y), clone(net)
    for _ in range(7):
        assert parts.partial_fit(X, y) is parts
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(parts, name), getattr(whole, name)):
            np.testing.assert_array_equal(a, b)
    assert parts.loss_curve_ == whole.loss_curve_
    assert (parts.n_iter_, parts.t_) == (whole.n_iter_, whole.t_) == (7, 7)


@pytest.mark.parametrize(("solver", "momentum"), SOLVERS)
def test_each_pass_over_one_batch_is_one_step_of_the_textbook(solver, momentum):
    net = reg(hidden_layer_sizes=(), solver=solver, momentum=momentum, learning_rate=0.05)
    batches = [slice(0, 30), slice(30, 50), slice(50, 80)]
    w, b, moments = np.zeros(10), 0.0, np.zeros((2, 11))
    for t, rows in enumerate(batches, 1):
        net.partial_fit(X[rows], y[rows])
        residual = X[rows] @ w + b - y[rows]
        gradient = np.append(X[rows].T @ residual, residual.sum()) / len(residual)
        if solver == "sgd":
            moments[0] = momentum * moments[0] + gradient
            step = moments[0]
        else:
            moments[0] = 0.9 * moments[0] + 0.1 * gradient
            moments[1] = 0.999 * moments[1] + 0.001 * gradient**2
            step = moments[0] / (1 - 0.9**t) / (np.sqrt(moments[1] / (1 - 0.999**t)) + 1e-8)
        w, b = w - 0.05 * step[:10], b - 0.05 * step[10]
        np.testing.assert_allclose(net.coef_, w, rtol=1e-10)
        assert net.intercept_ == pytest.approx(b, rel=1e-10)


def test_mini_batches_go_on_with_fresh_orders_and_one_history():
    net = reg(batch_size=16, dropout=0.2)
    for epoch in range(1, 4):
        net.partial_fit(X, y)
        assert (net.n_iter_, net.t_, len(net.loss_curve_)) == (epoch, 5 * epoch, epoch)
    assert len(set(net.loss_curve_)) == 3
    again = reg(batch_size=16, dropout=0.2)
    for _ in range(3):
        again.partial_fit(X, y)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_partial_fit_goes_on_from_fit_and_keeps_its_precision():
    net = reg(max_epochs=3).fit(X.astype(np.float32), y)
    before = net.coefs_[0]
    net.partial_fit(X, y)
    assert net.coefs_[0].dtype == np.float32
    assert net.n_iter_ == 4
    step = np.abs(net.coefs_[0] - before)
    assert 0 < step.max() < 0.01
    net.set_params(dtype="float64").partial_fit(X, y)
    assert net.coefs_[0].dtype == np.float64


def test_another_solver_goes_on_with_the_parameters_only():
    net = reg(hidden_layer_sizes=(), solver="adam").fit(X, y)
    w, b = net.coef_, net.intercept_
    net.set_params(solver="sgd", learning_rate=0.1, batch_size=None).partial_fit(X, y)
    residual = X @ w + b - y
    np.testing.assert_allclose(net.coef_, w - 0.1 * X.T @ residual / len(X), rtol=1e-12)


def test_the_first_rows_need_not_hold_every_class():
    net = NetClassifier((8,), learning_rate=0.02, random_state=0)
    order = np.random.default_rng(0).permutation(150)
    for _ in range(60):
        for rows in (order[y_iris[order] == c] for c in (2, 0, 1)):
            net.partial_fit(X_iris[rows], y_iris[rows], classes=[2, 0, 1])
    assert net.classes_.tolist() == [0, 1, 2]
    assert net.n_iter_ == 180
    net.partial_fit(X_iris, y_iris)
    assert net.score(X_iris, y_iris) > 0.8


def test_classes_named_once_are_forgotten_by_fit():
    net = NetClassifier((4,), max_epochs=2, random_state=0)
    net.partial_fit(X_iris, y_iris, classes=[0, 1, 2, 7]).fit(X_iris, y_iris)
    assert net.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(
        net.predict_proba(X_iris), net.__class__(**net.get_params()).fit(X_iris, y_iris)
        .predict_proba(X_iris)
    )  # fmt: skip


def test_a_seed_is_drawn_once():
    """Passes after the first go on with its seed, and take nothing from a shared generator."""
    nets = [
        reg(batch_size=16, dropout=0.2, random_state=state)
        for state in (5, np.random.RandomState(5))
    ]
    for net in nets:
        for _ in range(3):
            net.partial_fit(X, y)
    np.testing.assert_array_equal(nets[0].predict(X), nets[1].predict(X))


def test_several_labels_need_no_classes():
    labels = np.eye(3, dtype=int)[y_iris]
    net = NetClassifier((4,), random_state=0).partial_fit(X_iris, labels)
    assert net.predict_proba(X_iris).shape == (150, 3)
    assert net.partial_fit(X_iris, labels).n_iter_ == 2


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"solver": "lbfgs"}, "solver='lbfgs'"),
        ({"early_stopping": True}, "early_stopping=True"),
        ({"averaging": 0.5}, r"averaging=0\.5"),
        ({"class_weight": "balanced"}, "class_weight='balanced'"),
    ],
)
def test_partial_fit_is_not_there_where_it_has_no_meaning(parameters, name):
    net = NetClassifier(**parameters)
    assert not hasattr(net, "partial_fit")
    with pytest.raises(AttributeError) as caught:
        net.partial_fit(X_iris, y_iris, classes=[0, 1, 2])
    with pytest.raises(AttributeError, match=f"{name} needs all rows.*use fit"):
        raise caught.value.__cause__


def test_a_warm_start_goes_on_and_a_cold_one_does_not():
    net = reg(batch_size=None, max_epochs=5, warm_start=True, solver="sgd", momentum=0.0)
    twice = net.fit(X, y).fit(X, y)
    once = reg(batch_size=None, max_epochs=10, solver="sgd", momentum=0.0).fit(X, y)
    np.testing.assert_array_equal(twice.coefs_[0], once.coefs_[0])
    assert twice.n_iter_ == 5
    assert twice.loss_curve_ == once.loss_curve_[5:]
    cold = net.set_params(warm_start=False).fit(X, y)
    assert cold.loss_curve_ == once.loss_curve_[:5]


def test_a_warm_start_of_lbfgs_has_arrived_already():
    net = NetRegressor((), solver="lbfgs", l2=0.1, warm_start=True).fit(X, y)
    n_iter, coef = net.n_iter_, net.coef_
    net.fit(X, y)
    assert net.n_iter_ <= 1 < n_iter
    np.testing.assert_allclose(net.coef_, coef, atol=1e-6)
    net.set_params(l2=0.2).fit(X, y)  # down a path of strengths
    cold = NetRegressor((), solver="lbfgs", l2=0.2).fit(X, y)
    np.testing.assert_allclose(net.coef_, cold.coef_, atol=1e-5)


def test_a_warm_start_keeps_the_classes_and_takes_rows_of_some():
    net = NetClassifier((4,), warm_start=True, max_epochs=2, random_state=0).fit(X_iris, y_iris)
    net.fit(X_iris[:100], y_iris[:100])
    assert net.classes_.tolist() == [0, 1, 2]
    assert net.predict_proba(X_iris).shape == (150, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: net.set_params(hidden_layer_sizes=(7,)).fit(X, y), "describe another one"),
        (lambda net: net.set_params(activation="tanh").fit(X, y), "describe another one"),
        (lambda net: net.set_params(fit_intercept=False).fit(X, y), "describe another one"),
        (lambda net: net.fit(X, np.c_[y, y]), "number of outputs"),
        (lambda net: net.fit(X[:, :4], y), "X has 4 features, but NetRegressor is expecting 10"),
        (lambda net: net.partial_fit(X[:, :4], y), "X has 4 features"),
        (lambda net: net.partial_fit(X, np.c_[y, y]), "number of outputs"),
    ],
)
def test_what_does_not_fit_the_network_is_refused_and_the_model_kept(change, message):
    net = reg(warm_start=True, max_epochs=2).fit(X, y)
    before = net.predict(X)
    with pytest.raises(ValueError, match=message):
        change(net)
    np.testing.assert_array_equal(net.predict(X), before)
    assert net.n_iter_ == 2
