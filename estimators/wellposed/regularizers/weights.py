"""Penalties on weights: L2, L1, decoupled decay (sections 7.1.1 and 7.1.2), orthogonality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Weights
    from ..training.setting import Setting


class L2(Regularizer):
    """Adds ``l2 / 2 ||w||^2`` to the objective (section 7.1.1, eq. 7.2)."""

    name, symbol, section = "l2", "alpha", "7.1.1"
    typical = (1e-5, 0.1)
    per_layer = "weights"

    def value(self, weights: Weights) -> Tensor:
        return self.sum_over_weights(weights.flat.square()) / 2

    def gradient(self, weights: Weights) -> Tensor:
        return self.of_weights() * weights.flat

    def overshoots(self, learning_rate: float, solver: str) -> str:
        product = learning_rate * self.strongest
        if solver != "sgd" or product <= 2:
            return ""
        return f"learning_rate * l2 = {product:g} > 2, so that every step overshoots"


class L2SP(Regularizer):
    """Adds ``l2_sp / 2 ||w - w0||^2``, w0 being the weights that the fit starts from.

    Those of `start`, if it is given, also in a warm start: a fine-tuned network stays near the one
    it is made of (Li et al. 2018). On a linear model it is `Ridge` moved to w0.
    """

    name, symbol, section = "l2_sp", "alpha", "7.1.1"
    typical = (1e-4, 1.0)
    paper = "Li, Grandvalet and Davoine 2018"
    per_layer = "weights"
    needs_all_updates = True
    uses_origin = True

    def begin(self, setting: Setting) -> None:
        self._origin = setting.origin()[:, : setting.network.n_weights].clone()

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._origin = self._origin[rows]

    def value(self, weights: Weights) -> Tensor:
        return self.sum_over_weights((weights.flat - self._origin).square()) / 2

    def gradient(self, weights: Weights) -> Tensor:
        return self.of_weights() * (weights.flat - self._origin)


class L1(Regularizer):
    """Adds ``l1 ||w||_1`` (section 7.1.2, eq. 7.18), by proximal steps: zeros are exact."""

    name, symbol, section = "l1", "alpha", "7.1.2"
    typical = (1e-5, 0.03)
    per_layer = "weights"

    def value(self, weights: Weights) -> Tensor:
        return self.sum_over_weights(weights.flat.abs())

    def prox(self, weights: Weights, gain: Tensor) -> None:
        w, threshold = weights.flat, self.of_weights() * gain
        w.sub_(w.clamp(-threshold, threshold))

    def l1_weight(self) -> Tensor:
        return self.of_weights()


class WeightDecay(Regularizer):
    """Multiplies weights by ``1 - learning_rate * weight_decay`` at every update, outside the loss.

    Equal to `l2` under plain sgd; under adam it is not (Loshchilov and Hutter 2019).
    """

    name, symbol, section = "weight_decay", "lambda", "7.1.1"
    typical = (1e-3, 1.0)
    per_layer = "weights"
    paper = "Loshchilov and Hutter 2019"
    instead: ClassVar = {"lbfgs": "use l2"}

    def decay(self, weights: Weights, rates: Tensor) -> None:
        weights.flat.mul_(1.0 - self.of_weights() * rates)

    def overshoots(self, learning_rate: float, solver: str) -> str:
        product = learning_rate * self.strongest
        if product <= 1:
            return ""
        return f"learning_rate * weight_decay = {product:g} > 1, so that weights overshoot 0"


class Orthogonality(Regularizer):
    """Adds ``orthogonality / 4 ||W W' - I||^2`` of each hidden layer's weights W.

    W has a row for each unit; where units outnumber inputs it is ``||W' W - I||^2``.
    """

    name, symbol, section = "orthogonality", "alpha", "7.2"
    typical = (1e-4, 0.1)
    paper = "Brock et al. 2017; Bansal et al. 2018"
    needs_hidden = True
    per_layer = "hidden weights"

    def begin(self, setting: Setting) -> None:
        network = setting.network
        real = network.real[: network.n_weights].to(setting.device, setting.dtype)
        layers = network.weights(real[None])[:-1]
        self._tall = [int(w.any(2).sum()) > int(w.any(1).sum()) for w in layers]
        kept = [w.amax(1) if tall else w.amax(2) for w, tall in zip(layers, self._tall)]
        self._identities = [torch.diag_embed(k) for k in kept]

    def _excess(self, weights: Weights) -> list[Tensor]:
        """Gram matrices less the identity, of the smaller side."""
        rows = [w.mT if tall else w for w, tall in zip(weights.layers, self._tall)]
        return [w @ w.mT - eye for w, eye in zip(rows, self._identities)]

    def value(self, weights: Weights) -> Tensor:
        return self.sum_over_layers(e.square().sum((1, 2)) for e in self._excess(weights)) / 4

    def gradient(self, weights: Weights) -> Tensor:
        found = weights.at(torch.zeros_like(weights.flat))
        excess = self._excess(weights)
        for i, (into, w, e, tall) in enumerate(
            zip(found.layers, weights.layers, excess, self._tall)
        ):
            into.copy_(self.of_layer(i) * (w @ e if tall else e @ w))
        return found.flat
