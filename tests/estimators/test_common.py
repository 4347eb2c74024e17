"""scikit-learn's own checks, at the defaults and at configurations drawn at random."""

import os
import secrets
import zlib
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from wellposed import NetClassifier, NetRegressor
from wellposed._checks import check_combination
from wellposed.regularizers import REGULARIZERS

# Workers of one test run must draw the same configurations.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex())
SEED = int(os.environ.get("WELLPOSED_TEST_SEED", zlib.crc32(RUN.encode())))

# Strengths are small enough for the checks that ask for a good fit, and nothing is warm-started:
# some checks compare two fits of one estimator. Three rows of ten are enough for three classes.
ALWAYS = {"learning_rate": 0.02, "max_epochs": 150, "validation_fraction": 0.3}
WHOLE = {
    "hidden_layer_sizes": [(), (8,)],
    "activation": ["tanh", "softplus", "silu"],
    "init": ["auto", "glorot", "he"],
    "l2": [1e-3, 1e-2],
    "l1": [0, 1e-3],
}
BY_STEPS = WHOLE | {
    "hidden_layer_sizes": [(), (16,), (8, 8)],
    "activation": ["relu", "tanh", "logistic", "softplus", "gelu", "silu"],
    "l2": [0, 1e-3],
    "batch_size": ["auto", None, 20],
    "weight_decay": [0, 1e-2],
    "max_norm": [None, 4.0],
    "norm_constraint": [None, 20.0],
    "dropout": [0, 0.1],
    "input_dropout": [0, 0.1],
    "input_noise": [0, 0.1],
    "weight_noise": [0, 0.01],
    "adversarial": [0, 0.02],
    "augment": [0, 0.1],
    "mixup": [0, 0.05],
    "consistency": [0, 0.05],
    "mean_teacher": [0, 0.05],
    "vat": [0, 0.02],
    "activity_l1": [0, 1e-4],
    "sam": [0, 0.01],
    "group_l1": [0, 1e-4],
    "l2_sp": [0, 1e-3],
    "averaging": [None, 0.1],
    "swa": [None, 0.1],
    "early_stopping": [False, True],
    "retrain": [None, "updates", "passes"],
    "dtype": ["auto", "float32", "float64"],
}
OF_CLASSES = {
    "label_smoothing": [0, 0.1],
    "entropy": [0, 0.01],
    "pseudo_label": [0, 0.02],
}
OF_NUMBERS = {"fit_intercept": [True, False]}  # without biases, classes of large weight do not win
# sgd gets enough epochs to arrive, and, where y is in the hundreds, small steps and weights. Under
# extreme class weights and unscaled X, early stopping is too early for it and it must not be told
# that a tenth of the labels are others.
BY_SGD = {
    "hidden_layer_sizes": [(), (16,)],
    "activation": ["relu", "tanh", "softplus", "gelu", "silu"],
    "momentum": [0.8, 0.9],
    "max_epochs": [300],
}
OF_CLASSES_BY_SGD = {
    "early_stopping": [False],
    "retrain": [None],
    "label_smoothing": [0],
    "learning_rate": [0.005],
}
OF_NUMBERS_BY_SGD = {"learning_rate": [0.005], "norm_constraint": [3.0, 5.0]}


def draw(cls: type, solver: str, rng: np.random.Generator) -> Any:
    """Draw an estimator among those whose parameters can be combined."""
    options = WHOLE if solver == "lbfgs" else BY_STEPS
    options = options | (OF_CLASSES if cls is NetClassifier else OF_NUMBERS)
    if solver == "sgd":
        options = options | BY_SGD
        options = options | (OF_CLASSES_BY_SGD if cls is NetClassifier else OF_NUMBERS_BY_SGD)
    while True:
        drawn = {name: values[rng.integers(len(values))] for name, values in options.items()}
        on = [name for name in drawn if name in REGULARIZERS and drawn[name]]
        for name in rng.permutation(on)[6:]:  # all at once have a test of their own
            drawn[name] = options[name][0]
        estimator = cls(solver=solver).set_params(**ALWAYS).set_params(**drawn)
        if solver == "lbfgs":  # many steps tell rounding apart where there are several minima
            estimator.set_params(max_epochs=30 if drawn["hidden_layer_sizes"] else 2000, tol=1e-12)
        try:
            check_combination(estimator)
        except ValueError:
            continue
        return estimator


class TwoLayers(nn.Sequential):
    """A user's own network."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(nn.Linear(n_inputs, 16), nn.ReLU(), nn.Linear(16, n_outputs))


RNG = np.random.default_rng(SEED)
OWN = {"network": TwoLayers, "max_epochs": 60, "learning_rate": 0.05}
DEEP = {"hidden_layer_sizes": (16, 16), "skip": True, **ALWAYS}
ESTIMATORS = [NetClassifier(), NetRegressor(), NetClassifier(**OWN), NetRegressor(**OWN)]
ESTIMATORS += [
    NetClassifier(normalization="batch", **DEEP),
    NetRegressor(normalization="layer", **DEEP),
]
ESTIMATORS += [
    draw((NetClassifier, NetRegressor)[RNG.integers(2)], solver, RNG)
    for solver in ("adam", "adam", "sgd", "lbfgs")
]


def expected_failures(estimator: Any) -> dict[str, str]:
    """Where a weight of two cannot equal a row given twice, to the last digits."""
    if estimator.solver == "lbfgs":
        return {}
    random = [name for name in REGULARIZERS if REGULARIZERS[name].random]
    reasons = {
        "mini-batches hold other rows": estimator.batch_size not in ("auto", None),
        "float32 rounds sums of 7 digits": estimator.dtype == "float32",
        "every row draws its own noise": any(getattr(estimator, name, 0) for name in random),
        "other rows are held out": estimator.early_stopping,
        "statistics of a batch are not weighted": estimator.normalization == "batch",
    }
    for reason in (reason for reason, holds in reasons.items() if holds):
        return {
            f"check_sample_weight_equivalence_on_{kind}_data": reason
            for kind in ("dense", "sparse")
        }
    return {}


@pytest.fixture(autouse=True)
def _say_the_seed():
    """Shown where a check fails."""
    print(f"Repeat these configurations with WELLPOSED_TEST_SEED={SEED}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_every_parameter_is_constrained():
    for cls in (NetClassifier, NetRegressor):
        assert set(cls._get_param_names()) == set(cls._parameter_constraints)
    assert set(REGULARIZERS) <= set(NetClassifier._get_param_names())
