"""Where early stopping's validation rows come from, and what is recorded of them."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, log_loss, r2_score

from wellposed import NetClassifier, NetRegressor
from wellposed._arrays import Arrays, hold_out

X, y = load_iris(return_X_y=True)
y = np.where(np.arange(150) % 7 == 0, (y + 1) % 3, y)  # wrong labels to overfit to
TRAIN, VAL = np.arange(150) % 3 > 0, np.arange(150) % 3 == 0
SETTINGS = {"hidden_layer_sizes": (30,), "learning_rate": 0.05, "random_state": 0}


def test_given_rows_replace_the_split_and_all_others_are_trained_on():
    net = NetClassifier(early_stopping=True, n_iter_no_change=5, max_epochs=400, **SETTINGS)
    net.fit(X[TRAIN], y[TRAIN], X_val=X[VAL], y_val=y[VAL])
    assert net.best_epoch_ == np.argmin(net.validation_loss_curve_) + 1
    assert net.n_iter_ == len(net.validation_loss_curve_) == net.best_epoch_ + 5 < 400
    # The split alone decides when to stop: the steps are those of a fit on the same rows.
    plain = NetClassifier(max_epochs=net.best_epoch_, **SETTINGS).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(net.coefs_[0], plain.coefs_[0])
    assert plain.loss_curve_ == net.loss_curve_[: net.best_epoch_]
    expected = log_loss(y[VAL], net.predict_proba(X[VAL]))
    assert min(net.validation_loss_curve_) == pytest.approx(expected, rel=1e-10)
    score = accuracy_score(y[VAL], net.predict(X[VAL]))
    assert net.validation_scores_[net.best_epoch_ - 1] == score


def test_without_early_stopping_given_rows_are_watched_only():
    net = NetClassifier(max_epochs=20, **SETTINGS)
    net.fit(X[TRAIN], y[TRAIN], X_val=X[VAL], y_val=y[VAL])
    plain = NetClassifier(max_epochs=20, **SETTINGS).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(net.coefs_[0], plain.coefs_[0])
    assert len(net.validation_loss_curve_) == 20
    assert not hasattr(plain, "validation_loss_curve_")
    plain.fit(X[TRAIN], y[TRAIN], X_val=X[VAL], y_val=y[VAL]).fit(X[TRAIN], y[TRAIN])
    assert not hasattr(plain, "validation_scores_")


def test_the_score_of_numbers_is_r2_averaged_over_outputs():
    Y = X[:, 2:]
    net = NetRegressor(max_epochs=20, **SETTINGS)
    net.fit(X[TRAIN, :2], Y[TRAIN], X_val=X[VAL, :2], y_val=Y[VAL])
    predicted = net.predict(X[VAL, :2])
    assert net.validation_scores_[-1] == pytest.approx(r2_score(Y[VAL], predicted), abs=1e-10)
    half_squares = 0.5 * ((Y[VAL] - predicted) ** 2).sum(1).mean()
    assert net.validation_loss_curve_[-1] == pytest.approx(half_squares, rel=1e-10)


@pytest.mark.parametrize("fraction", [0.1, 0.4])
def test_the_split_is_stratified_and_of_the_size_asked_for(fraction):
    classes = np.repeat([0, 1, 2], 50)
    arrays = Arrays(X, np.eye(3)[classes], np.arange(150.0) + 1)  # weights number the rows
    kept, held = hold_out(arrays, fraction, classes, seed=3)
    assert len(held.X) == round(150 * fraction)
    np.testing.assert_array_equal(held.target.sum(0), np.full(3, 50 * fraction))
    together = np.sort(np.r_[kept.weight, held.weight])
    np.testing.assert_array_equal(together, arrays.weight)
    other = hold_out(arrays, fraction, classes, seed=4)[1]
    assert set(other.weight) != set(held.weight)


def test_precision_of_the_validation_rows_is_that_of_X():
    nets = [
        NetClassifier(max_epochs=3, **SETTINGS).fit(
            X[TRAIN].astype("float32"), y[TRAIN], X_val=X[VAL].astype(dtype), y_val=y[VAL]
        )
        for dtype in ("float32", "float64")
    ]
    assert nets[0].validation_loss_curve_ == nets[1].validation_loss_curve_
