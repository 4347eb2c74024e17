"""All fits of a block are stacked, whatever n_jobs says, and as late as they may be."""

from __future__ import annotations

import threading
import time

import joblib
import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline

from wellposed import NetClassifier, fit_together
from wellposed.networks import MLP
from wellposed.together import queue, trainers
from wellposed.together import scheduler as module
from wellposed.training.request import Request, Rows

NET = NetClassifier((8,), max_epochs=2, batch_size=32, random_state=0)
STRENGTHS = np.logspace(-4, -1, 8)


pytestmark = pytest.mark.usefixtures("whole_groups")


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_leaf_fits_are_stacked_whatever_n_jobs(n_jobs, digits):
    with fit_together() as scheduler:
        GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, n_jobs=n_jobs, refit=False).fit(*digits)
    assert scheduler.stack_sizes == [24]


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_three_times_24_nested(n_jobs, digits):
    search = GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, n_jobs=n_jobs)
    with fit_together() as scheduler:
        cross_validate(search, *digits, cv=3, n_jobs=n_jobs)
    assert scheduler.stack_sizes == [72, 3]  # what is searched, and the three refits


def test_three_levels(digits):
    """Folds of searches of bagged networks."""
    bag = BaggingClassifier(NET, n_estimators=2, random_state=0)
    search = GridSearchCV(bag, {"estimator__l2": STRENGTHS[:3]}, cv=2)
    with fit_together() as scheduler:
        cross_validate(search, *digits, cv=2)
    assert scheduler.stack_sizes == [24, 4]


def test_by_name_in_parallel_config(digits):
    with parallel_config(backend="wellposed", max_memory=1e9):
        backend, _ = joblib.parallel.get_active_backend()
        GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, refit=False).fit(*digits)
    assert backend.scheduler.stack_sizes == [24]
    assert backend.scheduler.max_memory == 1e9


def test_blocks_inside_blocks_and_one_after_another(digits):
    with fit_together() as outer:
        with fit_together() as inner:
            cross_validate(NET, *digits, cv=3)
        cross_validate(NET, *digits, cv=4)
        cross_validate(NET, *digits, cv=5)
    assert (inner.stack_sizes, outer.stack_sizes) == ([3], [4, 5])


def block_of_its_own(X, y):
    with fit_together() as scheduler:
        cross_validate(NET, X, y, cv=3)
    return scheduler.stack_sizes


def test_a_block_started_by_a_task(digits):
    with fit_together():
        sizes = Parallel()(delayed(block_of_its_own)(*digits) for _ in range(3))
    assert sizes == [[3]] * 3


def test_a_fit_outside_of_tasks_is_trained_at_once(digits):
    with fit_together() as scheduler:
        NET.fit(*digits)
    assert scheduler.stack_sizes == []


