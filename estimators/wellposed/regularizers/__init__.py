"""The regularizers of the chapter, one small class each, in the order in which they act."""

from __future__ import annotations

from .activations import ActivityKL, ActivityL1
from .adversarial import Adversarial
from .augmentation import Augment
from .auxiliary import Auxiliary
from .averaging import EMA, SWA, Averaging, Snapshots
from .base import Regularizer
from .constraints import MaxNorm, NonNegative, NormConstraint, SpectralNorm
from .dropout import DropConnect, Dropout, GaussianDropout, InputDropout, StochasticDepth
from .gradients import ClipNorm, GradientNoise
from .groups import GroupL1
from .mixing import CutMix, Mixup
from .noise import InputNoise, LabelNoise, LabelSmoothing, WeightNoise
from .ramps import Ramp
from .semi_supervised import VAT, Consistency, Entropy, MeanTeacher, PseudoLabel
from .sharpness import SAM
from .tangents import DoubleBackprop, JacobianNorm, TangentProp
from .weights import L1, L2, L2SP, Orthogonality, WeightDecay

# The list of regularizers, in the order in which they act, which all others follow: `REGULARIZERS`,
# and the names that `wellposed` has of them. After them what regularizers of one's own are made of.
__all__ = [  # noqa: RUF022
    "Augment",
    "InputNoise",
    "InputDropout",
    "LabelNoise",
    "LabelSmoothing",
    "Mixup",
    "CutMix",
    "Adversarial",
    "WeightNoise",
    "DropConnect",
    "SAM",
    "Dropout",
    "GaussianDropout",
    "StochasticDepth",
    "ActivityL1",
    "ActivityKL",
    "TangentProp",
    "JacobianNorm",
    "DoubleBackprop",
    "Auxiliary",
    "Entropy",
    "PseudoLabel",
    "Consistency",
    "MeanTeacher",
    "VAT",
    "L2",
    "L2SP",
    "L1",
    "GroupL1",
    "Orthogonality",
    "ClipNorm",
    "GradientNoise",
    "WeightDecay",
    "MaxNorm",
    "NormConstraint",
    "SpectralNorm",
    "NonNegative",
    "Averaging",
    "EMA",
    "SWA",
    "Snapshots",
    "Ramp",
    "Regularizer",
]

#: The classes by the names of the estimators' parameters.
REGULARIZERS: dict[str, type[Regularizer]] = {
    cls.name: cls for cls in map(globals().__getitem__, __all__) if getattr(cls, "name", "")
}
