"""Row 18: three ways to use all rows after early stopping (algorithms 7.2 and 7.3)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, mean_squared_error

from wellposed import NetClassifier, NetRegressor
from wellposed.training import train

OPTIONS = {"hidden_layer_sizes": (40,), "learning_rate": 0.01, "random_state": 0}
STOPPING = {"early_stopping": True, "n_iter_no_change": 30, "max_epochs": 1000}


def noisy(n, seed=0, noise=0.4):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n, 1))
    return X, np.sin(2 * X[:, 0]) + noise * rng.normal(size=n)


@pytest.fixture
def split():
    X, y = noisy(40)
    return X[:28], y[:28], X[28:], y[28:]


def assert_same_weights(a, b):
    for ours, theirs in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_passes_trains_afresh_for_as_many_epochs(split):
    """Bitwise a plain fit of all rows that makes `best_epoch_` passes."""
    X, y, X_val, y_val = split
    net = NetRegressor(retrain="passes", batch_size=7, **STOPPING, **OPTIONS)
    net.fit(X, y, X_val=X_val, y_val=y_val)
    plain = NetRegressor(batch_size=7, max_epochs=net.best_epoch_, **OPTIONS)
    plain.fit(np.vstack([X, X_val]), np.hstack([y, y_val]))
    assert_same_weights(net, plain)
    assert net.n_iter_ == net.best_epoch_
    assert net.t_ == net.best_epoch_ * 6


def test_updates_trains_afresh_for_as_many_updates(split, make_request):
    """28 rows are 4 batches of 7, all 40 are 6: fewer passes, the same number of steps."""
    X, y, X_val, y_val = split
    net = NetRegressor(retrain="updates", batch_size=7, **STOPPING, **OPTIONS)
    net.fit(X, y, X_val=X_val, y_val=y_val)
    assert net.t_ == 4 * net.best_epoch_
    assert net.n_iter_ == -(-net.t_ // 6)
    request = make_request(
        np.vstack([X, X_val]), np.hstack([y, y_val]), (40,), batch_size=7, learning_rate=0.01,
        max_epochs=1000, max_updates=net.t_, seed=net._seed,
    )  # fmt: skip
    (outcome,) = train([request])
    np.testing.assert_array_equal(net.coefs_[0].T, request.network.coefs(outcome.state.theta)[0][0])


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_continue_stops_at_the_training_loss_of_the_stop(solver):
    """Algorithm 7.3: until J on the former validation rows is at most J_train at the stop."""
    X, y = noisy(40, seed=3)
    X, y, X_val, y_val = X[:28], y[:28], X[28:], y[28:]
    options = {"solver": solver, "batch_size": 7, **STOPPING, **OPTIONS}
    stopped = NetRegressor(**options).fit(X, y, X_val=X_val, y_val=y_val)
    target = mean_squared_error(y, stopped.predict(X)) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        net = NetRegressor(retrain="continue", **options).fit(X, y, X_val=X_val, y_val=y_val)
    assert mean_squared_error(y_val, stopped.predict(X_val)) / 2 > target
    assert mean_squared_error(y_val, net.predict(X_val)) / 2 <= target
    assert net.t_ == stopped.t_ + 6 * net.n_iter_


def test_continue_goes_on_from_the_best_epochs_state(split, make_request):
    """Parameters, moments and number of updates: the epochs that follow are those of one run."""
    X, y, X_val, y_val = split
    options = {"batch_size": 7, **STOPPING, **OPTIONS}
    net = NetRegressor(retrain="continue", **options).fit(X, y, X_val=X_val, y_val=y_val)
    shared = {"batch_size": 7, "learning_rate": 0.01, "seed": net._seed}
    first = make_request(X, y, (40,), max_epochs=net.best_epoch_, **shared)
    (best,) = train([first])
    together = np.vstack([X, X_val]), np.hstack([y, y_val])
    on = make_request(*together, (40,), max_epochs=net.n_iter_, start=best.state, **shared)
    (outcome,) = train([on])
    theta = outcome.state.theta
    np.testing.assert_array_equal(net.coefs_[0].T, on.network.coefs(theta)[0][0])


LABELS = {"class_weight": {0: 1.0, 1: 4.0}}


@pytest.mark.parametrize("retrain", ["passes", "updates", "continue"])
@pytest.mark.parametrize("weighted", ["rows", "classes", "rows and classes", "split"])
@pytest.mark.filterwarnings("ignore:retrain='continue' stopped")
def test_weights_of_rows_and_classes_count_in_the_second_training(weighted, retrain):
    """Every full-batch step of it is that of gradient descent on the weighted rows of both."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    y = (X[:, 0] + rng.normal(size=50) > 0).astype(int)
    rows = rng.uniform(0.1, 3, 50) if weighted != "classes" else np.ones(50)
    parameters = LABELS if "classes" in weighted else {}
    net = NetClassifier((), solver="sgd", momentum=0.0, learning_rate=0.5, early_stopping=True,
                        batch_size=None, max_epochs=6, retrain=retrain, random_state=0,
                        **parameters)  # fmt: skip
    if weighted == "split":
        net.fit(X, y, sample_weight=rows)
    else:
        rows[30:] = rows[:30].mean()
        net.fit(X[:30], y[:30], sample_weight=rows[:30], X_val=X[30:], y_val=y[30:])
    of_class = np.array([1.0, 4.0 if "classes" in weighted else 1.0])[y]
    weight = rows * of_class / np.mean(rows * of_class)
    w, b, path = np.zeros(3), 0.0, []
    if retrain == "continue":
        stopped = NetClassifier(**{**net.get_params(), "retrain": None})
        if weighted == "split":
            stopped.fit(X, y, sample_weight=rows)
        else:
            stopped.fit(X[:30], y[:30], sample_weight=rows[:30], X_val=X[30:], y_val=y[30:])
        w, b = stopped.coef_[0], stopped.intercept_[0]
    for _ in range(net.n_iter_):
        error = weight * (1 / (1 + np.exp(-(X @ w + b))) - y) / 50
        w, b = w - 0.5 * X.T @ error, b - 0.5 * error.sum()
        path.append(w)
    np.testing.assert_allclose(net.coef_[0], path[-1], rtol=1e-9)
    np.testing.assert_allclose(net.intercept_, b, rtol=1e-9)


