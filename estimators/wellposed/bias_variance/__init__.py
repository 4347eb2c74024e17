"""Bias, variance and noise of any scikit-learn estimator.

The expected error of an estimator, over the training sets it might have been given, splits into
what it gets wrong on average (bias), how much it depends on the training set (variance) and what
no estimator can know (noise).
"""

from .display import BiasVarianceDisplay
from .estimate import bias_variance
from .log import decompose_log
from .result import BiasVarianceResult
from .squared import decompose_squared
from .training_sets import KnownTruth
from .zero_one import decompose_zero_one

__all__ = [
    "BiasVarianceDisplay",
    "BiasVarianceResult",
    "KnownTruth",
    "bias_variance",
    "decompose_log",
    "decompose_squared",
    "decompose_zero_one",
]
