"""Displays in scikit-learn's style: arrays kept, `from_estimator`, `plot`, `frame`."""

from .bias_variance import BiasVarianceDisplay

__all__ = ["BiasVarianceDisplay"]
