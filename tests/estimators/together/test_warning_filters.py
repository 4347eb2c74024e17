"""Warnings inside a block: what the user filters is not shown, all else is, and filters stay."""

from __future__ import annotations

import sys
import threading
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from wellposed import fit_together


class Warns(ClassifierMixin, BaseEstimator):
    """Warns twice at each fit, once within filters of its own."""

    def __init__(self, number=0, own_filters=False):
        self.number, self.own_filters = number, own_filters

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        warnings.warn("filtered", ConvergenceWarning, stacklevel=2)
        if self.own_filters:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.warn("own", UserWarning, stacklevel=2)
        else:
            warnings.warn("kept", UserWarning, stacklevel=2)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.fixture
def much_switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def search(own_filters=False):
    X, y = np.zeros((30, 2)), np.arange(30) % 2
    grid = {"number": list(range(20))}
    with fit_together():
        GridSearchCV(Warns(own_filters=own_filters), grid, cv=3, refit=False).fit(X, y)


def at_once(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_searches_at_once(much_switching):
    for _ in range(5):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", ConvergenceWarning)
            before, content = warnings.filters, list(warnings.filters)
            at_once(search, search)
            assert warnings.filters is before
            assert warnings.filters == content
        messages = [str(warning.message) for warning in heard]
        assert messages.count("kept") == 2 * 60
        assert "filtered" not in messages


def test_filters_survive_tasks_that_set_their_own(much_switching):
    """``warnings.catch_warnings`` is not made for threads; what it leaves behind is undone."""
    before, content = warnings.filters, list(warnings.filters)
    for _ in range(5):
        at_once(lambda: search(True), lambda: search(True))
        assert warnings.filters is before
        assert warnings.filters == content
