"""Penalties on weights: L2, L1, decoupled decay (sections 7.1.1 and 7.1.2)."""

from __future__ import annotations

from torch import Tensor

from .base import Regularizer


class L2(Regularizer):
    """``Omega(w) = 1/2 ||w||^2`` (eq. 7.2)."""

    name = "l2"

    def value(self, w: Tensor) -> Tensor:
        return self.strength * 0.5 * w.square().sum(1)

    def gradient(self, w: Tensor) -> Tensor:
        return self.strength[:, None] * w


class L1(Regularizer):
    """``Omega(w) = ||w||_1`` (eq. 7.18), by its proximal step: weights become exactly zero."""

    name = "l1"

    def value(self, w: Tensor) -> Tensor:
        return self.strength * w.abs().sum(1)

    def prox(self, w: Tensor, gain: Tensor) -> None:
        threshold = self.strength[:, None] * gain
        w.sub_(w.clamp(-threshold, threshold))


class WeightDecay(Regularizer):
    """``w <- (1 - rate * strength) w`` at every update, outside the loss (Loshchilov 2019)."""

    name = "weight_decay"

    def decay(self, w: Tensor, rates: Tensor) -> None:
        w.mul_(1.0 - self.strength[:, None] * rates)
