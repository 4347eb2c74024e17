"""Gaussian noise on inputs and on weights (section 7.5), noise and smoothing of labels (7.5.1)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..networks.flat import pad16
from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Batch, Model
    from ..training.setting import Setting


class InputNoise(Regularizer):
    """Standard deviation of Gaussian noise added to X while training (section 7.5).

    On a linear model it is L2 of strength ``input_noise ** 2``.
    """

    name, symbol, section, acts_on = "input_noise", "sigma", "7.5", "inputs"
    typical = (0.02, 0.5)
    paper = "Bishop 1995"
    random = True

    def begin(self, setting: Setting) -> None:
        self._stream = self.stream(setting.network.n_inputs_padded, setting.width)

    def batch(self, batch: Batch, model: Model) -> Batch:
        noise = self.strength[:, None, None] * self._stream.draw()
        noise[:, self.setting.network.n_inputs :] = 0.0
        return batch._replace(x=batch.x + noise)


class WeightNoise(Regularizer):
    """Standard deviation of Gaussian noise added to the weights while training (section 7.5).

    Near a fit it adds ``s^2 / 2 E||grad_w f||^2`` to the objective (eq. 7.33).
    """

    name, symbol, section = "weight_noise", "eta", "7.5"
    typical = (0.001, 0.1)
    per_layer = "weights"
    random = True

    def begin(self, setting: Setting) -> None:
        network = setting.network
        self._stream = self.stream(network.n_weights)
        self._real = network.real[: network.n_weights].to(setting.device)

    def perturb(self, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
        theta = theta.clone()
        noise = self._stream.draw() * self._real
        theta[:, : noise.shape[1]].addcmul_(self.of_weights(), noise)
        return theta


class LabelSmoothing(Regularizer):
    """Share of the targets that is spread evenly over the classes (section 7.5.1).

    Targets become ``(1 - e) y + e / C``: of C classes, two for one logistic unit.
    """

    name, symbol, section, acts_on = "label_smoothing", "epsilon", "7.5.1", "targets"
    typical = (0.01, 0.3)
    paper = "Szegedy et al. 2015"
    interval = Range(Real, 0, 1, closed="left")

    def batch(self, batch: Batch, model: Model) -> Batch:
        e, target = self.strength[:, None, None], batch.target
        return batch._replace(target=target * (1.0 - e) + e / max(target.shape[1], 2))


class LabelNoise(Regularizer):
    """Probability that a row is told another class at a step, each other one being as likely.

    Of several labels a row, each is flipped with this probability (section 7.5.1).
    """

    name, symbol, section, acts_on = "label_noise", "p", "7.5.1", "targets"
    typical = (0.01, 0.3)
    paper = "Xie et al. 2016"
    interval = Range(Real, 0, 1, closed="left")
    random = True

    def begin(self, setting: Setting) -> None:
        units = pad16(setting.network.n_outputs)
        self._which = self.stream(units, setting.width, part="which", dtype=torch.int16)
        self._other = self.stream(setting.width, part="other", dtype=torch.int16)

    def batch(self, batch: Batch, model: Model) -> Batch:
        target = batch.target
        n = target.shape[1]
        told = _uniform(self._which.draw())[:, :n] < self.strength[:, None, None]
        if model.loss != "cross_entropy":
            return batch._replace(target=torch.where(told, 1.0 - target, target))
        shift = 1 + (_uniform(self._other.draw()) * (n - 1)).long().clamp_(max=n - 2)
        other = (target.argmax(1) + shift) % n
        others = torch.zeros_like(target).scatter_(1, other[:, None], 1.0)
        return batch._replace(target=torch.where(told[:, :1], others, target))


def _uniform(bits: Tensor) -> Tensor:
    """Numbers in [0, 1) of 16 bits each."""
    return (bits.double() + 2.0**15) / 2.0**16
