"""Row 17: the validation loss in time, and the parameters of its best epoch (section 7.8)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score
from sklearn.model_selection import train_test_split

from wellposed import NetClassifier, NetRegressor
from wellposed.training import train


@pytest.fixture(scope="module")
def digits():
    """100 images to learn from, 100 to stop by, the rest to judge."""
    X, y = load_digits(return_X_y=True)
    X, y = X / 16.0, y
    rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=1000, random_state=0)
    return rest[:100], y_rest[:100], rest[100:200], y_rest[100:200], X_test, y_test


@pytest.fixture
def noisy():
    """Few noisy samples of a curve: an over-flexible network fits the noise before long."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(60, 1))
    y = np.sin(2 * X[:, 0]) + 0.5 * rng.normal(size=60)
    return X[:30], y[:30], X[30:], y[30:]


FLEXIBLE = {
    "hidden_layer_sizes": (60,),
    "init": "glorot",
    "learning_rate": 0.01,
    "random_state": 0,
}


class TestCurve:
    def test_it_is_u_shaped(self, noisy):
        """Down first, up in the end, while the training loss keeps falling."""
        X, y, X_val, y_val = noisy
        net = NetRegressor(max_epochs=1500, **FLEXIBLE).fit(X, y, X_val=X_val, y_val=y_val)
        curve = np.array(net.validation_loss_curve_)
        best = curve.argmin()
        assert 10 < best < 1000
        assert curve[0] > 1.3 * curve[best]
        assert curve[-1] > 1.3 * curve[best]
        assert net.loss_curve_[-1] < 0.7 * net.loss_curve_[best]
        assert net.n_iter_ == 1500

    def test_it_is_the_loss_on_the_validation_rows_after_each_epoch(self, noisy):
        X, y, X_val, y_val = noisy
        options = {"solver": "sgd", "batch_size": 8, **FLEXIBLE}
        net = NetRegressor(max_epochs=6, **options).fit(X, y, X_val=X_val, y_val=y_val)
        for epochs in range(1, 7):
            prediction = NetRegressor(max_epochs=epochs, **options).fit(X, y).predict(X_val)
            loss = mean_squared_error(y_val, prediction) / 2
            assert net.validation_loss_curve_[epochs - 1] == pytest.approx(loss, abs=1e-12)
            score = r2_score(y_val, prediction)
            assert net.validation_scores_[epochs - 1] == pytest.approx(score, abs=1e-12)

    @pytest.mark.parametrize("n_classes", [2, 10])
    def test_it_is_the_log_loss_in_classification(self, digits, n_classes):
        X, y, X_val, y_val, *_ = digits
        if n_classes == 2:
            y, y_val = y % 2, y_val % 2
        options = {"batch_size": 32, **FLEXIBLE}
        net = NetClassifier(max_epochs=4, **options).fit(X, y, X_val=X_val, y_val=y_val)
        for epochs in (1, 4):
            fit = NetClassifier(max_epochs=epochs, **options).fit(X, y)
            loss = log_loss(y_val, fit.predict_proba(X_val))
            assert net.validation_loss_curve_[epochs - 1] == pytest.approx(loss, abs=1e-12)
            score = accuracy_score(y_val, fit.predict(X_val))
            assert net.validation_scores_[epochs - 1] == pytest.approx(score, abs=1e-12)

    def test_watching_changes_nothing(self, noisy):
        X, y, X_val, y_val = noisy
        options = {"max_epochs": 30, "dropout": 0.2, **FLEXIBLE}
        watched = NetRegressor(**options).fit(X, y, X_val=X_val, y_val=y_val)
        np.testing.assert_array_equal(
            watched.coefs_[0], NetRegressor(**options).fit(X, y).coefs_[0]
        )


