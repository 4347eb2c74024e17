"""What fails in a block costs itself alone."""

from __future__ import annotations

import multiprocessing
import traceback
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from torch import nn

from wellposed import NetClassifier, fit_together
from wellposed.exceptions import DivergenceError
from wellposed.together import trainers as module
from wellposed.together.scheduler import Scheduler
from wellposed.together.tasks import Cancelled
from wellposed.training.request import Abandoned

NET = NetClassifier((8,), max_epochs=3, batch_size=32, solver="sgd", random_state=0)
FINE = {"learning_rate": [1e-3, 1e-2, 1e-1], "l2": [1e-3]}


def scores(estimator, grid, digits, **kwargs):
    search = GridSearchCV(estimator, grid, cv=3, refit=False, error_score=np.nan, **kwargs)
    return search.fit(*digits).cv_results_["mean_test_score"]


def broken_factory(n_inputs, n_outputs):
    raise OSError("no weights on this disk")


class BrokenInTraining(nn.Linear):
    def forward(self, x):
        raise OSError("no such file")


BAD = {
    "diverging": {"learning_rate": [1e3], "l2": [1e30]},
    "invalid": {"learning_rate": [-1.0]},
    "impossible": {"solver": ["lbfgs"], "dropout": [0.5], "batch_size": ["auto"]},
    "broken": {"network": [broken_factory]},
    "raising while it trains": {"network": [BrokenInTraining]},
}


@pytest.mark.parametrize("how", BAD)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_one_bad_candidate_costs_that_candidate(how, digits, whole_groups):
    alone = scores(NET, FINE, digits)
    with fit_together() as scheduler:
        found = scores(NET, [FINE, BAD[how]], digits)
    np.testing.assert_array_equal(found, [*alone, np.nan])
    assert max(scheduler.stack_sizes) >= 9


def test_a_diverging_network_leaves_its_stack(digits):
    """It is trained with the others until it diverges."""
    with pytest.warns(FitFailedWarning, match="DivergenceError"), fit_together() as scheduler:
        found = scores(NET, {"learning_rate": [1e-3, 1e30], "l2": [1e-3]}, digits)
    assert scheduler.stack_sizes == [6]
    assert np.isnan(found).tolist() == [False, True]


@pytest.mark.parametrize("how", BAD)
def test_error_score_raise_gives_the_error_itself(how, digits):
    kinds = {"diverging": DivergenceError, "broken": OSError, "raising while it trains": OSError}
    expected = kinds.get(how, ValueError)
    search = GridSearchCV(NET, [FINE, BAD[how]], cv=3, error_score="raise")
    with pytest.raises(expected) as outside:
        search.fit(*digits)
    with fit_together(), pytest.raises(expected) as inside:
        search.fit(*digits)
    assert str(inside.value) == str(outside.value)
    assert type(inside.value) is type(outside.value)


def test_the_error_tells_where_it_was_raised(digits):
    search = GridSearchCV(NET, BAD["broken"], cv=3, error_score="raise")
    with fit_together(), pytest.raises(OSError) as caught:
        search.fit(*digits)
    text = "".join(traceback.format_exception(caught.value))
    assert "in broken_factory" in text
    assert text.count("In a task:") == 1


class Picky(TransformerMixin, BaseEstimator):
    """Preprocessing that cannot be done."""

    def __init__(self, fails=False):
        self.fails = fails

    def fit(self, X, y=None):
        if self.fails:
            raise ArithmeticError("singular")
        return self

    def transform(self, X):
        return X


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_an_error_in_preprocessing(digits):
    pipe = make_pipeline(Picky(), NET)
    with fit_together() as scheduler:
        found = scores(pipe, {"picky__fails": [False, True, False]}, digits)
    assert np.isnan(found).tolist() == [False, True, False]
    assert scheduler.stack_sizes == [6]
    with fit_together(), pytest.raises(ArithmeticError, match="singular"):
        cross_validate(pipe.set_params(picky__fails=True), *digits, error_score="raise")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_others_among_ours(digits):
    pipe = make_pipeline(Picky(), NET)
    grid = {"netclassifier": [NET, SVC(C=-1.0), SVC(), NET]}
    alone = scores(pipe, grid, digits)
    with fit_together() as scheduler:
        np.testing.assert_array_equal(scores(pipe, grid, digits), alone)
    assert np.isnan(alone).tolist() == [False, True, False, False]
    assert sum(scheduler.stack_sizes) == 6


def test_an_error_in_an_inner_search(digits):
    """The outer search goes on with its other candidates."""
    inner = GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=2, error_score="raise")
    grid = {"estimator__learning_rate": [1e-2, 1e30, 1e-1]}
    with fit_together(), pytest.warns(FitFailedWarning, match="DivergenceError"):
        found = scores(inner, grid, digits)
    assert np.isnan(found).tolist() == [False, True, False]


def test_a_stack_that_fails_is_trained_one_by_one(digits, monkeypatch):
    def fails_together(requests, abandoned=None):
        if len(requests) > 1:
            raise MemoryError("not that many")
        return real(requests, abandoned)

    real = module.train
    monkeypatch.setattr(module, "train", fails_together)
    alone = scores(NET, FINE, digits)
    with fit_together():
        np.testing.assert_array_equal(scores(NET, FINE, digits), alone)


def test_of_a_stack_that_fails_only_those_are_trained_whose_call_goes_on(monkeypatch):
    trained = []

    def fails_together(requests, abandoned):
        if len(requests) > 1:
            raise MemoryError("not that many")
        if abandoned():
            raise Abandoned
        trained.append(requests[0])
        return ["outcome"]

    monkeypatch.setattr(module, "train", fails_together)
    stack = [
        SimpleNamespace(task=SimpleNamespace(call=SimpleNamespace(cancelled=gone)), request=name)
        for name, gone in (("cancelled", True), ("live", False))
    ]
    outcomes = Scheduler(1e9, 1)._outcomes(stack)
    assert trained == ["live"]
    assert isinstance(outcomes[0], Cancelled)
    assert outcomes[1] == "outcome"


def test_a_block_can_be_used_after_an_error(digits):
    with fit_together() as scheduler:
        with pytest.raises(OSError):
            cross_validate(NetClassifier(network=broken_factory), *digits, error_score="raise")
        cross_validate(NET, *digits, cv=4)
    assert scheduler.stack_sizes == [4]


def test_an_interrupt_or_exit_in_a_task_propagates(digits):
    def task(error):
        NET.fit(*digits)
        raise error

    for error in (KeyboardInterrupt, SystemExit):
        with fit_together(), pytest.raises(error):
            Parallel()(delayed(task)(error) for _ in range(4))


def test_a_timeout_gives_up(digits):
    endless = NetClassifier(max_epochs=10**9)
    with fit_together(), pytest.raises(multiprocessing.TimeoutError):
        Parallel(timeout=0.3)(delayed(endless.fit)(*digits) for _ in range(3))


def test_nothing_is_half_fitted(digits):
    nets = [NetClassifier((8,), max_epochs=2, random_state=0), NetClassifier((8,), l2=-1.0)]
    with fit_together(), pytest.raises(ValueError, match="l2"):
        Parallel()(delayed(net.fit)(*digits) for net in nets)
    assert not nets[1].__sklearn_is_fitted__()
