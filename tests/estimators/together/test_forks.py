"""Forked processes: neither OpenMP's threads nor those of a block survive a fork."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
]

BEGIN = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV
from wellposed import NetClassifier, NetRegressor, bias_variance, fit_together

torch.set_num_threads(4)
rng = np.random.default_rng(0)
X = rng.normal(size=(3000, 32))
Y = X[:, :1] ** 2 + rng.normal(size=(3000, 40))
y = (X[:, 0] > 0).astype(int)

def module(n_inputs, n_outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(),
        torch.nn.Linear(64, n_outputs),
    )

def forked(work):
    expected = work()
    torch.ones(10**6).exp()  # OpenMP's threads are there
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = 0 if np.array_equal(work(), expected) else 2
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print("status", status, flush=True)
"""

WORK = {
    "network": "NetRegressor((64, 64), max_epochs=2, random_state=0).fit(X, Y).predict(X)",
    "lbfgs": "NetRegressor((), solver='lbfgs', max_epochs=9, random_state=0).fit(X, Y).predict(X)",
    "cnn": "NetClassifier((8,), network='cnn', max_epochs=1, random_state=0)"
    ".fit(np.tile(X, 2), y).predict_proba(np.tile(X, 2))",
    "module": "NetClassifier(network=module, max_epochs=2, random_state=0)"
    ".fit(X, y).predict_proba(X)",
    "partial_fit": "NetRegressor((64,), random_state=0).partial_fit(X, Y).partial_fit(X, Y)"
    ".predict(X)",
    "early stopping": "NetRegressor((64,), max_epochs=3, early_stopping=True, retrain='continue', "
    "random_state=0).fit(X, Y).predict(X)",
    "skorch": "NetRegressor((64,), max_epochs=2, verbose=1, random_state=0).fit(X, Y).net_"
    ".predict(X)",
    "skorch trains": "NetRegressor((64,), max_epochs=2, random_state=0).fit(X, Y).net_"
    ".fit(X.astype('f4'), Y.astype('f4')).predict(X.astype('f4'))",
    "coefs": "NetRegressor((64,), max_epochs=1, random_state=0).fit(X, Y).coefs_[0]",
}


def run(code, timeout=120):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
    )


def test_fits_after_a_fork():
    done = run("".join(f"forked(lambda: {work})\n" for work in WORK.values()))
    assert done.stdout.count("status 0") == len(WORK), done.stdout + done.stderr[-2000:]


INSIDE = """
def search():
    with fit_together(n_trainers=2):
        return GridSearchCV(NetClassifier((16,), max_epochs=9, random_state=0), {"l2": [0, .1]},
                            cv=3).fit(X, y).cv_results_["mean_test_score"]

expected = search()

def work(i):  # in a thread of a block, forked while others train
    if i % 2:
        return NetClassifier((64,), max_epochs=20, random_state=i).fit(X, y).n_iter_
    pid = os.fork()
    if not pid:
        status = 1
        try:
            inside = GridSearchCV(NetClassifier((16,), max_epochs=9, random_state=0),
                                  {"l2": [0, .1]}, cv=3).fit(X, y).cv_results_["mean_test_score"]
            status = 0 if np.array_equal(inside, expected) and np.array_equal(search(), expected) \
                else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

with fit_together(n_trainers=2):
    print(Parallel()(delayed(work)(i) for i in range(6)))
"""


def test_forked_inside_a_block():
    done = run(INSIDE)
    assert "[0, 20, 0, 20, 0, 20]" in done.stdout, done.stdout + done.stderr[-2000:]
