"""One search space over all regularizers: its draws are valid, joint and reproducible."""

from __future__ import annotations

import copy
import pickle
from itertools import combinations

import numpy as np
import optuna
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    ParameterSampler,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import MaxNorm, NetClassifier, NetRegressor, cocktail, fit_together
from wellposed._checks import check_combination
from wellposed.regularizers import REGULARIZERS

ESTIMATORS = {
    "classifier": NetClassifier(),
    "regressor": NetRegressor(),
    "sgd": NetClassifier(solver="sgd"),
    "lbfgs": NetRegressor(solver="lbfgs"),
    "linear": NetRegressor(()),
    "cnn": NetClassifier(network="cnn", hidden_layer_sizes=(4,)),
    "some fixed": NetClassifier(l2=0.1, max_norm=MaxNorm(2.0), ema=0.9),
}


def names_on(space, params):
    return {n for n in space.regularizers if params[space.prefix + n] != space._off[n]}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_draw_is_valid(name):
    net = ESTIMATORS[name]
    space = cocktail(net)
    for params in ParameterSampler(space, 200, random_state=0):
        check_combination(clone(net).set_params(**params))
    assert not any(name in space.regularizers for name in ("l2", "max_norm")) or net.l2 == 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_holds_all_that_are_accepted(name):
    """What is left out is refused, on already, or a statement about the problem or the data."""
    net = ESTIMATORS[name]
    space = cocktail(net)
    for left_out in REGULARIZERS.keys() & net.get_params().keys() - space.regularizers.keys():
        cls = REGULARIZERS[left_out]
        if cls.in_cocktail and getattr(net, left_out) in (None, 0, False):
            one = clone(net).set_params(max_epochs=1, **{left_out: cls.typical[0]})
            with pytest.raises(ValueError, match=left_out):
                one.fit(PIXELS, np.arange(40) % 3)


X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
PIXELS = np.random.default_rng(0).random((40, 64))
QUICK = {"max_epochs": 2, "random_state": 0}
START = NetClassifier((8,), **QUICK).fit(X, y)


def module(n_inputs, n_outputs):
    hidden = [torch.nn.Linear(n_inputs, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh()]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(5, n_outputs))


