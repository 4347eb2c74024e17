"""Projected gradient ascent from rows of x within a ball: what makes a loss large nearby."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .numerics import row_norms

_STRIDE = 2.5  # radii that the steps of an attack could go together (Madry et al. 2018)


def climb(
    x: Tensor, slope: Callable[[Tensor], Tensor], radius: Tensor, steps: int, norm: float
) -> Tensor:
    """The end of so many steps of projected gradient ascent from x [K, inputs, B] in its ball.

    Parameters
    ----------
    slope : callable
        x -> gradient of what is made large.
    radius : Tensor that fits x
    norm : {inf, 2}
    """
    stride = radius * min(1.0, _STRIDE / steps)
    start = x
    for _ in range(steps):
        x = start + _within(radius, x + stride * _unit(slope(x), norm) - start, norm)
    return x


def _unit(g: Tensor, norm: float) -> Tensor:
    """The step of norm one, for each row, along which most is gained."""
    return g.sign() if norm == math.inf else g / row_norms(g)


def _within(radius: Tensor, shift: Tensor, norm: float) -> Tensor:
    """The nearest point of the ball."""
    if norm == math.inf:
        return torch.minimum(torch.maximum(shift, -radius), radius)
    return shift * (radius / row_norms(shift)).clamp(max=1.0)
