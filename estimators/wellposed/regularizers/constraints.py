"""Norm constraints: projections after every update (section 7.2)."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Weights


class _Bound(Regularizer):
    """Keeps a norm of weights at most at its strength, of which 0 is none."""

    is_bound = True

    def prepare(self) -> None:
        self.strength = self.strength.masked_fill(self.strength == 0, math.inf)

    def shrink(self, i: int, norms: Tensor) -> Tensor:
        """What takes layer i from these norms [K, ...] to the bound."""
        bound = self.of_layer(i).view(-1, *[1] * (norms.ndim - 1))
        return (bound / norms).clamp_(max=1.0)


class MaxNorm(_Bound):
    """Largest 2-norm of each hidden unit's incoming weights, bias excluded (section 7.2).

    0, as for all others, is off.
    """

    name, symbol, section = "max_norm", "c", "7.2"
    typical = (5.0, 0.3)
    paper = "Srebro, Rennie and Jaakkola 2005; Hinton et al. 2012"
    needs_hidden = True
    per_layer = "hidden weights"

    def project(self, weights: Weights) -> None:
        for i, weight in enumerate(weights.layers[:-1]):
            weight.mul_(self.shrink(i, weight.square().sum(2, keepdim=True).sqrt_()))


class NormConstraint(_Bound):
    """Largest 2-norm of all weights together, 0 is off; in a list, of each layer's (section 7.2).

    Under sgd the constrained problem of eq. 7.25 is solved; under adam the constraint is kept, and
    training stops elsewhere.
    """

    name, symbol, section = "norm_constraint", "k", "7.2"
    typical = (10.0, 0.5)
    per_layer = "weights"

    def project(self, weights: Weights) -> None:
        squares = torch.stack([w.square().flatten(1).sum(1) for w in weights.layers])
        if self.strength.ndim == 1:
            squares[:] = squares.sum(0)
        for i, weight in enumerate(weights.layers):
            weight.mul_(self.shrink(i, squares[i].sqrt())[:, None, None])


class SpectralNorm(_Bound):
    """Largest singular value of each layer's weights, 0 is off.

    It bounds how much a layer can stretch a difference of its inputs (Yoshida and Miyato 2017). The
    weights are scaled after every update; singular values are exact.
    """

    name, symbol, section = "spectral_norm", "c", "7.2"
    typical = (10.0, 0.5)
    paper = "Yoshida and Miyato 2017"
    per_layer = "weights"

    def project(self, weights: Weights) -> None:
        for i, weight in enumerate(weights.layers):
            largest = torch.linalg.svdvals(weight)[:, :1, None]
            weight.mul_(self.shrink(i, largest))


class NonNegative(Regularizer):
    """Whether weights are kept >= 0, biases excluded (section 7.2).

    Under sgd the constrained problem is solved; under adam the constraint is kept, and training
    stops elsewhere.
    """

    name, symbol, section = "nonnegative", "", "7.2"
    typical = (1.0, 1.0)
    in_cocktail = False  # a statement about the problem
    interval = Range(Real, 0, 1, closed="both")
    kind = "bool"
    fixed = "is on or off"
    per_layer = "weights"

    def project(self, weights: Weights) -> None:
        for i, weight in enumerate(weights.layers):
            torch.where(self.of_layer(i) > 0, weight.clamp(min=0.0), weight, out=weight)
