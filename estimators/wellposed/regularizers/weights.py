"""Penalties on weights: L2, L1, decoupled decay (sections 7.1.1 and 7.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Weights


class L2(Regularizer):
    """Adds ``l2 / 2 ||w||^2`` to the objective (section 7.1.1, eq. 7.2)."""

    name, symbol, section = "l2", "alpha", "7.1.1"
    typical = (1e-5, 0.1)

    def value(self, weights: Weights) -> Tensor:
        return self.strength * 0.5 * weights.flat.square().sum(1)

    def gradient(self, weights: Weights) -> Tensor:
        return self.strength[:, None] * weights.flat

    def overshoots(self, learning_rate: float, solver: str) -> str:
        product = learning_rate * self.strength
        if solver != "sgd" or product <= 2:
            return ""
        return f"learning_rate * l2 = {product:g} > 2, so that every step overshoots"


class L1(Regularizer):
    """Adds ``l1 ||w||_1`` (section 7.1.2, eq. 7.18), by proximal steps: zeros are exact."""

    name, symbol, section = "l1", "alpha", "7.1.2"
    typical = (1e-5, 0.03)

    def value(self, weights: Weights) -> Tensor:
        return self.strength * weights.flat.abs().sum(1)

    def prox(self, weights: Weights, gain: Tensor) -> None:
        w, threshold = weights.flat, self.strength[:, None] * gain
        w.sub_(w.clamp(-threshold, threshold))

    def l1_weight(self) -> Tensor:
        return self.strength


class WeightDecay(Regularizer):
    """Multiplies weights by ``1 - learning_rate * weight_decay`` at every update, outside the loss.

    Equal to `l2` under plain sgd; under adam it is not (Loshchilov and Hutter 2019).
    """

    name, symbol, section = "weight_decay", "lambda", "7.1.1"
    typical = (1e-3, 1.0)
    paper = "Loshchilov and Hutter 2019"
    instead: ClassVar = {"lbfgs": "use l2"}

    def decay(self, weights: Weights, rates: Tensor) -> None:
        weights.flat.mul_(1.0 - self.strength[:, None] * rates)

    def overshoots(self, learning_rate: float, solver: str) -> str:
        product = learning_rate * self.strength
        if product <= 1:
            return ""
        return f"learning_rate * weight_decay = {product:g} > 1, so that weights overshoot 0"
