"""Norm constraints: projections after every update (section 7.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Regularizer


class MaxNorm(Regularizer):
    """``||w_i|| <= c`` for each hidden unit's incoming weights w_i (Srebro 2005; Hinton 2012)."""

    name = "max_norm"
    needs_hidden = True

    def project(self, weights: Sequence[Tensor]) -> None:
        for weight in weights[:-1]:
            norms = weight.square().sum(2, keepdim=True).sqrt_()
            weight.mul_((self.strength[:, None, None] / norms).clamp_(max=1.0))


class NormConstraint(Regularizer):
    """``||w|| <= c`` for all weights of the network together (eq. 7.25 with ``Omega = ||w||``)."""

    name = "norm_constraint"

    def project(self, weights: Sequence[Tensor]) -> None:
        squares = torch.stack([weight.square().flatten(1).sum(1) for weight in weights]).sum(0)
        shrink = (self.strength / squares.sqrt()).clamp_(max=1.0)
        for weight in weights:
            weight.mul_(shrink[:, None, None])
