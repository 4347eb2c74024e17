"""Corrections of the gradient: its norm, and noise."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from ..ranges import Range
from .base import Regularizer
from .numerics import row_norms

if TYPE_CHECKING:
    from ..training.setting import Setting


class ClipNorm(Regularizer):
    """Largest 2-norm of a step's gradient, 0 is off: a longer one is shortened (section 10.11.1).

    The gradient is that of the loss and the penalties, over all parameters together.
    """

    name, symbol, section, acts_on = "clip_norm", "v", "10.11.1", "steps"
    typical = (10.0, 0.1)
    paper = "Pascanu et al. 2013"
    is_bound = True

    def correct(self, gradient: Tensor) -> None:
        gradient.mul_((self.strength[:, None] / row_norms(gradient)).clamp_(max=1.0))


class GradientNoise(Regularizer):
    """Variance of Gaussian noise added to the gradient of the first update; later ones have less.

    That of update t = 0, 1, ... is ``gradient_noise / (1 + t) ** exponent``.

    Parameters
    ----------
    strength : float >= 0
        Variance at the start, for each parameter.
    exponent : float >= 0, default=0.55
    """

    name, symbol, section, acts_on = "gradient_noise", "eta", "7.5", "steps"
    typical = (1e-4, 1.0)
    paper = "Neelakantan et al. 2015"
    random = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "exponent": [Range(Real, 0, None, closed="left")]
    }

    def __init__(self, strength: float | None = 0.0, *, exponent: float = 0.55) -> None:
        super().__init__(strength)
        self.exponent = exponent

    def begin(self, setting: Setting) -> None:
        self._stream = self.stream(setting.network.size)
        self._real = setting.network.real.to(setting.device)
        _, self._t = setting.seeds[0]  # updates made before

    def correct(self, gradient: Tensor) -> None:
        deviation = self.strength.sqrt() * (1 + self._t) ** (-self.exponent / 2)
        gradient.addcmul_(deviation[:, None], self._stream.draw() * self._real)
        self._t += 1
