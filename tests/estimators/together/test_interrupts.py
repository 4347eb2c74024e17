"""Ctrl-C stops everything promptly, leaves no thread behind, and leaves the block usable."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV, cross_validate
from skorch.callbacks import Callback
from torch import nn

from wellposed import NetClassifier, fit_together
from wellposed.together.scheduler import Scheduler

ENDLESS = 10**9
NET = NetClassifier((8,), max_epochs=ENDLESS, batch_size=32, random_state=0)
HERE = Path(__file__).parent


def own_module(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.ReLU(), nn.Linear(8, n_outputs))


def one_search(net):
    return lambda X, y: GridSearchCV(net, {"l2": [1e-3, 1e-2]}, cv=3).fit(X, y)


def nested(X, y):
    cross_validate(GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=2), X, y, cv=3)


def long_epochs(X, y):
    """Millions of steps without the end of an epoch in between."""
    X, y = np.tile(X, (2000, 1)), np.tile(y, 2000)
    net = NetClassifier((8,), batch_size=1, max_epochs=1)
    Parallel()(delayed(net.fit)(X, y) for _ in range(2))


def beside_another_library(X, y):
    Parallel()(delayed(f)(X, y) for f in [NET.fit, lambda *_: time.sleep(1), NET.fit])


WORK = {
    "adam": one_search(NET),
    "sgd": one_search(NET.__class__(solver="sgd", max_epochs=ENDLESS, random_state=0)),
    "lbfgs": one_search(
        NetClassifier((64, 64), solver="lbfgs", tol=1e-300, max_epochs=ENDLESS, activation="tanh")
    ),
    "callbacks": one_search(NetClassifier((8,), max_epochs=ENDLESS, callbacks=[Callback()])),
    "own module": one_search(NetClassifier(network=own_module, max_epochs=ENDLESS)),
    "nested": nested,
    "long epochs": long_epochs,
    "beside another library": beside_another_library,
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_ctrl_c_stops_everything(work, digits, ctrl_c, no_thread_left):
    with fit_together() as scheduler:
        struck = ctrl_c(0.4)
        with pytest.raises(KeyboardInterrupt):
            work(*digits)
        assert time.monotonic() - struck[0] < 4
        no_thread_left()
        cross_validate(NetClassifier(max_epochs=1), *digits, cv=3)
    assert scheduler.stack_sizes[-1] == 3


def test_an_interrupted_search_is_not_fitted(digits, ctrl_c):
    search = GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=3)
    ctrl_c(0.2)
    with fit_together(), pytest.raises(KeyboardInterrupt):
        search.fit(*digits)
    assert not hasattr(search, "cv_results_")


def test_a_second_ctrl_c_while_jobs_are_resolved(digits, ctrl_c, no_thread_left, monkeypatch):
    """What it leaves unresolved is resolved as the block is left."""
    real, struck = Scheduler._resolve, []

    def resolve(self, job, outcome):
        if threading.current_thread() is threading.main_thread() and not struck:
            struck.append(job)
            raise KeyboardInterrupt
        real(self, job, outcome)

    monkeypatch.setattr(Scheduler, "_resolve", resolve)
    grid = {"hidden_layer_sizes": [(8,), (9,), (10,)]}
    ctrl_c(0.5)
    with pytest.raises(KeyboardInterrupt), fit_together(n_trainers=1):
        GridSearchCV(NET, grid, cv=2).fit(*digits)
    assert struck
    no_thread_left()


@pytest.mark.slow
@pytest.mark.parametrize(("first", "number", "longest"), [(0, 150, 0.005), (1000, 80, 0.1)])
def test_at_any_moment(first, number, longest):
    """Also while tasks are submitted, admitted and started."""
    script = [HERE / "interrupt_schedules.py", HERE / "test_schedules.py", first, number, longest]
    done = subprocess.run(
        [sys.executable, *map(str, script)], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == str(number), done.stderr


@pytest.mark.filterwarnings("ignore:.* tasks (which were|that were|have been):UserWarning")
def test_a_call_left_open_ends_alone(digits, no_thread_left):
    """An interrupt leaves results unconsumed until they are collected, even in a later call."""
    with fit_together() as scheduler:
        results = Parallel(return_as="generator")([delayed(pow)(2, 3), delayed(NET.fit)(*digits)])
        assert next(results) == 8
        net = NetClassifier(max_epochs=1)
        later = Parallel()(closing(results, [delayed(net.fit)(*digits) for _ in range(3)]))
        assert [fitted.n_iter_ for fitted in later] == [1, 1, 1]
        assert not scheduler._admission.is_anybody_busy()
    no_thread_left()


@pytest.mark.parametrize("moment", ["open_call", "waiting"])
def test_a_call_interrupted_as_it_starts_counts_no_more(moment, digits, monkeypatch):
    """joblib ends no call whose start was interrupted."""
    net = NetClassifier(max_epochs=1)
    before = list(warnings.filters)
    with fit_together() as scheduler:
        real = getattr(Scheduler, moment)

        def strike(self, *args):
            monkeypatch.undo()
            result = real(self, *args)
            if moment == "waiting":
                result.__enter__()
            raise KeyboardInterrupt

        monkeypatch.setattr(Scheduler, moment, strike)
        with pytest.raises(KeyboardInterrupt):
            cross_validate(net, *digits)
        assert not scheduler._admission.is_anybody_busy()
        warnings.simplefilter("error")
        cross_validate(net, *digits, cv=3)
        assert not scheduler._admission.is_anybody_busy()
    assert scheduler.stack_sizes[-1] == 3
    assert warnings.filters == before


def closing(results, tasks):
    yield tasks[0]
    results.close()
    yield from tasks[1:]
