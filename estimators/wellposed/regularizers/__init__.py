"""The regularizers of the chapter, one small class each, in the order in which they act."""

from __future__ import annotations

from .activations import ActivityL1
from .adversarial import Adversarial
from .averaging import Averaging
from .base import MOMENTS, Regularizer
from .constraints import MaxNorm, NormConstraint
from .dropout import Dropout, InputDropout
from .noise import InputNoise, LabelSmoothing, WeightNoise
from .sharpness import SAM
from .weights import L1, L2, WeightDecay

REGULARIZERS: dict[str, type[Regularizer]] = {
    regularizer.name: regularizer
    for regularizer in (
        InputNoise,
        InputDropout,
        LabelSmoothing,
        Adversarial,
        WeightNoise,
        SAM,
        Dropout,
        ActivityL1,
        L2,
        L1,
        WeightDecay,
        MaxNorm,
        NormConstraint,
        Averaging,
    )
}

__all__ = [
    "L1",
    "L2",
    "MOMENTS",
    "REGULARIZERS",
    "SAM",
    "ActivityL1",
    "Adversarial",
    "Averaging",
    "Dropout",
    "InputDropout",
    "InputNoise",
    "LabelSmoothing",
    "MaxNorm",
    "NormConstraint",
    "Regularizer",
    "WeightDecay",
    "WeightNoise",
]
