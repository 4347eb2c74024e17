"""Dropout of hidden units and of inputs (section 7.12; Srivastava 2014)."""

from __future__ import annotations

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor

from ..training.streams import Stream
from .base import Regularizer, Setting


def inverted_mask(bits: Tensor, rate: Tensor, dtype: torch.dtype) -> Tensor:
    """Inverted dropout masks: 0 with probability `rate`, else ``1 / (1 - rate)``.

    Parameters
    ----------
    bits : int16 Tensor of shape (K or 1, units, B)
        Uniform integers; the rate is met to 2**-17.
    rate : Tensor of shape (K,)
    """
    threshold = (rate.double() * 65536).round() - 32768
    keep = bits >= threshold.to(torch.int16)[:, None, None]
    return keep.to(dtype).mul_((1.0 / (1.0 - rate))[:, None, None])


class Dropout(Regularizer):
    """Each hidden unit is dropped with this rate, anew for every sample of every step."""

    name = "dropout"
    interval = Interval(Real, 0, 1, closed="left")
    random = True
    needs_hidden = True

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        self.streams = [
            setting.stream(f"dropout.{i}", units, setting.width, dtype=torch.int16)
            for i, units in enumerate(setting.network.hidden_units)
        ]

    def mask(self, layer: int) -> Tensor:
        return inverted_mask(self.streams[layer].draw(), self.strength, self.setting.dtype)


class InputDropout(Regularizer):
    """Each input is dropped with this rate, anew for every sample of every step."""

    name = "input_dropout"
    interval = Interval(Real, 0, 1, closed="left")
    random = True

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        units = setting.network.n_inputs_padded
        self.streams: list[Stream] = [
            setting.stream("input_dropout", units, setting.width, dtype=torch.int16)
        ]

    def inputs(self, x: Tensor) -> Tensor:
        return x * inverted_mask(self.streams[0].draw(), self.strength, x.dtype)
