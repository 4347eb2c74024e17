"""Displays in scikit-learn's style: arrays kept, `from_estimator`, `plot`, `frame`."""

from ..bias_variance import BiasVarianceDisplay
from .path import RegularizationPathDisplay
from .training_curve import TrainingCurveDisplay

__all__ = ["BiasVarianceDisplay", "RegularizationPathDisplay", "TrainingCurveDisplay"]
