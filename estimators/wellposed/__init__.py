"""Regularized neural networks as scikit-learn estimators.

Every regularizer of the deep-learning chapter is a plain hyperparameter of `NetClassifier` and
`NetRegressor`; `bias_variance` splits the expected error of any estimator.
"""

from .bias_variance import (
    BiasVarianceResult,
    KnownTruth,
    bias_variance,
    decompose_log,
    decompose_squared,
    decompose_zero_one,
)
from .displays import BiasVarianceDisplay
from .exceptions import DivergenceError
from .net import NetClassifier, NetRegressor
from .together import fit_together

__all__ = [
    "BiasVarianceDisplay",
    "BiasVarianceResult",
    "DivergenceError",
    "KnownTruth",
    "NetClassifier",
    "NetRegressor",
    "bias_variance",
    "decompose_log",
    "decompose_squared",
    "decompose_zero_one",
    "fit_together",
]
