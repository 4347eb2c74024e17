"""What a regularizer is: a strength for each network and the moments it takes part in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._streams import Stream
from ..ranges import Range


@dataclass
class Setting:
    """The stack a regularizer works in: its network, seeds, batch width, dtype and device."""

    network: Any
    seeds: Sequence[tuple[int, int]]
    width: int
    dtype: torch.dtype
    device: torch.device

    def stream(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> Stream:
        """Open the random stream of the purpose `name`."""
        return Stream(name, self.seeds, shape, dtype or self.dtype, self.device)


class Regularizer:
    """One regularizer of a stack of K networks.

    A subclass implements the moments it takes part in, in the order of a training step; the trainer
    calls no other. ``strength`` is a tensor [K], never a branch: networks with different strengths
    are trained side by side.

    ============  ==================================================================================
    moment        meaning
    ============  ==================================================================================
    targets       what the network is told: [K, outputs, B] -> same
    inputs        what the network is shown: [K, inputs, B] -> same
    perturb       what the network is while it is shown: theta [K, P] -> a new theta
    mask          what a hidden layer's activations are multiplied by: index -> [K, units, B]
    value         penalty of the weights [K, W] -> [K]
    gradient      its gradient, [K, W] -> [K, W]
    decay         shrinks the weights in place before the step
    prox          proximal step of the weights in place, after the optimiser's
    project       projection of the weights [K, out, in] of each layer in place, last
    ============  ==================================================================================

    Parameters
    ----------
    strength : Tensor of shape (K,)
    setting : Setting
    """

    name: ClassVar[str]
    interval: ClassVar[Range] = Range(Real, 0, None, closed="left")
    random: ClassVar[bool] = False  # draws numbers at every step: there is no fixed objective
    needs_hidden: ClassVar[bool] = False  # says nothing about a network without hidden layers

    def __init__(self, strength: Tensor, setting: Setting) -> None:
        self.strength = strength
        self.setting = setting
        self.streams: list[Stream] = []

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self.strength = self.strength[rows]
        for stream in self.streams:
            stream.keep(rows)

    def targets(self, target: Tensor) -> Tensor:
        raise NotImplementedError

    def inputs(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def perturb(self, theta: Tensor) -> Tensor:
        raise NotImplementedError

    def mask(self, layer: int) -> Tensor:
        raise NotImplementedError

    def value(self, w: Tensor) -> Tensor:
        raise NotImplementedError

    def gradient(self, w: Tensor) -> Tensor:
        raise NotImplementedError

    def decay(self, w: Tensor, rates: Tensor) -> None:
        raise NotImplementedError

    def prox(self, w: Tensor, gain: Tensor) -> None:
        raise NotImplementedError

    def project(self, weights: Sequence[Tensor]) -> None:
        raise NotImplementedError

    @classmethod
    def takes_part(cls, moment: str) -> bool:
        """Whether this class implements the moment."""
        return getattr(cls, moment) is not getattr(Regularizer, moment)
