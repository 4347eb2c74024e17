"""Whom a block waits for: a task that waits itself can submit no job, and a stalled one is waited
for only once."""

from __future__ import annotations

import threading
import time

import pytest
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV

from wellposed import NetClassifier, fit_together
from wellposed.together import scheduler

NET = NetClassifier((4,), max_epochs=2, random_state=0)


@pytest.fixture
def vain_waits(monkeypatch):
    """How often a trainer has waited to its timeout, which is short here."""
    monkeypatch.setattr(scheduler, "_STALL_TIMEOUT", 0.2)
    wait, found = threading.Condition.wait, []

    def spy(condition, timeout=None):
        heard = wait(condition, timeout)
        if timeout == 0.2 and not heard:
            found.append(1)
        return heard

    monkeypatch.setattr(threading.Condition, "wait", spy)
    return found


def run_both(first, second):
    """Run two tasks side by side; the second waits until the first one is at work."""
    at_work = threading.Event()

    def begin():
        at_work.set()
        return first()

    def follow():
        assert at_work.wait(10)
        return second()

    with fit_together():
        return Parallel()(delayed(task)() for task in (begin, follow))


def test_a_block_within_a_task(vain_waits, digits, monkeypatch):
    """The outer block's trainings go on while a task waits for a block of its own."""
    go_on = threading.Event()

    class Slow(NetClassifier):
        def fit(self, X, y):
            assert go_on.wait(10)
            return super().fit(X, y)

    def inner():
        with fit_together():
            search = GridSearchCV(Slow((4,), max_epochs=2), {"l2": [0.0, 0.1]}, cv=2)
            return search.fit(*digits).best_score_ > 0

    def outer():
        for _ in range(3):
            NET.fit(*digits)
        go_on.set()
        return True

    assert run_both(inner, outer) == [True, True]
    assert not vain_waits


def test_a_task_that_sleeps_is_waited_for_once(vain_waits, digits):
    done = threading.Event()

    def sleep():
        return done.wait(30)

    def fits():
        for _ in range(10):
            NET.fit(*digits)
        done.set()
        return True

    started = time.monotonic()
    assert run_both(sleep, fits) == [True, True]
    assert len(vain_waits) == 1
    assert time.monotonic() - started < 10
