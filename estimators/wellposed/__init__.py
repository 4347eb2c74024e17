"""Regularized neural networks as scikit-learn estimators.

Every regularizer of the deep-learning chapter is a plain hyperparameter of `NetClassifier` and
`NetRegressor`; `bias_variance` splits the expected error of any estimator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblib import register_parallel_backend

from . import regularizers
from .attacks import adversarial_examples, adversarial_score
from .bias_variance import (
    BiasVarianceDisplay,
    BiasVarianceResult,
    KnownTruth,
    bias_variance,
    decompose_log,
    decompose_squared,
    decompose_zero_one,
)
from .displays import RegularizationPathDisplay, TrainingCurveDisplay
from .exceptions import DivergenceError
from .net import NetClassifier, NetRegressor
from .omp import OMPEncoder
from .regularizers import *  # noqa: F403
from .search import Cocktail, cocktail
from .tangent_metric import tangent_distance
from .unlabeled import KeepUnlabeled, Unlabeled

if TYPE_CHECKING:
    from .saving import load, save
    from .together import fit_together
    from .together.backend import TogetherBackend

__all__ = [
    "BiasVarianceDisplay",
    "BiasVarianceResult",
    "Cocktail",
    "DivergenceError",
    "KeepUnlabeled",
    "KnownTruth",
    "NetClassifier",
    "NetRegressor",
    "OMPEncoder",
    "RegularizationPathDisplay",
    "TrainingCurveDisplay",
    "Unlabeled",
    "adversarial_examples",
    "adversarial_score",
    "bias_variance",
    "cocktail",
    "decompose_log",
    "decompose_squared",
    "decompose_zero_one",
    "fit_together",
    "load",
    "save",
    "tangent_distance",
]
__all__ += regularizers.__all__


def __getattr__(name: str) -> Any:
    """Import the threads and processes of `fit_together` when they are asked for."""
    if name == "fit_together":
        from .together import fit_together

        return fit_together
    if name in ("load", "save"):
        from . import saving

        return getattr(saving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _make_backend(**parameters: Any) -> TogetherBackend:
    from .together.backend import TogetherBackend

    return TogetherBackend(**parameters)


register_parallel_backend("wellposed", _make_backend)
