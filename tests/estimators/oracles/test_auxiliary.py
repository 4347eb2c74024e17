"""Auxiliary tasks over shared hidden layers (row 16, section 7.7)."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.nn import functional as F

from wellposed import NetClassifier, NetRegressor, fit_together

NAN = np.nan
STEPS = {"max_epochs": 4, "batch_size": 16, "learning_rate": 0.02, "random_state": 0}


def problem(n=60, p=5, seed=0):
    """X, numbers y, and a frame of three further tasks, each with missing targets."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    hidden = np.tanh(X @ rng.normal(size=(p, 4)))
    y, number, yes, which = (hidden @ rng.normal(size=4) for _ in range(4))
    T = pd.DataFrame(
        {
            "number": 100 + 7 * number,
            "yes": np.where(yes > 0, "yes", "no").astype(object),
            "which": pd.Series(np.digitize(which, np.quantile(which, [0.3, 0.6]))).astype(
                "category"
            ),
        }
    )
    for i in range(3):
        T.iloc[rng.random(n) < 0.3, i] = None
    return X, y, T, rng.random(n) + 0.2


def in_torch(net, X, y, T, w, strength, loss):
    """A module with the parameters of a network of tanh units, and its objective."""
    hidden = net.coefs_[0].shape[1]
    module = nn.Sequential(nn.Linear(5, hidden), nn.Tanh(), nn.Linear(hidden, 6)).double()
    with torch.no_grad():
        for layer, weight, bias in zip((module[0], module[2]), net.coefs_, net.intercepts_):
            layer.weight.copy_(torch.as_tensor(weight.T))
            layer.bias.copy_(torch.as_tensor(bias))
    weight, t = torch.as_tensor(w), torch.as_tensor(y).double()
    mass = w * T.number.notna()
    centred = T.number - (mass * T.number).sum() / mass.sum()
    scaled = centred / ((mass * centred**2).sum() / mass.sum()) ** 0.5
    number = torch.as_tensor(scaled.fillna(0.0).to_numpy())
    yes = torch.as_tensor((T.yes == "yes").to_numpy().astype(float))
    which = torch.as_tensor(T.which.cat.codes.to_numpy().astype(int))
    there = [torch.as_tensor(T[name].notna().to_numpy()) for name in T]

    def mean(each, seen):
        return (each * weight)[seen].sum() / weight[seen].sum()

    def objective():
        z = module(torch.as_tensor(X))
        main = 0.5 * (z[:, 0] - t) ** 2
        if loss == "classes":
            main = F.softplus(z[:, 0]) - t * z[:, 0]
        return mean(main, torch.ones(len(X), dtype=bool)) + strength * (
            mean(0.5 * (z[:, 1] - number) ** 2, there[0])
            + mean(F.softplus(z[:, 2]) - yes * z[:, 2], there[1])
            + mean(F.cross_entropy(z[:, 3:], which.clamp(min=0), reduction="none"), there[2])
        )

    return module, objective


@pytest.mark.parametrize("loss", ["numbers", "classes"])
def test_steps_by_hand_in_torch(loss):
    X, y, T, w = problem()
    cls = NetRegressor if loss == "numbers" else NetClassifier
    y = y if loss == "numbers" else (y > 0).astype(int)
    net = cls((6,), solver="sgd", momentum=0.0, batch_size=None, activation="tanh", max_epochs=9,
              learning_rate=1e-300, random_state=0, auxiliary=0.7)  # fmt: skip
    first = clone(net).fit(X, y, sample_weight=w, auxiliary=T)
    module, objective = in_torch(first, X, y, T, w, 0.7, loss)
    for _ in range(9):
        J = objective()
        module.zero_grad()
        J.backward()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter -= 0.05 * parameter.grad
    net.set_params(learning_rate=0.05).fit(X, y, sample_weight=w, auxiliary=T)
    np.testing.assert_allclose(net.coefs_[0], module[0].weight.detach().numpy().T, atol=1e-10)
    np.testing.assert_allclose(net.coefs_[1], module[2].weight.detach().numpy().T, atol=1e-10)
    assert net.loss_ == pytest.approx(J.item(), abs=1e-10)
    z = module(torch.as_tensor(X))[:, 0].detach().numpy()
    outputs = net.predict(X) if loss == "numbers" else net.decision_function(X)
    np.testing.assert_allclose(outputs, z, atol=1e-10)
    assert net.n_outputs_ == 1


