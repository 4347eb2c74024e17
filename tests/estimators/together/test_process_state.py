"""A block leaves the process as it was, however it ends."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
import sklearn
import threadpoolctl
import torch
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_validate

from wellposed import NetClassifier, fit_together
from wellposed._threads import one_thread
from wellposed.exceptions import DivergenceError

NET = NetClassifier((8,), max_epochs=3, batch_size=32, dropout=0.2, random_state=0)


def threads_of_torch():
    """What a new thread gets."""
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def state():
    backend, n_jobs = joblib.parallel.get_active_backend()
    return {
        "torch threads": (torch.get_num_threads(), threads_of_torch()),
        "thread pools": [
            (pool["filepath"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()
        ],
        "dtype": torch.get_default_dtype(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "generators": (
            torch.get_rng_state().tolist(),
            [str(part) for part in np.random.get_state()],  # noqa: NPY002
            random.getstate(),
        ),
        "warnings": (id(warnings.filters), list(warnings.filters), warnings.showwarning),
        "joblib": (type(backend), n_jobs),
        "scikit-learn": sklearn.get_config(),
        "handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "interpreter": (sys.getswitchinterval(), sys.getrecursionlimit(), sys.gettrace()),
        "numpy": (np.geterr(), np.get_printoptions()),
        "environment": dict(os.environ),
        "threads": threading.active_count(),
    }


def succeeds(X, y):
    search = GridSearchCV(NET, {"l2": [1e-3, 1e-2], "dropout": [0.1, 0.3]}, cv=3)
    cross_validate(search, X, y, cv=2)


def diverges(X, y):
    net = NetClassifier((), solver="sgd", learning_rate=1e30, l2=1.0)
    cross_validate(net, X, y, error_score="raise")


def is_interrupted(X, y):
    def task(i):
        NET.fit(X, y)
        if i == 3:
            raise KeyboardInterrupt

    Parallel()(delayed(task)(i) for i in range(8))


def own_module(n_inputs, n_outputs):
    return torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(n_inputs, n_outputs))


def draws_from_the_global_generator(X, y):
    net = NetClassifier(network=own_module, max_epochs=2, random_state=0)
    cross_validate(net, X, y, cv=4)


WORK = {
    succeeds: None,
    diverges: DivergenceError,
    is_interrupted: KeyboardInterrupt,
    draws_from_the_global_generator: None,
}


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_as_before(work, digits, two_threads, no_thread_left):
    before = state()
    with fit_together():
        if WORK[work] is None:
            work(*digits)
        else:
            with pytest.raises(WORK[work]):
                work(*digits)
    no_thread_left()
    after = state()
    for what in before:
        assert after[what] == before[what], what
    assert before["torch threads"] == (2, 2)


def test_threads_that_train_at_the_same_time(two_threads):
    """Whatever the order in which they begin and end."""
    for order in ([0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 2, 0, 2, 1], [2, 0, 1, 0, 1, 2]):
        n = max(order) + 1
        turns = [threading.Semaphore(0) for _ in range(n)]
        done = threading.Semaphore(0)
        counts = [[] for _ in range(n)]

        def work(i, turns=turns, done=done, counts=counts):
            turns[i].acquire()
            with one_thread():
                counts[i].append(torch.get_num_threads())
                done.release()
                turns[i].acquire()
                counts[i].append(torch.get_num_threads())
            counts[i].append(torch.get_num_threads())
            done.release()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
        for thread in threads:
            thread.start()
        for i in order:
            turns[i].release()
            done.acquire()
        for thread in threads:
            thread.join()
        assert counts == [[1, 1, 2]] * n
        assert (torch.get_num_threads(), threads_of_torch()) == (2, 2)


def test_one_thread_is_left_on_error(two_threads):
    with pytest.raises(OSError), one_thread():
        raise OSError
    assert (torch.get_num_threads(), threads_of_torch()) == (2, 2)


def test_the_caller_trains_while_others_do(two_threads, digits):
    """Main thread and a block in another one at the same time."""
    entered, leave = threading.Event(), threading.Event()

    def other():
        with one_thread():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(10)
    NET.fit(*digits)
    assert torch.get_num_threads() == 2
    leave.set()
    thread.join()
    assert (torch.get_num_threads(), threads_of_torch()) == (2, 2)


def test_warnings_of_tasks_arrive(digits):
    net = NetClassifier((), solver="lbfgs", max_epochs=1, tol=1e-12)
    with fit_together(), pytest.warns(ConvergenceWarning, match="lbfgs stopped after 1"):
        cross_validate(net, *digits, cv=2)


def test_configuration_of_the_caller_holds_in_tasks(digits):
    with sklearn.config_context(assume_finite=True), fit_together():
        found = sklearn.utils.parallel.Parallel()(
            sklearn.utils.parallel.delayed(lambda: sklearn.get_config()["assume_finite"])()
            for _ in range(3)
        )
    assert found == [True] * 3


def test_threads_have_ended_when_a_call_returns():
    """One that is still freeing tensors when the interpreter exits would abort it."""

    freed = []

    class SlowToFree:
        def __del__(self):
            time.sleep(0.3)
            freed.append(threading.current_thread())

    local = threading.local()

    def task():
        local.held = SlowToFree()

    with fit_together():
        Parallel()(delayed(task)() for _ in range(3))
        assert len(freed) == 3
