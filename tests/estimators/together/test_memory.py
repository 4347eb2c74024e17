"""Memory stays within what a block is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV, cross_validate, learning_curve

from wellposed import NetClassifier, fit_together
from wellposed.together import trainers as module
from wellposed.together.tasks import current_task

NET = NetClassifier((), max_epochs=1, batch_size=64, random_state=0)


def more_memory(*args):
    script = Path(__file__).with_name("peak_memory.py")
    done = subprocess.run([sys.executable, script, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_512_networks_on_digits():
    """Measured: 185 MiB."""
    assert more_memory("digits", 128, 4, 2e9) < 400


@pytest.mark.slow
def test_tasks_on_data_of_the_size_of_mnist():
    """Its rows are 210 MiB; 24 tasks and their trainings would hold 15 GB. Measured: 1,545 MiB."""
    assert more_memory("mnist", 6, 4, 2e9) < 2e9 / 2**20 + 100


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return rng.random((800, 50), dtype=np.float32), rng.integers(0, 2, 800)


@pytest.mark.parametrize("n_tasks", [1, 4, 9])
def test_tasks_are_admitted_as_far_as_memory_goes(n_tasks, table, whole_groups):
    """A fit is reckoned with three times its rows, and indices, targets, a little more."""
    X, y = table
    one = 3 * (X.nbytes + 3 * y.nbytes)
    with fit_together(max_memory=n_tasks * 1.01 * one) as scheduler:
        GridSearchCV(NET, {"l2": np.logspace(-6, -1, 8)}, cv=3, refit=False).fit(X, y)
    assert sum(scheduler.stack_sizes) == 24
    assert max(scheduler.stack_sizes) == n_tasks


def test_sizes_are_known_beforehand(table):
    """The first tasks of a learning curve are its smallest."""
    X, y = table
    one = 3 * (X.nbytes + 3 * y.nbytes)
    with fit_together(max_memory=2.02 * one) as scheduler:
        learning_curve(NET, X, y, train_sizes=[0.1, 0.2, 0.5, 1.0], cv=3)
    assert sum(scheduler.stack_sizes) == 12
    assert max(scheduler.stack_sizes) <= 2


def test_a_search_inside_a_search_needs_no_more(table):
    """With room for one task, tasks of tasks are trained one by one."""
    X, y = table
    search = GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=2)
    with fit_together(max_memory=1) as scheduler:
        cross_validate(search, X, y, cv=3)
    assert scheduler.stack_sizes == [1] * 15


def test_calls_of_calls_know_the_memory_of_their_fits(table, whole_groups):
    """A task of tasks holds what they hold: it does not count as another library's."""
    X, y = table
    seen = []

    def outer(n):
        cross_validate(NET, X[:n], y[:n], cv=2)
        seen.append((n, current_task().call.n_bytes))

    with fit_together():
        Parallel()(delayed(outer)(n) for n in (200, 800))
    rows = 4 * (64 + 16)  # bytes of a row of float32, padded
    assert max(n_bytes for _, n_bytes in seen) >= 400 * rows
    assert all(n_bytes >= n // 2 * rows for n, n_bytes in seen)


def test_rows_of_one_source_are_held_once(table, monkeypatch, whole_groups):
    """Every candidate's folds are copies made by scikit-learn."""
    seen = []

    def train(requests, abandoned=None):
        seen.append({id(request.rows.table) for request in requests})
        return real(requests, abandoned)

    real = module.train
    monkeypatch.setattr(module, "train", train)
    with fit_together() as scheduler:
        GridSearchCV(NET, {"l2": np.logspace(-6, -1, 8)}, cv=3, refit=False).fit(*table)
    assert scheduler.stack_sizes == [24]
    assert [len(tables) for tables in seen] == [3]
    assert not len(scheduler._rows)


def test_nearly_equal_rows_are_not_taken_for_equal(whole_groups):
    """They differ where nobody looks at first."""
    tables = np.zeros((2, 300, 2), dtype=np.float32)
    tables[0, 150, 0] = tables[1, 151, 1] = 1
    y = np.arange(300) % 2
    nets = [NetClassifier((), max_epochs=2, random_state=0) for _ in tables]
    alone = [net.fit(X, y).coef_ for net, X in zip(nets, tables)]
    with fit_together() as scheduler:
        found = Parallel()(delayed(net.fit)(X, y) for net, X in zip(nets, tables))
    assert scheduler.stack_sizes == [2]
    np.testing.assert_array_equal([net.coef_ for net in found], alone)
    assert not np.array_equal(*alone)
