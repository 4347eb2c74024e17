"""Blocks beside dask's joblib backend: the inner one decides, results are the same."""

import logging

import numpy as np
import pytest
from distributed import Client, LocalCluster
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from wellposed import NetClassifier, fit_together

X, y = load_iris(return_X_y=True)
SEARCH = GridSearchCV(
    NetClassifier((8,), learning_rate=0.02, max_epochs=5, random_state=0),
    {"l2": [0.0, 0.1], "dropout": [0.0, 0.2]},
    cv=3,
    scoring="neg_log_loss",
)


def searched(seed):
    with fit_together(n_trainers=1) as scheduler:
        order = np.random.default_rng(seed).permutation(len(y))
        search = clone(SEARCH).fit(X[order], y[order])
    return search.cv_results_["mean_test_score"], scheduler.stack_sizes


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_searches_on_workers_and_fits_on_workers():
    expected = [searched(seed)[0] for seed in range(2)]
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as local,
        Client(local),
        parallel_config(backend="dask"),
    ):
        for (scores, sizes), here in zip(
            Parallel()(delayed(searched)(s) for s in range(2)), expected
        ):
            np.testing.assert_array_equal(scores, here)
            assert max(sizes) > 1, sizes
        order = np.random.default_rng(0).permutation(len(y))
        alone = clone(SEARCH).fit(X[order], y[order]).cv_results_["mean_test_score"]
        np.testing.assert_array_equal(alone, expected[0])
