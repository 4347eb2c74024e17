"""Regularized neural networks as scikit-learn estimators.

Every regularizer of the deep-learning chapter is a plain hyperparameter of `NetClassifier` and
`NetRegressor`; `bias_variance` splits the expected error of any estimator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblib import register_parallel_backend

from .bias_variance import (
    BiasVarianceDisplay,
    BiasVarianceResult,
    KnownTruth,
    bias_variance,
    decompose_log,
    decompose_squared,
    decompose_zero_one,
)
from .exceptions import DivergenceError
from .net import NetClassifier, NetRegressor
from .regularizers import (
    L1,
    L2,
    SAM,
    ActivityL1,
    Adversarial,
    Averaging,
    Dropout,
    InputDropout,
    InputNoise,
    LabelSmoothing,
    MaxNorm,
    NormConstraint,
    Regularizer,
    WeightDecay,
    WeightNoise,
)

if TYPE_CHECKING:
    from .together import fit_together
    from .together.backend import TogetherBackend

__all__ = [
    "L1",
    "L2",
    "SAM",
    "ActivityL1",
    "Adversarial",
    "Averaging",
    "BiasVarianceDisplay",
    "BiasVarianceResult",
    "DivergenceError",
    "Dropout",
    "InputDropout",
    "InputNoise",
    "KnownTruth",
    "LabelSmoothing",
    "MaxNorm",
    "NetClassifier",
    "NetRegressor",
    "NormConstraint",
    "Regularizer",
    "WeightDecay",
    "WeightNoise",
    "bias_variance",
    "decompose_log",
    "decompose_squared",
    "decompose_zero_one",
    "fit_together",
]


def __getattr__(name: str) -> Any:
    """Import the threads and processes of `fit_together` when they are asked for."""
    if name == "fit_together":
        from .together import fit_together

        return fit_together
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _make_backend(**parameters: Any) -> TogetherBackend:
    from .together.backend import TogetherBackend

    return TogetherBackend(**parameters)


register_parallel_backend("wellposed", _make_backend)