class TestBestEpoch:
    @pytest.mark.parametrize("solver", ["adam", "sgd"])
    @pytest.mark.parametrize("extra", [{}, {"dropout": 0.2, "l2": 1e-3, "input_noise": 0.1}])
    def test_its_parameters_are_returned(self, noisy, solver, extra):
        """Bitwise those of a fit that makes `best_epoch_` epochs and no more."""
        X, y, X_val, y_val = noisy
        options = {"solver": solver, "batch_size": 16, **FLEXIBLE, **extra}
        net = NetRegressor(early_stopping=True, n_iter_no_change=20, max_epochs=1500, **options)
        net.fit(X, y, X_val=X_val, y_val=y_val)
        assert net.best_epoch_ == np.argmin(net.validation_loss_curve_) + 1
        assert net.n_iter_ == net.best_epoch_ + 20
        short = NetRegressor(max_epochs=net.best_epoch_, **options).fit(X, y)
        for stopped, reference in zip(
            net.coefs_ + net.intercepts_, short.coefs_ + short.intercepts_
        ):
            np.testing.assert_array_equal(stopped, reference)
        assert net.t_ == short.t_
        loss = mean_squared_error(y_val, net.predict(X_val)) / 2
        assert loss == pytest.approx(min(net.validation_loss_curve_), abs=1e-12)

    @pytest.mark.parametrize("solver", ["adam", "sgd"])
    def test_the_optimisers_state_is_restored_with_them(self, make_request, noisy, solver):
        X, y, X_val, y_val = noisy
        validation = make_request(X_val, y_val).rows
        options = {"solver": solver, "momentum": 0.9 * (solver == "sgd"), "learning_rate": 0.01}
        (stopped,) = train([make_request(X, y, (60,), validation=validation, patience=20,
                                         max_epochs=1500, **options)])  # fmt: skip
        (short,) = train([make_request(X, y, (60,), max_epochs=stopped.best_epoch, **options)])
        assert stopped.n_epochs == stopped.best_epoch + 20
        assert stopped.state.n_updates == short.state.n_updates
        assert torch.equal(stopped.state.theta, short.state.theta)
        assert len(stopped.state.slots) == {"adam": 2, "sgd": 1}[solver]
        for restored, reference in zip(stopped.state.slots, short.state.slots):
            assert torch.equal(restored, reference)

    def test_without_a_rise_all_epochs_are_made(self, noisy):
        X, y, X_val, y_val = noisy
        net = NetRegressor(early_stopping=True, max_epochs=5, **FLEXIBLE)
        net.fit(X, y, X_val=X_val, y_val=y_val)
        assert net.n_iter_ == 5

    def test_it_generalises_better_than_the_last_epoch(self, digits):
        """Labels wrong at a rate of 30 %: on rows that neither fit nor stop saw."""
        X, y, X_val, y_val, X_test, y_test = digits
        y = np.where(np.random.default_rng(0).random(100) < 0.3, (y + 3) % 10, y)
        losses = []
        for early_stopping in (False, True):
            net = NetClassifier(early_stopping=early_stopping, n_iter_no_change=20, max_epochs=400,
                                **FLEXIBLE).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
            losses.append(log_loss(y_test, net.predict_proba(X_test)))
        assert losses[1] < 0.7 * losses[0]


def test_sensitivity_to_the_validation_split_is_measurable(noisy):
    """Refits over many splits: stopping time and the result move; the network's draw does not."""
    X, y, X_test, y_test = noisy
    epochs, errors, firsts = [], [], []
    for seed in range(12):
        rows = np.random.default_rng(seed).permutation(30)
        kept, held = rows[:22], rows[22:]
        net = NetRegressor(early_stopping=True, n_iter_no_change=30, max_epochs=1000, **FLEXIBLE)
        net.fit(X[kept], y[kept], X_val=X[held], y_val=y[held])
        epochs.append(net.best_epoch_)
        errors.append(mean_squared_error(y_test, net.predict(X_test)))
        firsts.append(net._seed)
    assert len(set(firsts)) == 1
    assert max(epochs) > 1.5 * min(epochs)
    assert np.std(errors) > 0.02 * np.mean(errors)


def test_validation_fraction_holds_out_that_share_stratified(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), np.repeat(["a", "b"], [80, 20])
    requests = []
    run = NetClassifier._run
    monkeypatch.setattr(
        NetClassifier, "_run", lambda self, request: requests.append(request) or run(self, request)
    )
    for seed in (0, 0, 1):
        NetClassifier((4,), early_stopping=True, validation_fraction=0.3, max_epochs=2,
                      random_state=seed).fit(X, y)  # fmt: skip
    held = [request.validation.table[:-1] for request in requests]
    kept = [request.rows.table[:-1] for request in requests]
    for part, rows in zip((held[0], kept[0]), (30, 70)):
        assert len(part) == rows
        assert part[:, 16].sum() == 0.2 * rows
    together = np.sort(np.concatenate([held[0][:, 0], kept[0][:, 0]]))
    np.testing.assert_array_equal(together, np.sort(X[:, 0]))
    assert torch.equal(held[0], held[1])
    assert not torch.equal(held[0], held[2])


@pytest.mark.parametrize("patience", [1, 2, 7])
def test_of_equal_epochs_the_first_is_the_best(patience):
    """Rows of zeros have one loss for ever: no epoch is better than the first."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    settings = {"hidden_layer_sizes": (), "fit_intercept": False, "learning_rate": 0.1}
    net = NetRegressor(early_stopping=True, n_iter_no_change=patience, max_epochs=30, **settings)
    net.fit(X, y, X_val=np.zeros((4, 3)), y_val=np.arange(4.0))
    assert net.best_epoch_ == 1
    assert net.n_iter_ == 1 + patience
    assert net.validation_loss_curve_ == [14 / 8] * (1 + patience)
    first = NetRegressor(max_epochs=1, **settings).fit(X, y)
    np.testing.assert_array_equal(net.coef_, first.coef_)


def test_no_hidden_stopping_rule(noisy):
    """Without early stopping exactly `max_epochs` are made, whatever the loss does."""
    X, y, _, _ = noisy
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = NetRegressor((), solver="sgd", learning_rate=0.5, max_epochs=700).fit(X, y)
    assert net.n_iter_ == len(net.loss_curve_) == 700
    assert net.loss_curve_[-1] == pytest.approx(net.loss_curve_[-2], rel=1e-12)
