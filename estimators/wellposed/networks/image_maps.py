"""Maps between stacked images [K, channels, height, width, batch]: patches and max pooling.

With the batch last, both work along contiguous memory. Both are twice differentiable.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Patches(torch.autograd.Function):
    """Copy the 3 x 3 patch around every pixel; a linear map, and the adjoint of `_Overlap`."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, rows: int) -> Tensor:
        K, channels, height, width, B = ctx.shape = image.shape
        padded = image.new_zeros(K, channels, height + 2, width + 2, B)
        padded[:, :, 1:-1, 1:-1] = image
        s = padded.stride()
        windows = padded.as_strided(
            (K, channels, 3, 3, height, width, B), (*s[:2], *s[2:4], *s[2:])
        )
        out = image.new_empty(K, rows, height * width * B)
        out[:, 9 * channels :] = 0.0
        out[:, : 9 * channels].view(windows.shape).copy_(windows)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return _Overlap.apply(grad, ctx.shape), None


class _Overlap(torch.autograd.Function):
    """Add up what every pixel's patches hold of it; the adjoint of `_Patches`."""

    @staticmethod
    def forward(ctx: Any, patches: Tensor, shape: torch.Size) -> Tensor:
        ctx.rows = patches.shape[1]
        K, channels, height, width, B = shape
        windows = patches[:, : 9 * channels].unflatten(2, (height, width, B))
        windows = windows.unflatten(1, (channels, 3, 3))
        out = patches.new_zeros(K, channels, height + 2, width + 2, B)
        for i in range(3):
            for j in range(3):
                out[:, :, i : i + height, j : j + width] += windows[:, :, i, j]
        return out[:, :, 1:-1, 1:-1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return _Patches.apply(grad, ctx.rows), None


def patches(image: Tensor, rows: int) -> Tensor:
    """Lay out the 3 x 3 patch around every pixel, zero outside of the image.

    Parameters
    ----------
    image : Tensor of shape (K, channels, height, width, B)
    rows : int
        At least ``9 * channels``; the others are zero.

    Returns
    -------
    Tensor of shape (K, rows, height * width * B)
        Rows in the order of ``weight.flatten(1)`` of a ``torch.nn.Conv2d``. Twice differentiable.
    """
    return _Patches.apply(image, rows)


class _MaxPool(torch.autograd.Function):
    """Maximum of every 2 x 2 block."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        block = _blocks(a)
        top, bottom = torch.maximum(*block[:2]), torch.maximum(*block[2:])
        upper = torch.empty_like(top)
        torch.ge(top, bottom, out=upper)
        chosen = torch.empty(4, *top.shape, dtype=a.dtype, device=a.device)
        for i, half in ((0, upper), (2, 1.0 - upper)):
            torch.ge(block[i], block[i + 1], out=chosen[i])
            torch.sub(1.0, chosen[i], out=chosen[i + 1])
            chosen[i : i + 2] *= half
        ctx.shape = a.shape
        ctx.save_for_backward(chosen)
        return torch.maximum(top, bottom)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return _Spread.apply(grad, *ctx.saved_tensors, ctx.shape)


class _Spread(torch.autograd.Function):
    """Give each block's number to its chosen pixel."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, chosen: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(chosen)
        covered = shape[2] % 2 == 0 and shape[3] % 2 == 0
        out = grad.new_empty(shape) if covered else grad.new_zeros(shape)
        for pixel, choice in zip(_blocks(out), chosen):
            torch.mul(grad, choice, out=pixel)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (chosen,) = ctx.saved_tensors
        return (torch.stack(_blocks(grad)) * chosen).sum(0), None, None


def _blocks(image: Tensor) -> list[Tensor]:
    """The four pixels of every 2 x 2 block, as views."""
    height, width = image.shape[2] // 2 * 2, image.shape[3] // 2 * 2
    return [image[:, :, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)]


def max_pool(a: Tensor) -> Tensor:
    """Take the maximum of every 2 x 2 block; a last odd row or column is left out.

    As with ``torch.nn.MaxPool2d(2)``, the first of equal pixels has the gradient. Twice
    differentiable.

    Parameters
    ----------
    a : Tensor of shape (K, channels, height, width, B)

    Returns
    -------
    Tensor of shape (K, channels, height // 2, width // 2, B)
    """
    return _MaxPool.apply(a)
