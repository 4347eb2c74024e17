"""On a GPU: the CPU's networks, within what its order of summation changes in a hundred steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from wellposed import NetClassifier, fit_together

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
SETTINGS = {
    "adam": {"l2": 1e-3},
    "sgd": {"solver": "sgd", "momentum": 0.9, "l1": 1e-3, "learning_rate": 0.01},
    "random": {"dropout": 0.3, "input_noise": 0.1, "weight_noise": 0.01, "label_smoothing": 0.1},
    "constrained": {"max_norm": 1.0, "weight_decay": 0.1},
    "early stopping": {"early_stopping": True},
    "cnn": {"network": "cnn", "hidden_layer_sizes": (4,)},
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:640] / 16, y[:640]


def net(device, **settings):
    """Ten batches an epoch, ten epochs: a hundred steps."""
    defaults = {"hidden_layer_sizes": (16,), "batch_size": 64, "max_epochs": 10}
    return NetClassifier(device=device, random_state=0, **defaults | settings)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", SETTINGS)
def test_weights_are_the_cpus(name, dtype, digits):
    X, y = digits
    fitted = [net(d, dtype=dtype, **SETTINGS[name]).fit(X, y) for d in ("cpu", "cuda")]
    cpu, cuda = ([np.asarray(w) for w in one.coefs_] for one in fitted)
    for ours, theirs in zip(cuda, cpu):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_together_as_alone(dtype, digits):
    grid = {"l2": np.logspace(-4, -1, 5)}
    search = GridSearchCV(net("cuda", dtype=dtype), grid, cv=3, scoring="neg_log_loss")
    alone = search.fit(*digits).cv_results_["mean_test_score"]
    with fit_together() as scheduler:
        together = search.fit(*digits).cv_results_["mean_test_score"]
    np.testing.assert_allclose(together, alone, atol=10 * TOLERANCES[dtype])
    assert max(scheduler.stack_sizes) == 15


def test_lbfgs_finds_the_cpus_minimum(digits):
    fitted = [
        NetClassifier((), solver="lbfgs", l2=1e-2, tol=1e-8, dtype="float64", device=d).fit(*digits)
        for d in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(fitted[1].coef_, fitted[0].coef_, atol=1e-6)
