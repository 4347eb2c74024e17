"""A problem with a known truth, for the tests of bias and variance."""

import numpy as np
import pytest

from wellposed.bias_variance import KnownTruth

NOISE = 0.5


@pytest.fixture(scope="module")
def design():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 12)) * np.linspace(0.2, 2, 12)
    X_test = rng.normal(size=(15, 12))
    w = rng.normal(size=12)
    return X, X @ w, X_test, X_test @ w


@pytest.fixture(scope="module")
def fixed_design(design):
    X, f, X_test, f_test = design
    return KnownTruth(
        lambda rng: (X, f + rng.normal(0, np.sqrt(NOISE), len(f))), X_test, f_test, noise=NOISE
    )
