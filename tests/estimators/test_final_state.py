"""What is handed back is judged, not what it was before its last update."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

from wellposed import DivergenceError, NetClassifier, NetRegressor, fit_together
from wellposed._convergence import _unscaled_X
from wellposed.networks import MLP
from wellposed.training import train
from wellposed.training.divergence import check_epoch
from wellposed.training.request import Request, Rows
from wellposed.training.stack import Stack

X, r = make_regression(60, 4, noise=1.0, random_state=0)
r = (r - r.mean()) / r.std()
C, y = make_classification(60, 4, random_state=0)

RUIN = {
    "large decay": {"weight_decay": 1e150},
    "larger decay": {"weight_decay": 1e300},
    "large rate": {"solver": "sgd", "learning_rate": 1e150, "momentum": 0.0},
    "large l2": {"solver": "sgd", "l2": 1e140},
    "averaged": {"weight_decay": 1e150, "averaging": 0.5},
}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", RUIN)
@pytest.mark.parametrize(("cls", "data"), [(NetRegressor, (X, r)), (NetClassifier, (C, y))])
def test_the_last_update_counts(name, cls, data, together):
    net = cls((8, 8), max_epochs=1, random_state=0, **RUIN[name])
    before = dict(vars(net))
    sentence = r"Training diverged: the loss is .* Likely cause"
    block = fit_together() if together else nullcontext()
    with block, pytest.raises(DivergenceError, match=sentence):
        net.fit(*data)
    assert vars(net) == before


@pytest.mark.parametrize("name", ["large decay", "large rate", "large l2"])
def test_partial_fit_leaves_a_model_as_it_was(name):
    net = NetRegressor((8,), random_state=0).partial_fit(X, r)
    expected = net.predict(X)
    net.set_params(**RUIN[name])
    with pytest.raises(DivergenceError):
        net.partial_fit(X, r)
    np.testing.assert_array_equal(net.predict(X), expected)


def test_constant_targets():
    for value in (0.0, 1.0):
        with pytest.raises(DivergenceError):
            NetRegressor((4,), max_epochs=1, weight_decay=1e300).fit(X, np.full(60, value))
    net = NetRegressor((4,), max_epochs=1, random_state=0).fit(X, np.zeros(60))
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("rate", [1e-3, 1.0, 1e3, 1e8, 1e30, 1e200])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_what_is_handed_back_is_sane_or_said_not_to_be(solver, rate):
    """Whatever the rate: finite predictions, and a word where they are worse than the mean."""
    for scale, epochs in product((1.0, 1e6), (1, 3)):
        net = NetRegressor((8,), solver=solver, learning_rate=rate, max_epochs=epochs)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                net.set_params(random_state=0).fit(X * scale, r)
            except DivergenceError:
                continue
        assert np.isfinite(net.predict(X * scale)).all()
        score = net.score(X * scale, r)
        assert score > -0.11 or any(w.category is ConvergenceWarning for w in heard), score


def test_no_epoch_with_a_nan_is_the_best(monkeypatch):
    """Not the first one, either, to which nothing compares."""
    import wellposed.training.stack as module

    real, calls = module.evaluate, []

    def evaluate(network, loss, theta, rows):
        calls.append(1)
        J, score = real(network, loss, theta, rows)
        return (float("nan") if len(calls) == 1 else J), score

    monkeypatch.setattr(module, "evaluate", evaluate)
    net = NetRegressor((4,), max_epochs=5, early_stopping=True, random_state=0).fit(X, r)
    assert net.best_epoch_ > 1
    monkeypatch.setattr(module, "evaluate", lambda *args: (float("nan"), 0.0))
    with pytest.raises(DivergenceError, match="was never finite"):
        net.fit(X, r)


def test_a_stack_judges_each_by_itself():
    nets = [NetRegressor((4,), max_epochs=2, random_state=0, weight_decay=d) for d in (0.1, 1e200)]
    from joblib import Parallel, delayed

    def fit(net):
        try:
            return net.fit(X, r).predict(X)
        except DivergenceError:
            return None

    with fit_together() as found:
        good, bad = Parallel()(delayed(fit)(net) for net in nets)
    assert found.stack_sizes == [2]
    assert bad is None
    np.testing.assert_array_equal(good, nets[0].fit(X, r).predict(X))


def test_one_forward_pass_of_one_batch_is_all_it_takes(monkeypatch):
    """A fit pays one batch for it, not its rows."""
    shapes = []
    real = Stack._judge

    def judge(self, rows):
        shapes.append(tuple(self._batch.x.shape))
        real(self, rows)

    monkeypatch.setattr(Stack, "_judge", judge)
    NetRegressor((4,), max_epochs=4, batch_size=16, random_state=0).fit(X, r)
    assert shapes == [(1, 16, 16)]


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_training_that_has_arrived_says_nothing():
    NetRegressor((8,), learning_rate=0.01, max_epochs=500, random_state=0).fit(X, r)
    NetClassifier((8,), learning_rate=0.01, max_epochs=300, dropout=0.3, random_state=0).fit(C, y)


@pytest.mark.parametrize(("epochs", "rate"), [(4, 1e-2), (60, 1e-3)])
def test_training_that_goes_on_falling_says_so(epochs, rate):
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    net = NetRegressor(
        (50,), learning_rate=rate, max_epochs=epochs, batch_size=None, random_state=0
    )
    sentence = rf"still falling when max_epochs={epochs} ended, by more than 1 %.*Raise max_epochs"
    with pytest.warns(ConvergenceWarning, match=sentence) as heard:
        net.fit(X * 21, y)
    assert heard[0].filename == __file__
    curve, m = np.array(net.loss_curve_), max(1, epochs // 10)
    fall = curve[-2 * m : -m].mean() - curve[-m:].mean()
    assert fall > 0.01 * y.var() / 2, "the documented rule"


@pytest.mark.parametrize(
    ("of_X", "of_y", "advice"),
    [
        (1, 1, "learning_rate."),
        (100, 1, "learning_rate, and scale X (StandardScaler)."),
        (1, 100, "learning_rate, and scale y (TransformedTargetRegressor)."),
        (100, 100, "and scale X (StandardScaler) and y (TransformedTargetRegressor)."),
    ],
)
def test_only_what_is_not_scaled_is_to_be_scaled(of_X, of_y, advice):
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(80, 3)), np.zeros((80, 1))])
    net = NetRegressor((), learning_rate=0.01 * of_y / of_X, max_epochs=10, random_state=0)
    with pytest.warns(ConvergenceWarning, match="still falling") as heard:
        net.fit(X * of_X, X[:, 0] * of_y)
    assert str(heard[0].message).endswith(advice)


def test_advice_looks_at_few_rows_of_a_wide_table(monkeypatch):
    """A sparse one is made dense for it."""
    asked = []
    monkeypatch.setattr(Rows, "X", lambda self, stop: asked.append(stop) or torch.ones(1, 1))
    for n_inputs in (3, 10**6):
        _unscaled_X(SimpleNamespace(rows=Rows(torch.zeros(2, 16), n_inputs, 1)))
    assert asked[0] > 1000
    assert asked[1] == 1


def test_the_network_of_an_early_stop_is_judged_not_the_last_one():
    """Training goes well on rows that look nothing like the validation rows."""
    net = NetRegressor((), solver="sgd", learning_rate=0.5, momentum=0.0, max_epochs=40)
    net.set_params(early_stopping=True, n_iter_no_change=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="has learned nothing"):
        net.fit(X, 5 + r, X_val=X, y_val=0 * r)
    assert net.score(X, 5 + r) < 0
    assert net.loss_curve_[-1] < 0.5 * np.var(r)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.0])
def test_parameters_that_are_not_finite_are_an_error_whatever_the_loss(value):
    request = SimpleNamespace(regularizers={}, solver="adam", learning_rate=0.1)
    error = check_epoch(0.5, torch.tensor([1.0, value, -2.0]), 3, request)
    assert isinstance(error, DivergenceError) == (value != 1.0)


def test_a_validation_loss_that_is_no_number_reaches_no_target():
    def rows(target):
        return Rows.from_arrays(X, target[:, None], None, torch.float64, torch.device("cpu"))

    request = Request(MLP(4, 1), "squared_error", rows(r), seed=0, max_epochs=5)
    request.validation, request.validation_target = rows(np.full(60, np.nan)), 1e9
    (outcome,) = train([request])
    assert (outcome.reached, outcome.n_epochs) == (False, 5)
    request.validation = rows(r)
    (outcome,) = train([request])
    assert (outcome.reached, outcome.n_epochs) == (True, 1)
