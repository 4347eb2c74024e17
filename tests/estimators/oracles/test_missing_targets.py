"""Several tasks with missing targets and weights, against each task alone (section 7.7)."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from torch import nn

from wellposed import (
    NetClassifier,
    NetRegressor,
    adversarial_examples,
    adversarial_score,
    fit_together,
)

NAN = np.nan


def problem(n=60, p=4, seed=0):
    """X, numbers of three tasks, of which 40 % are missing, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    Y = X @ rng.normal(size=(p, 3)) + [1.0, -2.0, 0.0] + 0.3 * rng.normal(size=(n, 3))
    Y[rng.random((n, 3)) < 0.4] = NAN
    return X, Y, rng.random(n) + 0.2


def labels(Y):
    return np.where(np.isnan(Y), NAN, Y > 0)


LBFGS = {"solver": "lbfgs", "tol": 1e-11, "max_epochs": 2000}


@pytest.mark.parametrize("weighted", [False, True])
def test_each_number_of_a_linear_model_is_the_ridge_of_its_own_rows(weighted):
    X, Y, w = problem()
    w = w if weighted else np.ones(60)
    net = NetRegressor((), l2=0.1, **LBFGS).fit(X, Y, sample_weight=w if weighted else None)
    for t in range(3):
        seen = ~np.isnan(Y[:, t])
        ridge = Ridge(alpha=0.1 * w[seen].sum(), tol=1e-14)
        ridge.fit(X[seen], Y[seen, t], sample_weight=w[seen])
        np.testing.assert_allclose(net.coef_[t], ridge.coef_, atol=1e-9)
        np.testing.assert_allclose(net.intercept_[t], ridge.intercept_, atol=1e-9)


def test_each_label_of_a_linear_model_is_the_logistic_regression_of_its_own_rows():
    X, Y, _ = problem()
    net = NetClassifier((), l2=0.05, **LBFGS).fit(X, labels(Y))
    for t in range(3):
        seen = ~np.isnan(Y[:, t])
        alone = LogisticRegression(C=1 / (0.05 * seen.sum()), tol=1e-12, max_iter=10_000)
        alone.fit(X[seen], Y[seen, t] > 0)
        np.testing.assert_allclose(net.coef_[t], alone.coef_[0], atol=1e-6)
    assert net.predict(X).shape == net.predict_proba(X).shape == (60, 3)


@pytest.mark.parametrize("cls", [NetRegressor, NetClassifier])
def test_a_task_weighs_its_loss_and_so_divides_its_penalty(cls):
    X, Y, _ = problem()
    Y = labels(Y) if cls is NetClassifier else Y
    weights = [0.5, 3.0, 1.0]
    net = cls((), l2=0.1, task_weights=weights, **LBFGS).fit(X, Y)
    for t, weight in enumerate(weights):
        seen = ~np.isnan(Y[:, t])
        alone = cls((), l2=0.1 / weight, **LBFGS).fit(X[seen], Y[seen, t])
        np.testing.assert_allclose(net.coef_[t], np.ravel(alone.coef_), atol=1e-7)
    one = cls((8,), random_state=0, max_epochs=5)
    even = cls((8,), random_state=0, max_epochs=5, task_weights=[1, 1, 1])
    full = np.nan_to_num(Y)
    np.testing.assert_allclose(
        one.fit(X, full).predict(X), even.fit(X, full).predict(X), rtol=1e-12
    )


STEPS = {"max_epochs": 4, "batch_size": 16, "learning_rate": 0.02, "random_state": 0}