def test_one_number_is_a_second_column_of_y_with_that_weight():
    X, y, T, _ = problem()
    number = T.number.to_numpy()
    scaled = (number - np.nanmean(number)) / np.nanstd(number)
    ours = NetRegressor((8,), auxiliary=0.4, **STEPS).fit(X, y, auxiliary=number)
    several = NetRegressor((8,), task_weights=[1, 0.4], **STEPS).fit(X, np.c_[y, scaled])
    np.testing.assert_allclose(ours.predict(X), several.predict(X)[:, 0], atol=1e-10)
    assert ours.predict(X).shape == (60,)


def test_weights_stand_for_rows_that_are_repeated_or_left_out():
    X, y, T, _ = problem()
    T.loc[:2, "number"] = 1e4  # of weight zero
    w = np.arange(60) % 4
    w[:3] = 0
    plain = {"solver": "sgd", "batch_size": None, "auxiliary": 0.5, "random_state": 0}
    net = NetRegressor((6,), max_epochs=5, **plain)
    weighted = clone(net).fit(X, y, sample_weight=w, auxiliary=T).coefs_
    rows = np.repeat(np.arange(60), w)
    for a, b in zip(weighted, net.fit(X[rows], y[rows], auxiliary=T.iloc[rows]).coefs_):
        np.testing.assert_allclose(a, b, atol=1e-12)
    y = np.c_[y, y + 1]
    y[w == 0] = NAN  # rows that are left out, too
    net = NetRegressor((6,), max_epochs=5, **plain)
    for a, b in zip(
        clone(net).fit(X, y, auxiliary=T).coefs_,
        net.fit(X[w > 0], y[w > 0], auxiliary=T[w > 0]).coefs_,
    ):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_what_is_off_changes_nothing():
    X, y, T, _ = problem()
    plain = NetRegressor((8,), **STEPS).fit(X, y)
    with pytest.warns(UserWarning, match="fit was given auxiliary=, and the parameter auxiliary"):
        off = NetRegressor((8,), **STEPS).fit(X, y, auxiliary=T)
    np.testing.assert_array_equal(off.predict(X), plain.predict(X))


def test_lbfgs_is_at_a_minimum_of_all_of_it():
    X, y, T, w = problem()
    net = NetRegressor((3,), activation="tanh", solver="lbfgs", auxiliary=0.5, l2=0.1, tol=1e-8,
                       max_epochs=3000, random_state=0)  # fmt: skip
    net.fit(X, y, sample_weight=w, auxiliary=T)
    module, objective = in_torch(net, X, y, T, w, 0.5, "numbers")
    penalty = 0.05 * sum(layer.weight.square().sum() for layer in (module[0], module[2]))
    (objective() + penalty).backward()
    assert max(float(p.grad.abs().max()) for p in module.parameters()) <= 2e-8


