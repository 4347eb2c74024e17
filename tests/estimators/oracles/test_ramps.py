"""Strengths that change while training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from wellposed import NetClassifier, NetRegressor, fit_together, load
from wellposed.regularizers import L2, REGULARIZERS, Adversarial, Ramp, Regularizer
from wellposed.training import train

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
NET = NetClassifier((7, 5), batch_size=40, max_epochs=5, learning_rate=0.02, random_state=0)


def fits(name):
    """Whether a plain network can have it, at a constant strength."""
    try:
        clone(NET).set_params(max_epochs=1, **{name: REGULARIZERS[name].typical[0]}).fit(X, y)
    except ValueError:  # it needs other layers, images or rows without a label
        return False
    return True


CHANGING = [n for n, cls in REGULARIZERS.items() if not cls.fixed and fits(n)]


@pytest.mark.parametrize(
    ("ramp", "course"),
    [
        (Ramp(2.0, 0.5), lambda s: 2.0 - 1.5 * s),
        (Ramp(0, 1.0, begin=0.2, until=0.6), lambda s: min(max((s - 0.2) / 0.4, 0.0), 1.0)),
        (Ramp(0.1, 0.9, shape="cosine"), lambda s: 0.5 - 0.4 * math.cos(math.pi * s)),
        (
            Ramp(0, 2.0, shape="gaussian"),
            lambda s: 2 * math.exp(-5 * (1 - s) ** 2) if s else 0.0,
        ),
    ],
)
@pytest.mark.parametrize("wrap", [False, True])
def test_l2_by_the_recursion(regression, ramp, course, wrap):
    X, y = regression(40, 4)
    net = NetRegressor((), l2=L2(ramp) if wrap else ramp, solver="sgd", momentum=0)
    net.set_params(learning_rate=0.03, batch_size=None, max_epochs=25, fit_intercept=False)
    w = np.zeros(4)
    for t in range(25):
        w -= 0.03 * (X.T @ (X @ w - y) / 40 + course(t / 24) * w)
    np.testing.assert_allclose(net.fit(X, y).coef_, w, rtol=1e-12)


class Masks(Regularizer):
    """Takes down the share of zeros in the first mask of each step."""

    seen: list = []  # noqa: RUF012

    def term(self, model, batch):
        self.seen.append(
            float((model.masks[0][..., : int((batch.weight > 0).sum())] == 0).double().mean())
        )
        return 0.0 * self.strength


def test_dropout_is_annealed():
    Masks.seen = []
    net = NetClassifier((400,), dropout=Ramp(0.6, 0.0, until=0.5), max_epochs=21, batch_size=None)
    net.set_params(regularizers=[("masks", Masks(1.0))], random_state=0).fit(X, y)
    expected = np.maximum(0.6 * (1 - np.arange(21) / 10), 0.0)
    np.testing.assert_allclose(Masks.seen, expected, atol=0.01)
    assert set(Masks.seen[10:]) == {0.0}


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", CHANGING)
def test_from_a_number_to_itself_is_the_number(name, solver):
    strength = REGULARIZERS[name].typical[0]
    net = clone(NET).set_params(solver=solver, max_epochs=2)
    plain, ramped = (
        clone(net).set_params(**{name: given}).fit(X, y)
        for given in (strength, Ramp(strength, strength))
    )
    assert torch.equal(plain._state.theta, ramped._state.theta)
    assert plain.loss_curve_ == ramped.loss_curve_


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", CHANGING)
def test_each_network_has_its_own_alone_and_together(make_request, name, solver):
    rng = np.random.default_rng(0)
    cls, (low, high) = REGULARIZERS[name], REGULARIZERS[name].typical
    requests = []
    for k, n in enumerate((2, 4, 1, 4, 3)):
        request = make_request(
            rng.normal(size=(41 + k, 3)), np.eye(3)[rng.integers(0, 3, 41 + k)], (9, 5),
            loss="cross_entropy", batch_size=20, solver=solver, max_epochs=n, seed=k,
        )  # fmt: skip
        request.regularizers = {name: cls(Ramp(high, low, until=0.9 - 0.1 * k))}
        requests.append(request)
    assert len({request.structure for request in requests}) == 1
    for request, outcome in zip(requests, train(requests)):
        alone = train([request])[0]
        assert torch.equal(outcome.state.theta, alone.state.theta)
        assert outcome.loss_curve == alone.loss_curve
    constant = train([*requests[:1]])[0].state.theta
    requests[0].regularizers = {name: cls(high)}
    if name != "clip_norm" and not cls.is_bound:  # which may not bind
        assert not torch.equal(train([requests[0]])[0].state.theta, constant)


def test_in_a_search_a_clone_and_a_file(tmp_path):
    grid = {"dropout": [0.2, Ramp(0.5, 0.1)], "l2": [Ramp(0, 0.1), [0, 0.1, 0], None]}
    alone = GridSearchCV(NET, grid, cv=2).fit(X, y)
    with fit_together():
        together = GridSearchCV(NET, grid, cv=2).fit(X, y)
    scores = alone.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, together.cv_results_["mean_test_score"])
    net = clone(NET).set_params(
        dropout=Ramp(0.5, 0.0), adversarial=Adversarial(Ramp(0, 0.1), steps=2)
    )
    net.set_params(dropout__start=0.4, adversarial__strength__end=0.2, adversarial__steps=3).fit(
        X, y
    )
    assert net.regularizers_["dropout"].strength.start == 0.4
    assert net.regularizers_["adversarial"].strength.end == 0.2
    net.save(tmp_path / "net.safetensors")
    again = load(tmp_path / "net.safetensors")
    assert repr(again.get_params()) == repr(net.get_params())
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))


def test_a_ramp_that_stays_at_zero_is_off():
    assert clone(NET).set_params(dropout=Ramp(0, 0)).fit(X, y).regularizers_ == {}


def test_a_second_training_goes_as_far():
    """After early stopping, ramps and schedules are those of the whole training."""
    net = NetRegressor((), solver="sgd", momentum=0, learning_rate=0.03, batch_size=None)
    net.set_params(fit_intercept=False, early_stopping=True, n_iter_no_change=1, retrain="passes")
    net.set_params(l2=Ramp(0, 9.0), max_epochs=80, random_state=0)
    t = X @ [1.0, 2.0, 0.0, -1.0] + 0.3 * y
    w = np.zeros(4)
    for epoch in range(net.fit(X, t).best_epoch_):
        w -= 0.03 * (X.T @ (X @ w - t) / 150 + 9.0 * epoch / 79 * w)
    assert 1 < net.best_epoch_ < 79
    np.testing.assert_allclose(net.coef_, w, rtol=1e-10)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dropout": Ramp(0.5, 1.0)}, "'dropout' parameter .* a Ramp between two of these"),
        ({"l2": Ramp(-1, 0)}, "'l2' parameter"),
        ({"l2": Ramp(0, 1, begin=0.5, until=0.5)}, "Let begin be smaller than until"),
        ({"l2": Ramp(0, 1, shape="steep")}, "'shape' parameter of Ramp must be"),
        ({"l2": [Ramp(0, 1), 0, 0]}, "'l2' parameter"),
        ({"averaging": Ramp(0.1, 0.2)}, "'averaging' parameter .* must be a float"),
        ({"nonnegative": Ramp(0, 1)}, "'nonnegative' parameter"),
        ({"max_norm": Ramp(3.0, 0)}, "max_norm=Ramp.* goes to 0, and max_norm is a bound"),
        ({"l2": Ramp(0, 1), "solver": "lbfgs"}, "l2=Ramp.* changes from step to step"),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(**given).fit(X, y)


def test_no_pass_by_itself_has_a_ramp():
    assert hasattr(NET, "partial_fit")
    assert not hasattr(clone(NET).set_params(l2=Ramp(0, 1)), "partial_fit")