@pytest.mark.filterwarnings("ignore:y has no value in column")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("cls", [NetRegressor, NetClassifier])
def test_where_the_other_tasks_are_missing_it_is_the_fit_of_one_task(cls, solver):
    """The same steps to 1e-10: rows without any target are no rows."""
    X, Y, w = problem()
    Y = labels(Y) if cls is NetClassifier else Y
    Y[:, [0, 2]] = NAN
    seen = ~np.isnan(Y[:, 1])
    net = cls((), solver=solver, l2=0.1, **STEPS)
    several = net.fit(X, Y, sample_weight=w).coef_[1].copy()
    loss = net.loss_
    alone = net.fit(X[seen], Y[seen, 1], sample_weight=w[seen])
    np.testing.assert_allclose(several, np.ravel(alone.coef_), atol=1e-10)
    assert loss == pytest.approx(alone.loss_, abs=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "logistic"])
def test_steps_of_a_network_by_hand_in_torch(loss):
    """Means over the rows where a target is there, over all rows of the training."""
    X, Y, w = problem()
    cls, options = NetRegressor, {"loss": loss}
    if loss == "poisson":
        Y = np.abs(Y)
    if loss == "logistic":
        cls, options, Y = NetClassifier, {}, labels(Y)
    net = cls((5,), solver="sgd", momentum=0.0, batch_size=None, activation="tanh", max_epochs=9,
              learning_rate=0.05, random_state=0, dtype="float64", **options)  # fmt: skip
    first = net.set_params(learning_rate=1e-300).fit(X, Y, sample_weight=w)
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for layer, weight, bias in zip((module[0], module[2]), first.coefs_, first.intercepts_):
            layer.weight.copy_(torch.as_tensor(weight.T))
            layer.bias.copy_(torch.as_tensor(bias))
    net.set_params(learning_rate=0.05).fit(X, Y, sample_weight=w)
    rows = ~np.isnan(Y).all(1)
    y, weight = torch.as_tensor(Y[rows]), torch.as_tensor(w[rows])[:, None]
    there = ~y.isnan()
    y = y.nan_to_num()
    for _ in range(9):
        z = module(torch.as_tensor(X[rows]))
        each = {
            "squared_error": 0.5 * (z - y).square(),
            "poisson": z.exp() - y - y * z + torch.special.xlogy(y, y),
            "logistic": nn.functional.softplus(z) - y * z,
        }[loss]
        J = ((each * weight * there).sum(0) / (weight * there).sum(0)).sum()
        module.zero_grad()
        J.backward()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter -= 0.05 * parameter.grad
    np.testing.assert_allclose(net.coefs_[1], module[2].weight.detach().numpy().T, atol=1e-10)
    assert net.loss_ == pytest.approx(float(J), abs=1e-10)