STRUCTURES = {
    "cnn": (NetClassifier((4,), network="cnn", **QUICK), PIXELS, np.arange(40) % 3),
    "batch normalization": (NetClassifier((8,), normalization="batch", **QUICK), X, y),
    "tied": (NetRegressor((4,), tied=True, **QUICK), X, X),
    "skip": (NetClassifier((8, 8), skip=True, **QUICK), X, y),
    "start": (NetClassifier((8,), start=START, **QUICK), X, y),
    "a list": (NetClassifier((8,), dropout=[0.2], **QUICK), X, y),
    "rates": (NetClassifier((8,), layer_rates=[0.1, 1], **QUICK), X, y),
    "module": (NetClassifier(network=module, **QUICK), X, y),
    "members": (NetClassifier((8,), n_members=2, bootstrap=True, **QUICK), X, y),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_draw_trains_also_where_layers_are_fixed(name):
    net, table, target = STRUCTURES[name]
    space = cocktail(net)
    assert space.regularizers
    for params in ParameterSampler(space, 15, random_state=1):
        fitted = clone(net).set_params(**params).fit(table, target)
        assert np.isfinite(fitted.predict(table).astype(float)).all()
    assert ("hidden_layer_sizes" in space) == (name not in {"start", "module"})


def test_as_many_are_on_as_asked_for():
    for expected in (1, 4):
        space = cocktail(NetClassifier(), expected=expected)
        counts = [len(names_on(space, p)) for p in ParameterSampler(space, 400, random_state=0)]
        # fewer where two exclude each other; the standard error of the mean is below 0.1
        assert expected - 0.6 < np.mean(counts) < expected + 0.3
    space = cocktail(NetClassifier(), expected=1000)
    drawn = names_on(space, space.draw(0))
    for left_out in space.regularizers.keys() - drawn:
        assert any({left_out, name} in space.excluded for name in drawn)


def test_every_regularizer_and_compatible_pair_is_drawn():
    space = cocktail(NetClassifier(), expected=8)
    draws = [names_on(space, p) for p in ParameterSampler(space, 600, random_state=1)]
    seen = {frozenset(pair) for on in draws for pair in combinations(sorted(on), 2)}
    pairs = {frozenset(pair) for pair in combinations(sorted(space.regularizers), 2)}
    assert seen == pairs - set(map(frozenset, space.excluded))


def test_strengths_are_log_uniform():
    space = cocktail(NetClassifier(), expected=1000)
    draws = [p for p in ParameterSampler(space, 2000, random_state=0) if p["l2"]]
    shares = np.log([p["l2"] / 1e-5 for p in draws]) / np.log(0.1 / 1e-5)
    counts = np.histogram(shares, 10, (0, 1))[0]
    assert counts.sum() == len(draws)
    assert ((counts - len(draws) / 10) ** 2 / (len(draws) / 10)).sum() < 27.9  # chi2(9), 0.1 %


def test_draws_are_reproducible_whatever_was_drawn_before():
    space = cocktail(NetClassifier())
    first = list(ParameterSampler(space, 5, random_state=3))
    space["l2"].rvs(random_state=0)
    other = copy.deepcopy(space)
    del other["dropout"], space["dropout"]
    for again in (space, other, pickle.loads(pickle.dumps(other))):
        drawn = list(ParameterSampler(again, 5, random_state=3))
        for a, b in zip(first, drawn):
            assert {k: v for k, v in a.items() if k in space.regularizers and k != "dropout"} == {
                k: v for k, v in b.items() if k in space.regularizers
            }
    assert first != list(ParameterSampler(cocktail(NetClassifier()), 5, random_state=4))


SEARCHES = {
    "random": lambda net, space: RandomizedSearchCV(net, space, n_iter=6, cv=2, random_state=0),
    "halving": lambda net, space: HalvingRandomSearchCV(
        net, space, resource="net__max_epochs", min_resources=2, max_resources=8, cv=2,
        random_state=0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_of_scikit_learn(name):
    from sklearn.pipeline import Pipeline

    X, y = load_iris(return_X_y=True)
    net = NetClassifier((8,), max_epochs=4, random_state=0)
    pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
    make = SEARCHES[name]
    alone = make(pipe, cocktail(pipe, architecture=False)).fit(X, y)
    with fit_together() as scheduler:
        search = make(pipe, cocktail(pipe, architecture=False)).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    assert search.best_params_ == alone.best_params_
    assert sum(scheduler.stack_sizes) >= 12


def test_the_linear_model_is_drawn_without_what_needs_hidden_layers():
    space = cocktail(NetClassifier())
    drawn = list(ParameterSampler(space, 300, random_state=0))
    linear = [params for params in drawn if params["hidden_layer_sizes"] == ()]
    assert 30 < len(linear) < 70  # one in six
    needs_hidden = {name for name in space.regularizers if REGULARIZERS[name].needs_hidden}
    assert needs_hidden
    for params in drawn:
        check_combination(NetClassifier(**params))
    assert not any(names_on(space, params) & needs_hidden for params in linear)
    assert {name for params in drawn for name in names_on(space, params)} == set(space.regularizers)


def test_optuna():
    X, y = load_wine(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), NetClassifier(max_epochs=2, random_state=0))
    space = cocktail(pipe)
    tried = []

    def objective(trial):
        params = space.suggest(trial)
        tried.append(names_on(space, params))
        candidate = clone(pipe).set_params(**params)
        check_combination(candidate[-1])
        return cross_val_score(candidate, X, y, cv=2, error_score="raise").mean()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=5)
    assert len(set(map(frozenset, tried))) > 1
    assert study.best_value > 0.3
    restored = space.suggest(optuna.trial.FixedTrial(study.best_params))
    pipe.set_params(**restored).fit(X, y)


def test_wrappers_are_looked_into():
    wrapped = TransformedTargetRegressor(make_pipeline(StandardScaler(), NetRegressor()))
    space = cocktail(wrapped)
    assert "regressor__netregressor__l2" in space
    X, y = load_diabetes(return_X_y=True)
    params = next(iter(ParameterSampler(space, 1, random_state=0)))
    clone(wrapped).set_params(regressor__netregressor__max_epochs=2, **params).fit(X, y)


@pytest.mark.parametrize("wrong", [StandardScaler(), 3, make_pipeline(StandardScaler())])
def test_no_network_inside(wrong):
    with pytest.raises(ValueError, match="has none"):
        cocktail(wrong)


@pytest.mark.parametrize("expected", [-1, np.nan, "4", None])
def test_numbers_of_regularizers_that_make_no_sense(expected):
    with pytest.raises(ValueError, match="must be a number >= 0: how many regularizers are on"):
        cocktail(NetClassifier(), expected=expected)


def test_two_networks_inside():
    from sklearn.ensemble import VotingClassifier

    voting = VotingClassifier([("a", NetClassifier()), ("b", NetClassifier())])
    with pytest.raises(ValueError, match="has a, b"):
        cocktail(voting)


def test_early_stopping_is_drawn_where_it_can_be():
    drawn = {p["early_stopping"] for p in ParameterSampler(cocktail(NetClassifier()), 20)}
    assert drawn == {False, True}
    for net in (NetClassifier(solver="lbfgs"), NetClassifier(early_stopping=True)):
        assert "early_stopping" not in cocktail(net)


def test_the_architecture_can_stay():
    assert {"learning_rate", "hidden_layer_sizes"} <= cocktail(NetClassifier()).keys()
    fixed = cocktail(NetClassifier(), architecture=False)
    assert not {"learning_rate", "hidden_layer_sizes"} & fixed.keys()
    assert "hidden_layer_sizes" not in cocktail(NetRegressor(()))
