"""Gaussian noise on inputs and on weights (section 7.5), label smoothing (section 7.5.1)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING

from torch import Tensor

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
    random = True

    def begin(self, setting: Setting) -> None:
        network = setting.network
        self._stream = self.stream(network.n_weights)
        self._real = network.real[: network.n_weights].to(setting.device)

    def perturb(self, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
        theta = theta.clone()
        noise = self._stream.draw() * self._real
        theta[:, : noise.shape[1]].addcmul_(self.strength[:, None], noise)
        return theta


class LabelSmoothing(Regularizer):
    """Share of the targets that is spread evenly over the classes (section 7.5.1).

    Targets become ``(1 - e) y + e / C``: of C classes, two for one logistic unit.
    """

    name, symbol, section, acts_on = "label_smoothing", "epsilon", "7.5.1", "targets"
    typical = (0.01, 0.3)
    paper = "Szegedy et al. 2015"
    interval = Range(Real, 0, 1, closed="left")
    for_numbers = False

    def batch(self, batch: Batch, model: Model) -> Batch:
        e, target = self.strength[:, None, None], batch.target
        return batch._replace(target=target * (1.0 - e) + e / max(target.shape[1], 2))
