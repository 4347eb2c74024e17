"""Dropout of hidden units and of inputs (section 7.12; Srivastava 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from .._streams import Stream
from ..ranges import Range
from .base import Regularizer, Setting


def inverted_mask(bits: Tensor, rate: Tensor, dtype: torch.dtype) -> Tensor:
    """Inverted dropout masks: 0 with probability `rate`, else ``1 / (1 - rate)``.

    Parameters
    ----------
    bits : int16 Tensor of shape (K or 1, units, B)
        Uniform integers; the rate is met to 2**-17.
    rate : Tensor of shape (K,)
    """
    return _scaled(bits, *_threshold_and_scale(rate), dtype)


def _threshold_and_scale(rate: Tensor) -> tuple[Tensor, Tensor]:
    threshold = ((rate.double() * 65536).round() - 32768).to(torch.int16)
    return threshold[:, None, None], (1.0 / (1.0 - rate))[:, None, None]


def _scaled(bits: Tensor, threshold: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    shape = torch.broadcast_shapes(bits.shape, threshold.shape)
    keep = torch.empty(shape, dtype=dtype, device=bits.device)
    return torch.ge(bits, threshold, out=keep).mul_(scale)


class _Masking(Regularizer):
    """Draws masks from its streams."""

    interval = Range(Real, 0, 1, closed="left")
    random = True

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        self._how = _threshold_and_scale(strength)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._how = _threshold_and_scale(self.strength)

    def _draw(self, stream: Stream) -> Tensor:
        return _scaled(stream.draw(), *self._how, self.setting.dtype)


class Dropout(_Masking):
    """Each hidden unit is dropped with this rate, anew for every sample of every step."""

    name = "dropout"
    needs_hidden = True

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        self.streams = [
            setting.stream(f"dropout.{i}", units, setting.width, dtype=torch.int16)
            for i, units in enumerate(setting.network.hidden_units)
        ]

    def mask(self, layer: int) -> Tensor:
        return self._draw(self.streams[layer])


class InputDropout(_Masking):
    """Each input is dropped with this rate, anew for every sample of every step."""

    name = "input_dropout"

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        super().__init__(strength, setting)
        units = setting.network.n_inputs_padded
        self.streams: list[Stream] = [
            setting.stream("input_dropout", units, setting.width, dtype=torch.int16)
        ]

    def inputs(self, x: Tensor) -> Tensor:
        return x * self._draw(self.streams[0])
