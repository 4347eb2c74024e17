"""random_state isolates: nobody else's generators, threads or dtypes are touched."""

# ruff: noqa: NPY002 - the legacy global generator is what must not be touched

import pickle
import random

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV

from wellposed import DivergenceError, NetClassifier, NetRegressor

RANDOM = {
    "hidden_layer_sizes": (6,),
    "dropout": 0.2,
    "input_dropout": 0.1,
    "input_noise": 0.1,
    "weight_noise": 0.01,
    "early_stopping": True,
    "batch_size": 20,
    "max_epochs": 3,
}
X, y = load_diabetes(return_X_y=True)
X, y = X[:100], y[:100] / 100


@pytest.mark.parametrize("random_state", [None, 0, np.random.RandomState(3)], ids=str)
def test_global_generators_are_left_as_they_were(random_state):
    before = (random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state())
    net = NetRegressor(**RANDOM, random_state=random_state).fit(X, y)
    net.predict(X)
    assert net.net_.initialized_
    assert random.getstate() == before[0]
    assert pickle.dumps(np.random.get_state()) == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_seed_means_one_model_whatever_the_global_generators_hold(solver):
    net = NetRegressor(**RANDOM, solver=solver, random_state=5)
    np.random.seed(1)
    torch.manual_seed(1)
    first = clone(net).fit(X, y)
    np.random.seed(2)
    torch.manual_seed(2)
    second = clone(net).fit(X, y)
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    other = clone(net).set_params(random_state=6).fit(X, y)
    assert np.abs(other.predict(X) - first.predict(X)).max() > 1e-3


def test_without_a_seed_two_models_differ_even_after_numpy_was_seeded():
    net = NetRegressor(**RANDOM)
    np.random.seed(0)
    first = clone(net).fit(X, y)
    np.random.seed(0)
    assert np.abs(clone(net).fit(X, y).predict(X) - first.predict(X)).max() > 1e-3


def test_a_generator_goes_on_from_fit_to_fit():
    rng = np.random.RandomState(0)
    net = NetRegressor(**RANDOM, random_state=rng)
    first, second = net.fit(X, y).predict(X), net.fit(X, y).predict(X)
    assert np.abs(first - second).max() > 1e-3
    again = NetRegressor(**RANDOM, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(again.fit(X, y).predict(X), first)
    np.testing.assert_array_equal(again.fit(X, y).predict(X), second)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def test_the_number_of_threads_is_restored_after_fit_predict_and_errors(threads):
    for solver in ("adam", "sgd", "lbfgs"):
        net = NetRegressor((3,), solver=solver, max_epochs=2, l2=1e-3, tol=1e3, random_state=0)
        net.fit(X, y).predict(X)
        assert torch.get_num_threads() == threads
    with pytest.raises(DivergenceError):
        NetRegressor((3,), solver="sgd", learning_rate=1e6, random_state=0).fit(X, y)
    assert torch.get_num_threads() == threads


def test_the_model_does_not_depend_on_the_number_of_threads(threads):
    net = NetRegressor((64,), batch_size=None, max_epochs=5, random_state=0)
    two = clone(net).fit(X, y).coefs_[0]
    torch.set_num_threads(1)
    np.testing.assert_array_equal(clone(net).fit(X, y).coefs_[0], two)


def test_torch_defaults_of_the_user_are_respected_and_kept():
    expected = NetRegressor((3,), max_epochs=2, random_state=0).fit(X, y).predict(X)
    torch.set_default_dtype(torch.float64)
    try:
        net = NetRegressor((3,), max_epochs=2, random_state=0).fit(X, y)
        np.testing.assert_array_equal(net.predict(X), expected)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.inference_mode():
        net = NetRegressor((3,), max_epochs=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(net.predict(X), expected)


def test_two_jobs_give_the_scores_of_one():
    X, y = load_iris(return_X_y=True)
    net = NetClassifier((4,), dropout=0.1, max_epochs=5, random_state=0)
    grid = {"l2": [0, 1e-2], "learning_rate": [1e-3, 1e-2]}
    one, two = (GridSearchCV(net, grid, cv=3, n_jobs=n).fit(X, y) for n in (1, 2))
    for split in range(3):
        name = f"split{split}_test_score"
        np.testing.assert_array_equal(one.cv_results_[name], two.cv_results_[name])
    best = one.best_estimator_.coefs_[0], two.best_estimator_.coefs_[0]
    np.testing.assert_array_equal(*best)
