"""Norm constraints: projections after every update (section 7.2)."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import torch

from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Weights


class MaxNorm(Regularizer):
    """Largest 2-norm of each hidden unit's incoming weights, bias excluded (section 7.2).

    0, as for all others, is off.
    """

    name, symbol, section = "max_norm", "c", "7.2"
    typical = (5.0, 0.3)
    paper = "Srebro, Rennie and Jaakkola 2005; Hinton et al. 2012"
    needs_hidden = True

    def project(self, weights: Weights) -> None:
        for weight in weights.layers[:-1]:
            norms = weight.square().sum(2, keepdim=True).sqrt_()
            weight.mul_((self.strength[:, None, None] / norms).clamp_(max=1.0))


class NormConstraint(Regularizer):
    """Largest 2-norm of all weights together, 0 is off (section 7.2).

    Under sgd the constrained problem of eq. 7.25 is solved; under adam the constraint is kept, and
    training stops elsewhere.
    """

    name, symbol, section = "norm_constraint", "k", "7.2"
    typical = (10.0, 0.5)

    def project(self, weights: Weights) -> None:
        squares = torch.stack([w.square().flatten(1).sum(1) for w in weights.layers]).sum(0)
        shrink = (self.strength / squares.sqrt()).clamp_(max=1.0)
        for weight in weights.layers:
            weight.mul_(shrink[:, None, None])


class SpectralNorm(Regularizer):
    """Largest singular value of each layer's weights, 0 is off.

    It bounds how much a layer can stretch a difference of its inputs (Yoshida and Miyato 2017). The
    weights are scaled after every update; singular values are exact.
    """

    name, symbol, section = "spectral_norm", "c", "7.2"
    typical = (10.0, 0.5)
    paper = "Yoshida and Miyato 2017"

    def project(self, weights: Weights) -> None:
        for weight in weights.layers:
            largest = torch.linalg.svdvals(weight)[:, 0]
            weight.mul_((self.strength / largest).clamp_(max=1.0)[:, None, None])


class NonNegative(Regularizer):
    """Whether weights are kept >= 0, biases excluded (section 7.2).

    Under sgd the constrained problem is solved; under adam the constraint is kept, and training
    stops elsewhere.
    """

    name, symbol, section = "nonnegative", "", "7.2"
    typical = (1.0, 1.0)
    interval = Range(Real, 0, 1, closed="both")
    kind = "bool"

    def project(self, weights: Weights) -> None:
        weights.flat.clamp_(min=0.0)