def test_validation_sees_the_targets_that_are_there():
    X, Y, _ = problem()
    net = NetRegressor((6,), early_stopping=True, max_epochs=30, random_state=0)
    net.fit(X[:40], Y[:40], X_val=X[40:], y_val=Y[40:])
    last = NetRegressor((6,), max_epochs=net.best_epoch_, random_state=0).fit(X[:40], Y[:40])
    residual = last.predict(X[40:]) - Y[40:]
    of_task = np.nanmean(residual**2, 0)
    best = net.best_epoch_ - 1
    assert net.validation_loss_curve_[best] == pytest.approx(of_task.sum() / 2, rel=1e-9)
    score = 1 - of_task / np.nanvar(Y[40:], axis=0)
    assert net.validation_scores_[best] == pytest.approx(score.mean(), rel=1e-9)
    for retrain in ("updates", "passes", "continue"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = NetRegressor((6,), early_stopping=True, retrain=retrain, random_state=0)
            assert np.isfinite(again.fit(X, Y).predict(X)).all()


def test_alone_and_together():
    X, Y, _ = problem()
    grid = {"l2": [0.01, 0.1, 1.0], "mixup": [0.0, 0.2]}
    search = GridSearchCV(NetRegressor((6,), **STEPS), grid, cv=3, refit=False, scoring=hidden_mse)
    alone = search.fit(X, Y).cv_results_["mean_test_score"]
    with fit_together() as scheduler:
        together = search.fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(alone, together)
    assert max(scheduler.stack_sizes) > 1


def hidden_mse(net, X, Y):
    return -np.nanmean((net.predict(X) - Y) ** 2)


def own(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.ReLU(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize("network", ["mlp", "cnn", own])
@pytest.mark.parametrize("cls", [NetRegressor, NetClassifier])
def test_every_network_and_regularizers_that_touch_targets(cls, network):
    X, Y, w = problem(p=16)
    Y = labels(Y) if cls is NetClassifier else Y
    for on in ({}, {"mixup": 0.3}, {"cutmix": 0.5}, {"adversarial": 0.1}, {"sam": 0.05}):
        net = cls((6,), network=network, **STEPS, **on).fit(X, Y, sample_weight=w)
        assert np.isfinite(net.predict(X)).all()
        filled = np.where(np.isnan(Y), 1.0, Y)
        other = cls((6,), network=network, **STEPS, **on).fit(X, filled, sample_weight=w)
        assert other.loss_ != net.loss_


def test_kinds_of_tables_and_what_is_missing_in_them():
    X, Y, _ = problem()
    expected = NetRegressor((6,), **STEPS).fit(X, Y).predict(X)
    frame = NetRegressor((6,), **STEPS).fit(X, pd.DataFrame(Y)).predict(X)
    np.testing.assert_array_equal(frame, expected)
    holes = np.where(np.isnan(Y), None, Y)
    np.testing.assert_array_equal(NetRegressor((6,), **STEPS).fit(X, holes).predict(X), expected)


def test_a_task_without_targets_is_warned_of():
    X, Y, _ = problem()
    Y[:, 2] = NAN
    with pytest.warns(UserWarning, match="y has no value in column 2: these outputs are not learn"):
        NetRegressor((6,), **STEPS).fit(X, Y)


@pytest.mark.parametrize(("parameters", "Y", "sentence"), [
    ({"task_weights": [1, 2]}, problem()[1], "task_weights=[1, 2] must hold a finite number >= 0"),
    ({"task_weights": [1, -2, 0]}, problem()[1], "for each column of y, of which there are 3"),
    ({"task_weights": [0, 0, 0]}, problem()[1], "and one of them larger than 0"),
    ({"task_weights": [1.0]}, np.arange(60.0), "weighs the columns of y, and y is one task. Leave"),
    ({}, np.full((60, 3), NAN), "y holds no value, so there is nothing to learn from"),
    ({}, np.where(np.isnan(problem()[1]), np.inf, 1.0), "infinity"),
    ({}, np.r_[np.zeros(59), NAN], "NaN"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(parameters, Y, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        NetRegressor((4,), **parameters).fit(problem()[0], Y)


def test_callbacks_are_not_shown_what_is_not_there():
    from skorch.callbacks import EpochScoring

    X, Y, _ = problem()
    with pytest.raises(ValueError, match=r"y has missing ones \(NaN\). Set callbacks=None"):
        NetRegressor((4,), callbacks=[EpochScoring("r2")]).fit(X, Y)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_leave_out_what_is_missing(weighted):
    X, Y, w = problem()
    w = w if weighted else None
    net = NetRegressor((6,), **STEPS).fit(X, Y, sample_weight=w)
    Z, each = net.predict(X), []
    for t in range(3):
        s = ~np.isnan(Y[:, t])
        each.append(r2_score(Y[s, t], Z[s, t], sample_weight=None if w is None else w[s]))
    assert net.score(X, Y, w) == pytest.approx(np.mean(each), abs=1e-12)
    full = np.nan_to_num(Y)
    assert net.score(X, full, w) == r2_score(full, Z, sample_weight=w)

    L = labels(Y)
    net = NetClassifier((6,), **STEPS).fit(X, L, sample_weight=w)
    hit = ((net.predict(X) == L) | np.isnan(L)).all(1)
    rows = ~np.isnan(L).all(1)
    share = np.average(hit[rows], weights=None if w is None else w[rows])
    assert net.score(X, L, w) == pytest.approx(share, abs=1e-12)
    full = np.nan_to_num(L).astype(int)
    assert net.score(X, full, w) == accuracy_score(full, net.predict(X), sample_weight=w)


def test_the_score_is_the_validation_score():
    X, Y, _ = problem()
    for cls, T in ((NetRegressor, Y), (NetClassifier, labels(Y))):
        net = cls((6,), **STEPS).fit(X[:40], T[:40], X_val=X[40:], y_val=T[40:])
        assert net.score(X[40:], T[40:]) == pytest.approx(net.validation_scores_[-1], abs=1e-9)
        assert np.isfinite(cross_val_score(net, X, T, cv=KFold(3))).all()


def test_scores_refuse_other_columns():
    X, Y, _ = problem()
    net = NetRegressor((6,), **STEPS).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"y has the shape \(60, 2\), and predictions have \(60, 3"
    ):
        net.score(X, Y[:, :2])


def test_out_of_bag_scores_leave_out_what_is_missing():
    X, Y, _ = problem()
    net = NetRegressor((6,), n_members=3, bootstrap=True, **STEPS).fit(X, Y)
    out, each = net.oob_prediction_, []
    for t in range(3):
        s = ~np.isnan(Y[:, t]) & ~np.isnan(out).any(1)
        each.append(r2_score(Y[s, t], out[s, t]))
    assert net.oob_score_ == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize("norm", [np.inf, 2])
def test_attacks_do_not_look_at_what_is_missing(norm):
    """The examples of two outputs of which one is missing are those of the other alone."""
    X, Y, _ = problem()
    Y = np.nan_to_num(Y)
    for cls, T in ((NetRegressor, Y), (NetClassifier, (Y > 0).astype(float))):
        net = cls((), dtype="float64", **STEPS).fit(X, T)
        holes = T.copy()
        holes[:, 1:] = NAN
        holes[0] = NAN
        moved = adversarial_examples(net, X, holes, 0.1, norm=norm)
        wrong = net.predict(X) - T if cls is NetRegressor else 1 - 2 * T
        along = wrong[1:, :1] * net.coef_[:1]
        size = np.abs(along) if norm == np.inf else np.linalg.norm(along, axis=1, keepdims=True)
        np.testing.assert_allclose(moved[1:] - X[1:], 0.1 * along / size, atol=1e-7)
        np.testing.assert_array_equal(moved[0], X[0])
        assert adversarial_score(net, X, holes, 0.0) == net.score(X, holes)
        with pytest.raises(ValueError, match="y has 60 missing values"):
            adversarial_examples(net, X, holes[:, 1], 0.1)


def test_partial_fit_of_labels_that_are_missing():
    X, Y, _ = problem()
    net = NetClassifier((6,), **{**STEPS, "max_epochs": 1})
    expected = net.fit(X, labels(Y)).predict_proba(X)
    fresh = NetClassifier((6,), **{**STEPS, "max_epochs": 1})
    np.testing.assert_array_equal(fresh.partial_fit(X, labels(Y)).predict_proba(X), expected)


def test_the_na_of_pandas_is_missing():
    X, Y, _ = problem()
    frame = pd.DataFrame(Y).convert_dtypes()
    assert any(value is pd.NA for value in np.asarray(frame).ravel())
    expected = NetRegressor((6,), **STEPS).fit(X, Y)
    net = NetRegressor((6,), **STEPS).fit(X, frame)
    np.testing.assert_array_equal(net.predict(X), expected.predict(X))
    assert net.score(X, frame) == expected.score(X, Y)
    of_labels = pd.DataFrame(labels(Y)).convert_dtypes()
    expected = NetClassifier((6,), **STEPS).fit(X, labels(Y))
    net = NetClassifier((6,), **STEPS).fit(X, of_labels)
    np.testing.assert_array_equal(net.predict_proba(X), expected.predict_proba(X))
