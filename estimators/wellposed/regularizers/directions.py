"""Tangent directions: along which a row may move and stay what it is (section 7.14)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

#: Moves of images whose directions are built in, and how many directions each has.
OF_IMAGES = {"shift": 2, "rotation": 1, "scale": 1}


def of_images(image: Tensor, names: Sequence[str]) -> list[Tensor]:
    """Derivatives of images [K, channels, height, width, B] along moves, at no move.

    ``"shift"`` has two, down and to the right, for each pixel of shift; ``"rotation"`` is about the
    centre, for each radian, and ``"scale"`` for each factor of e. Between pixels images are linear,
    and the derivative is the mean of those from both sides; outside they are zero.
    """
    down, right = _slope(image, 2), _slope(image, 3)
    height, width = image.shape[2:4]
    y = torch.arange(height, dtype=image.dtype, device=image.device)[:, None, None]
    x = torch.arange(width, dtype=image.dtype, device=image.device)[:, None]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    found = {
        "shift": [-down, -right],
        "rotation": [y * right - x * down],
        "scale": [-(y * down + x * right)],
    }
    return [direction for name in names for direction in found[name]]


def _slope(image: Tensor, dim: int) -> Tensor:
    """Central differences along a dimension."""
    pad = [0, 0] * (image.ndim - dim)
    pad[-2:] = 1, 1
    padded = F.pad(image, pad)
    n = image.shape[dim]
    return (padded.narrow(dim, 2, n) - padded.narrow(dim, 0, n)) / 2


def to_neighbours(x: Tensor, pool: Tensor, k: int) -> list[Tensor]:
    """From rows [inputs, B] to the k nearest rows of a pool [n, inputs], over the root of k.

    A row that is in the pool is no neighbour of its own.
    """
    centre = pool.mean(0)
    of_pool, of_x = pool - centre, x - centre[:, None]  # rounding counts by the spread
    size = (of_x * of_x).sum(0)
    squares = (of_pool * of_pool).sum(1, keepdim=True) - 2 * of_pool @ of_x + size
    same = squares <= (1e-6 if x.dtype == torch.float32 else 1e-12) * size
    nearest = squares.masked_fill(same, torch.inf).topk(min(k, len(pool)), 0, largest=False)
    found = []
    for distance, index in zip(nearest.values, nearest.indices):
        step = (pool[index].T - x) / k**0.5
        found.append(step.masked_fill(distance == torch.inf, 0.0))
    return found
