"""Gaussian noise on inputs and on weights (section 7.5), label smoothing (section 7.5.1)."""

from __future__ import annotations

from numbers import Real

from torch import Tensor

from ..ranges import Range
from .base import Regularizer, Setting


class InputNoise(Regularizer):
    """``x + s e``, e standard normal: L2 of strength s^2 on a linear model (section 7.5)."""

    name = "input_noise"
    random = True

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        network = setting.network
        self.streams = [setting.stream("input_noise", network.n_inputs_padded, setting.width)]
        self.n_inputs = network.n_inputs

    def inputs(self, x: Tensor) -> Tensor:
        noise = self.strength[:, None, None] * self.streams[0].draw()
        noise[:, self.n_inputs :] = 0.0
        return x + noise


class WeightNoise(Regularizer):
    """``w + s e`` while a batch is shown: adds ``s^2/2 E||grad_w f||^2`` near a fit (eq. 7.33)."""

    name = "weight_noise"
    random = True

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        network = setting.network
        self.streams = [setting.stream("weight_noise", network.n_weights)]
        self.real = network.real[: network.n_weights].to(setting.device)

    def perturb(self, theta: Tensor) -> Tensor:
        theta = theta.clone()
        noise = self.streams[0].draw() * self.real
        theta[:, : noise.shape[1]].addcmul_(self.strength[:, None], noise)
        return theta


class LabelSmoothing(Regularizer):
    """``(1 - e) y + e / C``: targets of C classes, two for one logistic unit, mixed evenly."""

    name = "label_smoothing"
    interval = Range(Real, 0, 1, closed="left")

    def targets(self, target: Tensor) -> Tensor:
        e = self.strength[:, None, None]
        return target * (1.0 - e) + e / max(target.shape[1], 2)
