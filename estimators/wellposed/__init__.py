"""Regularized neural networks as scikit-learn estimators.

Every regularizer of the deep-learning chapter is a plain hyperparameter of `NetClassifier` and
`NetRegressor`.
"""

from .exceptions import DivergenceError
from .net import NetClassifier, NetRegressor

__all__ = ["DivergenceError", "NetClassifier", "NetRegressor"]