class Slow(TransformerMixin, BaseEstimator):
    """Preprocessing that takes longer the later the candidate."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def fit(self, X, y=None):
        time.sleep(self.seconds)
        return self

    def transform(self, X):
        return X


SLOW = {"slow__seconds": [0.0, 0.1, 0.3]}


def test_slow_preprocessing_is_waited_for(digits):
    pipe = make_pipeline(Slow(), NET)
    with fit_together() as scheduler:
        GridSearchCV(pipe, SLOW, cv=3, refit=False).fit(*digits)
    assert scheduler.stack_sizes == [9]


def test_but_not_for_ever(digits, monkeypatch):
    """A task may be blocked by what another holds, which nobody can see."""
    monkeypatch.setattr(module, "_STALL_TIMEOUT", 0.1)
    lock = joblib.parallel.threading.Lock()

    def one_at_a_time(l2):
        with lock:
            return NetClassifier((), l2=l2, max_epochs=2, random_state=0).fit(*digits).n_iter_

    with fit_together() as scheduler:
        assert Parallel()(delayed(one_at_a_time)(l2) for l2 in (0.1, 0.2, 0.3)) == [2, 2, 2]
    assert scheduler.stack_sizes == [1, 1, 1]


def test_lazy_results(digits):
    """Results consumed one by one, with other calls in between."""
    with fit_together() as scheduler:
        parallel = Parallel(return_as="generator")
        lazy = parallel(
            delayed(NET.__class__.fit)(NetClassifier(max_epochs=1), *digits) for _ in range(4)
        )
        for net in lazy:
            assert net.n_iter_ == 1
            cross_validate(NET, *digits, cv=3)
    assert sorted(scheduler.stack_sizes) == [3, 3, 3, 3, 4]


def test_fits_in_the_generator_of_tasks(digits, monkeypatch):
    """What is handed over is made while joblib holds a lock: it is trained, if not together."""

    def outer(seed):
        nets = (NetClassifier((), max_epochs=1, random_state=i) for i in range(3))
        return Parallel()(delayed(len)(net.fit(*digits).classes_) for net in nets)

    monkeypatch.setattr(module, "_STALL_TIMEOUT", 0.1)
    with fit_together():
        assert Parallel()(delayed(outer)(seed) for seed in range(2)) == [[10] * 3] * 2


def test_pre_dispatch_limits_the_group(digits):
    with fit_together() as scheduler:
        GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, pre_dispatch=4, refit=False).fit(*digits)
    assert sum(scheduler.stack_sizes) == 24
    assert max(scheduler.stack_sizes) <= 4


def test_stacks_are_cut_to_the_cache(digits, monkeypatch):
    monkeypatch.setattr(queue, "_MAX_STACK", 5)
    with fit_together() as scheduler:
        GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, refit=False).fit(*digits)
    assert sum(scheduler.stack_sizes) == 24
    assert max(scheduler.stack_sizes) == 5


def test_trainers_share_what_is_left(digits, monkeypatch):
    """Where no job can be submitted any more, no trainer is left without work."""
    blocks, real = [], trainers.train

    def train_once_all_is_shared(requests, abandoned=None):
        end = time.monotonic() + 10
        while blocks[-1]._queue and time.monotonic() < end:
            time.sleep(1e-3)
        return real(requests, abandoned)

    monkeypatch.setattr(trainers, "train", train_once_all_is_shared)
    monkeypatch.setattr(queue, "_MIN_SHARE", 6)
    monkeypatch.setattr(trainers, "MAX_THREADS", 9)
    for n_trainers, expected in ((1, [24]), (2, [12, 12]), (3, [7, 8, 9]), (9, [6, 6, 6, 6])):
        with fit_together(n_trainers=n_trainers) as scheduler:
            blocks.append(scheduler)
            GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, refit=False).fit(*digits)
        assert sorted(scheduler.stack_sizes) == expected


def test_zero_jobs_and_no_memory_are_refused():
    with fit_together(), pytest.raises(ValueError, match="n_jobs == 0"):
        Parallel(n_jobs=0)(delayed(abs)(i) for i in range(3))
    with pytest.raises(ValueError, match="max_memory=0 must be a positive number"), fit_together(0):
        pass
    with pytest.raises(ValueError, match="max_memory='x' must be"), fit_together("x"):
        pass
    for n in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"n_trainers={n} must"), fit_together(n_trainers=n):
            pass
    with pytest.raises(TypeError, match="max_memroy"), parallel_config("wellposed", max_memroy=1):
        pass


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_task_trains_where_no_trainer_can_be_started(allowed, digits, monkeypatch):
    """The system may give no more threads."""
    real, started = threading.Thread.start, []

    def start(self):
        if self.name == "wellposed-trainer":
            if len(started) == allowed:
                raise RuntimeError("can't start new thread")
            started.append(self)
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    with fit_together() as scheduler:
        search = GridSearchCV(NET, {"l2": STRENGTHS}, cv=3, refit=False).fit(*digits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert sum(scheduler.stack_sizes) == 24


def request_of(hidden=(8,), **settings):
    network = MLP(20, 1, hidden)
    rows = Rows(torch.zeros(65, 48), 20, 1)
    return Request(network, "squared_error", rows, seed=0, **settings)


def test_networks_of_a_length_train_together(monkeypatch):
    """A stack that holds long ones and short ones would end with few networks in it."""
    monkeypatch.setattr(queue, "_MAX_STACK", 3)
    waiting = queue.Queue()
    for max_epochs in (5, 1, 9, 1, 9, 5, 9, 1, 5):
        waiting.add(queue.Job(None, request_of(max_epochs=max_epochs)))
    lengths = []
    while waiting:
        stack = waiting.pop_stack(0, None)
        lengths.append([job.request.max_epochs for job in stack])
    assert lengths == [[1, 1, 1], [5, 5, 5], [9, 9, 9]]


@pytest.mark.parametrize("hidden", [(64,), (256, 256), (2000, 2000)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_a_stack_works_on_fits_into_the_cache(solver, hidden):
    """Parameters, gradient and running averages, or lbfgs's 20 pairs of differences as well."""
    request = request_of(hidden, solver=solver, batch_size=64)
    numbers = (4 if solver == "adam" else 44) * request.network.size
    size = queue.stack_size(request)
    assert size == 1 or size * numbers * 4 <= queue._CACHE_BYTES
    assert size > 1 or len(hidden) == 2
