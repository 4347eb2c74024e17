"""The regularizers of the chapter, one small class each, in the order in which they act."""

from __future__ import annotations

from .base import Regularizer, Setting
from .constraints import MaxNorm, NormConstraint
from .dropout import Dropout, InputDropout
from .noise import InputNoise, LabelSmoothing, WeightNoise
from .weights import L1, L2, WeightDecay

REGULARIZERS: dict[str, type[Regularizer]] = {
    regularizer.name: regularizer
    for regularizer in (
        InputNoise,
        InputDropout,
        WeightNoise,
        Dropout,
        LabelSmoothing,
        L2,
        L1,
        WeightDecay,
        MaxNorm,
        NormConstraint,
    )
}

__all__ = ["REGULARIZERS", "Regularizer", "Setting"]