def own(n_inputs, n_outputs):
    first = nn.Linear(n_inputs, 8)
    return nn.Sequential(first, nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize("network", ["mlp", "cnn", own])
@pytest.mark.parametrize("cls", [NetRegressor, NetClassifier])
def test_every_network_and_what_touches_rows(cls, network):
    X, y, T, w = problem(p=16)
    y = y if cls is NetRegressor else np.digitize(y, [-0.3, 0.3])
    found = set()
    for on in ({}, {"mixup": 0.3}, {"adversarial": 0.1}, {"sam": 0.05}, {"solver": "sgd"}):
        net = cls((6,), network=network, auxiliary=0.5, **STEPS, **on)
        net.fit(X, y, sample_weight=w, auxiliary=T)
        assert net.predict(X).shape == (60,)
        if cls is NetClassifier:
            assert net.predict_proba(X).shape == (60, 3)
            np.testing.assert_array_equal(net.net_.predict(X), net.predict(X))
        found.add(net.loss_)
    assert len(found) == 5


def test_alone_and_together_and_routed():
    X, y, T, _ = problem()
    grid = {"auxiliary": [0.1, 0.5], "l2": [0.01, 0.1, 1.0]}
    with sklearn.config_context(enable_metadata_routing=True):
        net = NetRegressor((6,), **STEPS).set_fit_request(auxiliary=True)
        search = GridSearchCV(net, grid, cv=3)
        alone = clone(search).fit(X, y, auxiliary=T)
        with fit_together() as scheduler:
            together = clone(search).fit(X, y, auxiliary=T)
    for name in ("split0_test_score", "mean_test_score"):
        np.testing.assert_array_equal(alone.cv_results_[name], together.cv_results_[name])
    assert max(scheduler.stack_sizes) >= 6
    part = NetRegressor((6,), auxiliary=0.1, l2=0.01, **STEPS)
    part.fit(X[20:], y[20:], auxiliary=T.iloc[20:])
    assert alone.cv_results_["split0_test_score"][0] == part.score(X[:20], y[:20])


def test_held_out_rows_ensembles_and_other_kinds():
    X, y, T, _ = problem()
    net = NetRegressor((6,), auxiliary=0.5, **STEPS)
    expected = clone(net).fit(X, y, auxiliary=T).predict(X)
    np.testing.assert_array_equal(clone(net).fit(csr_array(X), y, auxiliary=T).predict(X), expected)
    early = clone(net).set_params(early_stopping=True, max_epochs=10)
    for retrain in (None, "updates", "passes", "continue"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            early.set_params(retrain=retrain).fit(X, y, auxiliary=T)
            early.fit(X, y, auxiliary=T, X_val=X[:9], y_val=y[:9])
        assert np.isfinite(early.predict(X)).all()
    members = clone(net).set_params(n_members=2, bootstrap=True).fit(X, y, auxiliary=T)
    assert members.predict(X).shape == (60,)
    assert np.isfinite(members.oob_score_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_related_tasks_help_and_shuffled_ones_do_not():
    """Digits from 80 rows, and how dark each part of them is: Caruana's control (1997)."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    gains = []
    with fit_together():
        for seed in range(8):
            rng = np.random.default_rng(seed)
            rows = rng.permutation(len(X))
            train, test = rows[:80], rows[80:]
            parts = X[train].reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(80, 16)
            related = parts + 0.05 * rng.normal(size=parts.shape)
            net = NetClassifier((32,), learning_rate=0.01, max_epochs=150, random_state=seed,
                                auxiliary=0.3)  # fmt: skip
            scores = [
                clone(net).fit(X[train], y[train], auxiliary=tasks).score(X[test], y[test])
                for tasks in (related, related[rng.permutation(80)])
            ]
            gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(8)


@pytest.mark.parametrize(("parameters", "T", "sentence"), [
    ({"auxiliary": 0.5}, None, "auxiliary=0.5 weighs further tasks, and there are none. Give"),
    ({"auxiliary": 0.5}, np.zeros((50, 2)), "auxiliary has 50 rows and X has 60. Give a val"),
    ({"auxiliary": 0.5}, np.ones((60, 2)), "Column 0 of auxiliary holds ['1.0']; a task needs two"),
    ({"auxiliary": 0.5}, np.full(60, NAN), "Column 0 of auxiliary holds []; a task needs two val"),
    ({"auxiliary": 0.5}, np.r_[np.inf, np.arange(59.0)], "Column 0 of auxiliary holds infinite"),
    ({"auxiliary": 0.5}, csr_array(np.eye(60)), "auxiliary must be an array or frame with a row"),
    ({"auxiliary": 0.5}, np.zeros((60, 2, 2)), "auxiliary must be an array or frame with a row"),
    ({"auxiliary": 0.5, "hidden_layer_sizes": ()}, np.arange(60.0), "acts on hidden units"),
    ({"auxiliary": 0.5, "callbacks": [None]}, np.arange(60.0), "there are further tasks"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(parameters, T, sentence):
    X, y, _, _ = problem()
    with pytest.raises(ValueError, match=re.escape(sentence)):
        NetRegressor(**{"hidden_layer_sizes": (4,)} | parameters).fit(X, y, auxiliary=T)


@pytest.mark.parametrize("dtype", ["string", object, "category"])
def test_the_na_of_pandas_is_missing(dtype):
    X, names = np.random.default_rng(0).normal(size=(30, 3)), [*"abc" * 10]
    net = NetRegressor((4,), auxiliary=0.5, max_epochs=2, random_state=0)
    expected = net.fit(X, X[:, 0], auxiliary=np.array([None, *names[1:]], object)).predict(X)
    frame = pd.DataFrame({"kind": pd.Series([pd.NA, *names[1:]], dtype=dtype)})
    np.testing.assert_array_equal(net.fit(X, X[:, 0], auxiliary=frame).predict(X), expected)


def test_a_pass_over_some_rows_has_no_further_tasks():
    X, y, _, _ = problem()
    with pytest.raises(ValueError, match="weighs further tasks, and there are none"):
        NetRegressor((4,), auxiliary=0.5).partial_fit(X, y)
