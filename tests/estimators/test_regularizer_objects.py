"""A strength may be a number or an object with options, and regularizers may be one's own."""

import pickle
import re

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from wellposed import NetClassifier, NetRegressor, fit_together
from wellposed.regularizers import L2, REGULARIZERS, SAM, Adversarial, Dropout, Regularizer

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NET = NetClassifier((12,), learning_rate=0.01, max_epochs=15, batch_size=40, random_state=0)


class Power(Regularizer):
    """Adds ``strength * sum |w|^power / power``: the gradient is autograd's."""

    def __init__(self, strength=0.0, *, power=2):
        super().__init__(strength)
        self.power = power

    def value(self, weights):
        return self.strength * weights.flat.abs().pow(self.power).sum(1) / self.power


class Centred(Regularizer):
    """Adds ``strength * E h(x)^2 / 2`` of each hidden unit."""

    acts_on = "hidden units"
    needs_hidden = True

    def term(self, model, batch):
        means = [(h * batch.weight).sum(2) for h in model.hidden(batch.x)]
        return self.strength * sum(mean.square().sum(1) for mean in means) / 2


class Jitter(Regularizer):
    """Noise on the inputs, by a random stream of its own."""

    random = True
    acts_on = "inputs"

    def begin(self, setting):
        self._stream = self.stream(setting.network.n_inputs_padded, setting.width)

    def batch(self, batch, model):
        noise = self.strength[:, None, None] * self._stream.draw()
        noise[:, self.setting.network.n_inputs :] = 0.0
        return batch._replace(x=batch.x + noise)


OWN = [("power", Power(0.01, power=3)), ("centred", Centred(0.1)), ("jitter", Jitter(0.1))]


def proba(net):
    return clone(net).fit(X, y).predict_proba(X)


@pytest.mark.parametrize("name", [n for n, r in REGULARIZERS.items() if not r.uses_tasks])
def test_a_number_is_an_object_with_its_defaults(name):
    needs = {other: value for other, (value, _) in REGULARIZERS[name].needs.items()}
    like = clone(NET).set_params(hidden_layer_sizes=(12, 12), **needs)
    strength = REGULARIZERS[name].typical[1]
    net = clone(like).set_params(**{name: strength})
    as_object = clone(like).set_params(**{name: REGULARIZERS[name](strength)})
    np.testing.assert_array_equal(proba(net), proba(as_object))


def test_options_are_parameters_of_the_estimator():
    net = NetClassifier(adversarial=Adversarial(0.1, steps=7, norm=2))
    assert net.get_params()["adversarial__steps"] == 7
    net.set_params(adversarial__strength=0.3, adversarial__norm=np.inf)
    assert repr(net) == "NetClassifier(adversarial=Adversarial(steps=7, strength=0.3))"


def test_an_option_makes_an_object_of_a_number():
    net = NetClassifier(adversarial=0.1).set_params(adversarial__steps=3)
    assert net.adversarial.get_params() == {
        "strength": 0.1, "steps": 3, "norm": np.inf, "clean": 0.5,
    }  # fmt: skip
    net = NetClassifier().set_params(sam__adaptive=True, sam=0.2)
    assert net.sam.get_params() == {"strength": 0.2, "adaptive": True}
    with pytest.raises(ValueError, match="Invalid parameter 'pace' for estimator SAM"):
        net.set_params(sam__pace=1)


def test_an_object_that_is_off_costs_and_changes_nothing():
    off = clone(NET).set_params(adversarial=Adversarial(0, steps=9), sam=SAM(None))
    np.testing.assert_array_equal(proba(off), proba(NET))


def test_the_users_object_is_neither_shared_nor_changed():
    radius = Adversarial(0.1, steps=2)
    net = clone(NET)
    net.adversarial = radius
    fitted = net.fit(X, y)
    assert radius.get_params() == Adversarial(0.1, steps=2).get_params()
    assert set(vars(radius)) == {"strength", "steps", "norm", "clean"}
    assert clone(fitted).adversarial is not radius
    before = fitted.partial_fit(X, y).predict_proba(X)
    radius.strength = 9.0  # of the next fit; a copy was trained with
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), before)


