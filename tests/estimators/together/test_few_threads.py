"""Where the system gives no more threads, tasks run in the threads there are."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from wellposed import NetClassifier, fit_together

NET = NetClassifier((8,), max_epochs=3, random_state=0)
SEARCH = GridSearchCV(NET, {"l2": [1e-3, 1e-2, 1e-1]}, cv=3, error_score="raise")
WORK = {
    "search": lambda X, y: SEARCH.fit(X, y).cv_results_["mean_test_score"],
    "nested": lambda X, y: cross_val_score(SEARCH, X, y, cv=4),
    "nested twice": lambda X, y: cross_val_score(
        BaggingClassifier(SEARCH, n_estimators=2, n_jobs=2, random_state=0), X, y, cv=2
    ),
    "many of another library": lambda X, y: cross_val_score(LogisticRegression(), X, y, cv=20),
    "with callbacks": lambda X, y: cross_val_score(
        NetClassifier((4,), max_epochs=2, verbose=1, random_state=0), X, y, cv=4
    ),
}


@pytest.fixture
def few_threads(monkeypatch):
    """Let at most so many threads of ours live at the same time."""
    start = threading.Thread.start

    def limit(most):
        def refuse(thread):
            ours = [t for t in threading.enumerate() if t.name.startswith("wellposed")]
            if thread.name.startswith("wellposed") and len(ours) >= most:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)

    return limit


def ended(work, timeout=60):
    """Return what work() returns, in a thread, so that one that hangs fails."""
    found = []

    def run():
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    assert found, "it hangs"
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@pytest.mark.parametrize("most", [0, 1, 2])
@pytest.mark.parametrize("name", WORK)
def test_results_are_the_same(name, most, few_threads, digits, whole_groups, capsys):
    """Busy tasks are waited for without limit here: nothing but the counting ends a wait."""
    expected = WORK[name](*digits)
    few_threads(most)

    def work():
        with fit_together():
            return WORK[name](*digits)

    np.testing.assert_array_equal(ended(work), expected)


@pytest.mark.parametrize("most", [0, 2])
def test_errors_reach_the_caller(most, few_threads, digits):
    few_threads(most)
    search = GridSearchCV(NET, {"l2": [1e-3, -1.0]}, cv=3, error_score="raise")

    def work():
        with fit_together():
            cross_val_score(search, *digits, cv=3, error_score="raise")

    with pytest.raises(ValueError, match="l2"):
        ended(work)
