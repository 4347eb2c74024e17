"""Displays in scikit-learn's style: arrays kept, `from_estimator`, `plot`, `frame`."""

from wellposed.displays.bias_variance import BiasVarianceDisplay

__all__ = ["BiasVarianceDisplay"]