@pytest.mark.parametrize("grid", [
    {"adversarial__steps": [1, 3], "adversarial__strength": [0.05, 0.2], "l2": [0.0, 0.1]},
    {"regularizers__power__strength": [0.0, 0.1], "regularizers__power__power": [2, 4]},
    {"regularizers__jitter": [Jitter(0.2), Centred(0.2)], "sam": [0.0, SAM(0.1, adaptive=True)]},
])  # fmt: skip
def test_a_search_alone_and_together(grid):
    net = clone(NET).set_params(adversarial=0.1, regularizers=OWN)
    pipe = make_pipeline(StandardScaler(), net)
    grid = {f"netclassifier__{name}": values for name, values in grid.items()}
    alone = GridSearchCV(pipe, grid, cv=3, scoring="neg_log_loss").fit(X, y)
    with fit_together():
        together = GridSearchCV(pipe, grid, cv=3, scoring="neg_log_loss").fit(X, y)
    for k in range(3):
        key = f"split{k}_test_score"
        np.testing.assert_array_equal(alone.cv_results_[key], together.cv_results_[key])
    scores = alone.cv_results_["mean_test_score"]
    assert len(set(scores)) > len(scores) // 2


def test_strengths_of_your_own_share_a_stack_and_options_do_not():
    with fit_together() as scheduler:
        grid = {"regularizers__power__strength": [0.01, 0.1], "regularizers__power__power": [2, 4]}
        net = clone(NET).set_params(regularizers=[("power", Power(0.1))], batch_size=None)
        GridSearchCV(net, grid, cv=3, refit=False).fit(X, y)
    assert scheduler.stack_sizes == [6, 6]


def test_classes_that_other_processes_cannot_import_are_trained_here():
    class Local(Regularizer):
        def value(self, weights):
            return self.strength * weights.flat.square().sum(1) / 2

    net = clone(NET).set_params(regularizers=[("local", Local(0.1))])
    expected = clone(NET).set_params(regularizers=[("power", Power(0.1))])
    with fit_together(n_trainers=2):
        search = GridSearchCV(
            net, {"regularizers__local__strength": [0.05, 0.1], "init": ["he", "glorot"]}, cv=5
        ).fit(X, y)
    best = search.best_params_["regularizers__local__strength"]
    expected.set_params(regularizers__power__strength=best, init=search.best_params_["init"])
    np.testing.assert_allclose(search.predict_proba(X), proba(expected), rtol=1e-9)


def test_a_value_without_a_gradient_has_that_of_autograd():
    by_hand = clone(NET).set_params(l2=0.1)
    by_autograd = clone(NET).set_params(regularizers=[("power", Power(0.1, power=2))])
    np.testing.assert_allclose(proba(by_autograd), proba(by_hand), rtol=1e-9)
    lbfgs = {"solver": "lbfgs", "batch_size": "auto", "max_epochs": 500, "tol": 1e-8}
    np.testing.assert_allclose(
        proba(by_autograd.set_params(**lbfgs)), proba(by_hand.set_params(**lbfgs)), rtol=1e-4
    )


def test_a_built_in_class_under_a_name_of_your_own():
    twice = clone(NET).set_params(l2=0.1, regularizers=[("more", L2(0.2))])
    np.testing.assert_allclose(proba(twice), proba(clone(NET).set_params(l2=0.3)), rtol=1e-9)


def test_fitted_models_are_saved_and_equal(tmp_path):
    fitted = clone(NET).set_params(regularizers=OWN, sam=SAM(0.1, adaptive=True)).fit(X, y)
    joblib.dump(fitted, tmp_path / "net.joblib")
    again = joblib.load(tmp_path / "net.joblib")
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert joblib.hash(clone(fitted).fit(X, y)) == joblib.hash(fitted)


def test_a_fitted_model_shows_what_was_on():
    net = clone(NET).set_params(l2=0.1, sam=SAM(0.2, adaptive=True), regularizers=OWN, l1=0)
    assert not hasattr(net, "regularizers_")
    found = net.fit(X, y).regularizers_
    assert list(found) == ["sam", "l2", "power", "centred", "jitter"]
    assert repr(found["sam"]) == "SAM(adaptive=True, strength=0.2)"
    assert found["l2"].get_params() == {"strength": 0.1}
    found["l2"].strength = 7.0
    net.set_params(l2=0.5)
    assert net.regularizers_["l2"].strength == 0.1


def build(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(12, n_outputs),
    )  # fmt: skip