@pytest.mark.parametrize("retrain", [None, "passes", "updates", "continue"])
@pytest.mark.parametrize("scale", [1e-3, 1e4, 1e307])
def test_the_scale_of_sample_weights_means_nothing(split, scale, retrain):
    X, y, X_val, y_val = split
    net = NetRegressor(retrain=retrain, early_stopping=True, max_epochs=20, **OPTIONS)
    fits = [
        clone(net).fit(X, y, sample_weight=weight, X_val=X_val, y_val=y_val).predict(X)
        for weight in (None, np.full(28, scale))
    ]
    np.testing.assert_allclose(*fits, rtol=1e-9)


def test_continue_may_never_get_there_and_says_so(split):
    """Former validation rows that contradict each other cannot reach the training loss."""
    X, y, X_val, _ = split
    X_val = np.repeat(X_val[:6], 2, 0)
    y_val = np.tile([-5.0, 5.0], 6)
    net = NetRegressor(retrain="continue", early_stopping=True, max_epochs=50, **OPTIONS)
    with pytest.warns(ConvergenceWarning, match=r"retrain='continue' stopped after max_epochs=50"):
        net.fit(X, y, X_val=X_val, y_val=y_val)
    assert net.n_iter_ == 50


def test_held_out_rows_are_used_with_validation_fraction_too():
    X, y = noisy(40)
    net = NetRegressor(retrain="passes", validation_fraction=0.3, **STOPPING, **OPTIONS).fit(X, y)
    stopped = NetRegressor(validation_fraction=0.3, **STOPPING, **OPTIONS).fit(X, y)
    assert net.best_epoch_ == stopped.best_epoch_
    assert not np.array_equal(net.coefs_[0], stopped.coefs_[0])
    plain = NetRegressor(max_epochs=net.best_epoch_, **OPTIONS)
    # Rows in another order: the same mean, summed in another order.
    plain.fit(X, y)
    np.testing.assert_allclose(net.predict(X), plain.predict(X), atol=1e-6)


def log_losses(**parameters):
    """Held-out log loss on digits with 20 % wrong labels, one a training set of 150 images."""
    X, y = load_digits(return_X_y=True)
    losses = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        train_rows, test_rows = np.split(rng.permutation(len(X)), [150])
        wrong = rng.random(150) < 0.2
        labels = np.where(wrong, (y[train_rows] + 3) % 10, y[train_rows])
        options = {"early_stopping": True, "validation_fraction": 0.4} | parameters
        net = NetClassifier((40,), learning_rate=0.01, batch_size=20, max_epochs=150,
                            random_state=seed, **options)  # fmt: skip
        net.fit(X[train_rows] / 16, labels)
        losses.append(log_loss(y[test_rows], net.predict_proba(X[test_rows] / 16)))
    return np.array(losses)


def assert_better(losses, others):
    """Smaller by more than 2 standard errors of the paired differences of logarithms."""
    gain = np.log(others / losses)
    assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain))


@pytest.mark.slow
def test_all_rows_beat_the_stopped_network_and_the_full_curve():
    """Paired over training sets: 40 % of the rows are worth having back, the last epochs not."""
    stopped, full = log_losses(), log_losses(early_stopping=False)
    passes, updates = log_losses(retrain="passes"), log_losses(retrain="updates")
    assert_better(passes, stopped)
    assert_better(passes, full)
    assert_better(updates, full)


def test_stopping_too_early_costs():
    """With a patience of one epoch a wiggle of the curve ends training."""
    X_test = np.linspace(-2, 2, 200)[:, None]
    errors = {
        patience: np.array([
            mean_squared_error(
                np.sin(2 * X_test[:, 0]),
                NetRegressor(validation_fraction=0.4, batch_size=5,
                             **STOPPING | {"n_iter_no_change": patience},
                             **OPTIONS | {"random_state": seed})
                .fit(*noisy(30, seed)).predict(X_test),
            )
            for seed in range(8)
        ])
        for patience in (1, 30)
    }  # fmt: skip
    assert_better(errors[30], errors[1])


def test_retraining_leaves_the_curve_of_the_stop(split):
    X, y, X_val, y_val = split
    curves = [
        NetRegressor(retrain=retrain, **STOPPING, **OPTIONS)
        .fit(X, y, X_val=X_val, y_val=y_val)
        .validation_loss_curve_
        for retrain in (None, "passes", "updates")
    ]
    assert curves[0] == curves[1] == curves[2]
    assert torch.tensor(curves[0]).argmin() + 31 == len(curves[0])
