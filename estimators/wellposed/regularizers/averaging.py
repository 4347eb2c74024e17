"""Averages of the iterates (section 8.7.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.setting import Setting


class Averaging(Regularizer):
    """Share of the updates, the last ones, whose parameters are averaged into the result.

    Of those of `max_epochs` epochs (Polyak averaging). With `early_stopping` the average is what is
    validated and kept, once it has begun. Averaging would undo exact zeros: beside a regularizer
    with proximal steps the mean takes the last iterate's support.
    """

    name, symbol, section, acts_on = "averaging", "share", "8.7.3", "steps"
    typical = (0.1, 0.9)
    paper = "Polyak and Juditsky 1992"
    interval = Range(Real, 0, 1, closed="both")
    needs_all_updates = True
    fixed = "says which updates are averaged"
    not_for_lbfgs = "averages the steps of sgd or adam"

    def begin(self, setting: Setting) -> None:
        self._starts = [
            n_updates - max(1, math.ceil(share * n_updates))
            for share, n_updates in zip(setting.strengths, setting.n_updates)
        ]
        shape = len(self.strength), setting.network.size
        self._mean = torch.zeros(shape, dtype=setting.dtype, device=setting.device)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._starts = [self._starts[k] for k in rows]
        self._mean = self._mean[rows]

    def follow(self, theta: Tensor, n_updates: int) -> None:
        shares = [1.0 / (n_updates - start) if n_updates > start else 0.0 for start in self._starts]
        if any(shares):
            self._mean.lerp_(theta, theta.new_tensor(shares).unsqueeze(1))

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        if n_updates <= self._starts[k]:
            return theta
        return self._mean[k] * (theta != 0) if self.setting.has_prox else self._mean[k]


class EMA(Regularizer):
    """Decay d of an exponential moving average of the parameters, which is the result.

    ``m <- d m + (1 - d) theta`` after every update from m = 0, and after t of them
    ``m / (1 - d^t)`` is what is validated and kept (section 8.7.3).
    """

    name, symbol, section, acts_on = "ema", "d", "8.7.3", "steps"
    typical = (0.5, 0.999)
    interval = Range(Real, 0, 1, closed="left")
    needs_all_updates = True
    fixed = "is the decay of one average"
    not_for_lbfgs = "averages the steps of sgd or adam"
    excludes: ClassVar = {"averaging": "both say which average of the steps is kept"}

    def begin(self, setting: Setting) -> None:
        shape = len(self.strength), setting.network.size
        self._mean = torch.zeros(shape, dtype=setting.dtype, device=setting.device)
        self._decays = list(setting.strengths)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._mean = self._mean[rows]
        self._decays = [self._decays[k] for k in rows]

    def follow(self, theta: Tensor, n_updates: int) -> None:
        self._mean.lerp_(theta, 1.0 - self.strength[:, None])

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        if not n_updates:
            return theta
        mean = self._mean[k] / (1.0 - self._decays[k] ** n_updates)
        return mean * (theta != 0) if self.setting.has_prox else mean