@pytest.mark.parametrize("strength", [
    {"adversarial": Adversarial(1e-12, steps=3)},
    {"adversarial": Adversarial(1e-12, clean=0.0, norm=2)},
    {"activity_l1": 1e-14},
    {"sam": SAM(1e-12)},
    {"regularizers": [("centred", Centred(1e-14))]},
], ids=str)  # fmt: skip
def test_further_passes_do_not_count_in_a_module_of_your_own(strength):
    """A strength of nothing: batch statistics and random layers go on as without it."""
    net = NetClassifier(network=build, max_epochs=6, batch_size=40, random_state=0)
    plain = clone(net).fit(X, y).net_.module_
    other = clone(net).set_params(**strength).fit(X, y).net_.module_
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("network", ["cnn", build])
@pytest.mark.parametrize("on", [{"adversarial": 0.2}, {"activity_l1": 0.1}, {"sam": 0.3}], ids=str)
def test_other_networks_take_part(network, on):
    net = NetClassifier((4,), network=network, max_epochs=5, random_state=0)
    assert np.abs(proba(net) - proba(clone(net).set_params(**on))).max() > 1e-4


REFUSED = {
    "a number of steps": ({"adversarial": Adversarial(0.1, steps=0)}, "'steps' parameter of Adv"),
    "a norm": ({"adversarial": Adversarial(0.1, norm=1)}, "'norm' parameter of Adversarial"),
    "a share": ({"adversarial": Adversarial(0.1, clean=1)}, "'clean' parameter of Adversarial"),
    "a strength": ({"sam": SAM(-0.1)}, "The 'strength' parameter of SAM must be a float in"),
    "another's object": ({"sam": L2(0.1)}, "The 'sam' parameter of NetClassifier must be"),
    "a class": ({"regularizers": [("mine", L2)]}, "expected pairs of a name and an object"),
    "no pair": ({"regularizers": [L2(0.1)]}, "regularizers holds L2(strength=0.1); expected pairs"),
    "a name twice": (
        {"regularizers": [("mine", L2(0.1)), ("mine", L2(0.2))]},
        "regularizers names 'mine'; names must differ",
    ),
    "a parameter's name": ({"regularizers": [("l2", L2(0.1))]}, "regularizers names 'l2'; names"),
    "lbfgs and a random one": (
        {"regularizers": OWN, "solver": "lbfgs"},
        "regularizers=[('jitter', Jitter(strength=0.1))] draws random numbers at every step",
    ),
    "lbfgs and adversarial": (
        {"adversarial": 0.1, "solver": "lbfgs"},
        "adversarial=0.1 shows other rows at every step. Choose solver='adam'",
    ),
    "lbfgs and sam": (
        {"sam": SAM(0.1), "solver": "lbfgs"},
        "sam=SAM(strength=0.1) takes the gradient elsewhere at every step. Choose solver='adam'",
    ),
    "no hidden units": (
        {"activity_l1": 0.1, "hidden_layer_sizes": ()},
        "activity_l1=0.1 acts on hidden units, and hidden_layer_sizes=() has none",
    ),
    "no hidden units for one's own": (
        {"regularizers": [("mine", Centred(0.1))], "hidden_layer_sizes": ()},
        "regularizers=[('mine', Centred(strength=0.1))] acts on hidden units, and",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(case):
    parameters, sentence = REFUSED[case]
    net = clone(NET).set_params(batch_size="auto", **parameters)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        net.fit(X, y)
    with pytest.raises(AttributeError):
        net.coefs_  # noqa: B018


def test_two_that_exclude_each_other_are_named():
    class Lonely(Regularizer):
        excludes = {"dropout": "both want the units"}  # noqa: RUF012

        def value(self, weights):
            return 0 * self.strength

    net = NetRegressor(dropout=0.1, regularizers=[("lonely", Lonely(1.0))])
    with pytest.raises(ValueError, match=re.escape("cannot be combined with dropout=0.1: both")):
        net.fit(X, y)
    net.set_params(dropout=0.0, max_epochs=1).fit(X, y)


def test_unknown_names_are_told():
    net = NetClassifier(regularizers=[("mine", Dropout(0.1))])
    with pytest.raises(ValueError, match=re.escape("regularizers holds ['mine']")):
        net.set_params(regularizers__yours__strength=1)
