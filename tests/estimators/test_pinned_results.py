"""Results that must stay: fits of every kind, computed once and kept beside this file.

Their numbers are compared to 9 digits, since other machines round differently. To pin results anew
after a change that is meant, run this file: ``python tests/estimators/test_pinned_results.py``.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from torch import nn

from wellposed import NetClassifier, NetRegressor, bias_variance, fit_together

PINNED = Path(__file__).with_suffix(".json")


def module(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 12),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(12, n_outputs),
    )


CLASSIFIERS = {
    "plain": {},
    "sgd": {"solver": "sgd", "learning_rate": 0.05},
    "lbfgs": {"solver": "lbfgs", "l2": 1e-2, "max_epochs": 40},
    "lbfgs-l1": {"solver": "lbfgs", "l1": 1e-2, "hidden_layer_sizes": ()},
    "lbfgs-smoothed": {
        "solver": "lbfgs", "label_smoothing": 0.1, "l2": 1e-2, "hidden_layer_sizes": ()
    },
    "deep-tanh": {"hidden_layer_sizes": (9, 5), "activation": "tanh", "init": "he"},
    "logistic": {"activation": "logistic"},
    "cnn": {"network": "cnn", "hidden_layer_sizes": (4, 5), "max_epochs": 2},
    "cnn-regularized": {
        "network": "cnn", "hidden_layer_sizes": (3,), "max_epochs": 2, "dropout": 0.2, "l2": 1e-3,
        "max_norm": 1.0,
    },
    "module": {"network": module, "l2": 1e-3, "dropout": 0.2, "weight_noise": 0.01},
    "no-biases": {"fit_intercept": False, "activation": "softplus"},
    "small-batches": {"batch_size": 17, "max_epochs": 4},
    "l2": {"l2": 1e-2},
    "l1": {"l1": 1e-3},
    "l1-averaged": {"l1": 1e-3, "averaging": 0.5, "solver": "sgd"},
    "weight-decay": {"weight_decay": 0.1},
    "max-norm": {"max_norm": 0.5},
    "norm-constraint": {"norm_constraint": 1.5, "solver": "sgd"},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "noise": {"input_noise": 0.2, "weight_noise": 0.05},
    "smoothing": {"label_smoothing": 0.2},
    "averaging": {"averaging": 0.4},
    "all": {
        "l2": 1e-3, "l1": 1e-4, "weight_decay": 1e-2, "max_norm": 2.0, "norm_constraint": 9.0,
        "dropout": 0.1, "input_dropout": 0.1, "input_noise": 0.1, "weight_noise": 0.01,
        "label_smoothing": 0.1, "averaging": 0.5,
    },
    "early": {
        "early_stopping": True, "n_iter_no_change": 2, "max_epochs": 30, "learning_rate": 0.02
    },
    "early-continue": {
        "early_stopping": True, "retrain": "continue", "n_iter_no_change": 2, "max_epochs": 12
    },
    "early-updates": {
        "early_stopping": True, "retrain": "updates", "n_iter_no_change": 2, "dropout": 0.1
    },
    "balanced": {"class_weight": "balanced"},
    "single": {"dtype": "float32"},
}  # fmt: skip
REGRESSORS = {
    "plain": {},
    "linear-ridge": {"hidden_layer_sizes": (), "solver": "lbfgs", "l2": 0.1},
    "lasso": {"hidden_layer_sizes": (), "solver": "lbfgs", "l1": 1.0},
    "poisson": {"loss": "poisson", "hidden_layer_sizes": (), "solver": "lbfgs", "l2": 0.1},
    "poisson-adam": {
        "loss": "poisson",
        "hidden_layer_sizes": (8,),
        "dropout": 0.1,
        "learning_rate": 0.01,
    },
    "noise": {"input_noise": 0.3, "weight_noise": 0.1, "weight_decay": 0.1},
}


def numbers(net, X):
    """A few numbers that change when anything does."""
    outputs = net.decision_function(X) if hasattr(net, "decision_function") else net.predict(X)
    outputs = np.asarray(outputs, float).ravel()
    ramp = np.cos(np.arange(outputs.size))
    return [float(outputs.sum()), float(outputs @ ramp), net.loss_, float(net.n_iter_)]


def classify(**params):
    X, y = load_iris(return_X_y=True)
    if params.get("network") == "cnn":
        X, y = (part[:120] for part in load_digits(return_X_y=True))
        X = X / 16
    else:
        X = StandardScaler().fit_transform(X)
    net = NetClassifier(
        **{"hidden_layer_sizes": (16,), "max_epochs": 8, "random_state": 3} | params
    )
    return numbers(net.fit(X, y), X)


def regress(**params):
    X, y = load_diabetes(return_X_y=True)
    X = 20 * X[:150]
    y = y[:150] / 50
    defaults = {"hidden_layer_sizes": (16,), "max_epochs": 8, "random_state": 3}
    init = "glorot" if params.get("hidden_layer_sizes", True) else "auto"
    net = NetRegressor(**defaults | {"init": init} | params)
    return numbers(net.fit(X, y), X)


def warm():
    X, y = load_iris(return_X_y=True)
    net = NetClassifier((8,), max_epochs=3, dropout=0.2, warm_start=True, random_state=0).fit(X, y)
    return numbers(net.set_params(l2=0.1).fit(X, y), X)


def partial():
    X, y = load_iris(return_X_y=True)
    net = NetClassifier((8,), dropout=0.2, l1=1e-3, random_state=0)
    for part in (slice(0, 90), slice(40, 150)):
        net.partial_fit(X[part], y[part], classes=[0, 1, 2])
    return numbers(net, X)


def weighted():
    X, y = load_diabetes(return_X_y=True)
    net = NetRegressor((8,), init="glorot", max_epochs=5, l2=0.1, random_state=0)
    return numbers(net.fit(X, y / 50, sample_weight=np.arange(len(y)) % 3), X)


def sparse():
    X, y = load_digits(return_X_y=True)
    net = NetClassifier((8,), max_epochs=3, dropout=0.1, random_state=0)
    return numbers(net.fit(csr_array(X[:200] / 16), y[:200]), X[:200] / 16)


def two_targets():
    X, y = load_diabetes(return_X_y=True)
    Y = np.stack([y / 50, X[:, 2] * 20], 1)
    return numbers(NetRegressor((8,), init="glorot", max_epochs=5, random_state=0).fit(X, Y), X)


def labels():
    X, y = load_iris(return_X_y=True)
    Y = np.stack([y > 0, X[:, 0] > 6], 1).astype(int)
    return numbers(NetClassifier((8,), max_epochs=5, random_state=0).fit(X, Y), X)


def grid():
    X, y = load_iris(return_X_y=True)
    net = NetClassifier((8,), max_epochs=6, learning_rate=0.01, random_state=0)
    values = {"l2": [0, 1e-3, 1e-1], "dropout": [0, 0.3], "l1": [0, 1e-2]}
    with fit_together():
        search = GridSearchCV(net, values, cv=3, scoring="neg_log_loss").fit(X, y)
    return [float(score) for score in search.cv_results_["mean_test_score"]]


def decomposed():
    X, y = load_diabetes(return_X_y=True)
    net = NetRegressor(
        (8,), init="glorot", max_epochs=5, learning_rate=0.01, l2=0.1, random_state=0
    )
    result = bias_variance(net, X[:200], y[:200] / 50, n_repetitions=6, random_state=0)
    return [float(value) for value in result.frame().select_dtypes("number").to_numpy().ravel()]


CASES = (
    {f"classifier-{name}": (classify, params) for name, params in CLASSIFIERS.items()}
    | {f"regressor-{name}": (regress, params) for name, params in REGRESSORS.items()}
    | {
        function.__name__: (function, {})
        for function in (warm, partial, weighted, sparse, two_targets, labels, grid, decomposed)
    }
)


def computed(name):
    function, params = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(**params)


@pytest.mark.parametrize("name", CASES)
def test_result_is_that_of_before(name):
    pinned = json.loads(PINNED.read_text())[name]
    single = "single" in name
    np.testing.assert_allclose(
        computed(name), pinned, rtol=1e-4 if single else 1e-9, atol=1e-4 if single else 1e-11
    )


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PINNED
    path.write_text(json.dumps({name: computed(name) for name in CASES}, indent=0) + "\n")
