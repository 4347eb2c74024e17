"""Warnings point at the user's line, whatever libraries and threads lie between."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetRegressor, fit_together
from wellposed._warn import warn

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 2))
y = X[:, 0] + 100
net = NetRegressor((2,), init="glorot", max_epochs=2, random_state=0)


def alone():
    return net.fit(X, y), line()


def in_pipeline():
    return make_pipeline(StandardScaler(), net).fit(X, y), line()


def ensemble():
    return NetRegressor(**{**net.get_params(), "n_members": 2}).fit(X, y), line()


def search():
    return GridSearchCV(net, {"l2": [0.0, 0.1]}, cv=2, refit=False).fit(X, y), line()


def together():
    with fit_together():
        return search()


def searches_of_ensembles():
    members = {"n_members": [2], "bootstrap": [False, True]}
    with fit_together():
        return GridSearchCV(net, members, cv=2, refit=False, error_score="raise").fit(X, y), line()


def line():
    return inspect.currentframe().f_back.f_lineno


WAYS = [alone, in_pipeline, ensemble, search, together, searches_of_ensembles]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_warning_points_at_the_users_line(way):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        _, number = way()
    heard = [w for w in heard if w.category is ConvergenceWarning]
    assert heard
    assert {(w.filename, w.lineno) for w in heard} == {(__file__, number)}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_filters_see_the_users_module(way):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=__name__.replace(".", r"\."))
        way()
    assert not heard


def test_a_line_is_told_of_once():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        for _ in range(3):
            warn("once a line", UserWarning)
        warn("once a line", UserWarning)
    assert [w.lineno for w in heard] == [line() - 2, line() - 1]


def test_a_line_of_a_function_that_a_library_calls_is_the_users():
    def score(net, X, y):
        net.fit(X, y)
        return 0.0

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with fit_together():
            GridSearchCV(net, {}, cv=2, scoring=score, refit=False).fit(X, y)
    ours = {w.lineno for w in heard if w.filename == __file__}
    first = inspect.getsourcelines(score)[1]
    assert first + 1 in ours
