"""Transforms of stacked images [K, channels, height, width, batch], each row by its own numbers."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..networks import Network
from ..networks.flat import pad16


def shape_of(given: tuple[int, ...] | None, network: Network) -> tuple[int, int, int] | None:
    """(channels, height, width) of a row: as given, or as the network has it; None if no image."""
    if given is None:
        return network.image_shape
    shape = tuple(np.ravel(given).tolist())
    shape = (1, *shape) if len(shape) == 2 else shape
    right = len(shape) == 3 and all(isinstance(n, int) and n > 0 for n in shape)
    return shape if right else None  # type: ignore[return-value]


def why_no_images(given: tuple[int, ...] | None, network: Network, option: str) -> str:
    """Why rows cannot be taken for images, or ""."""
    shape = shape_of(given, network)
    if shape is None or math.prod(shape) != network.n_inputs:
        what = "no image_shape says so" if given is None else f"image_shape={given!r} is another"
        return (
            f"moves the pixels of images, and X has {network.n_inputs} features of which {what}. "
            f"Give {option}image_shape=(channels, height, width) whose product is their number, "
            "or set network='cnn'."
        )
    return ""


def coordinates(
    height: int,
    width: int,
    *,
    shift: Tensor | None = None,
    angle: Tensor | None = None,
    size: Tensor | None = None,
    mirror: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Where each pixel of a changed image is found in the old one, two tensors [K, H, W, B].

    An image is mirrored, then made larger and turned about its centre, then moved.

    Parameters
    ----------
    shift : Tensor of shape (K, 2, B), optional
        Pixels down and to the right.
    angle : Tensor of shape (K, B), optional
        Radians, counterclockwise as the image is seen.
    size : Tensor of shape (K, B), optional
        Factor > 0.
    mirror : Tensor of shape (K, B), optional
        1 where left and right stay, -1 where they are exchanged.
    """
    like = next(part for part in (shift, angle, size, mirror) if part is not None)
    down = torch.arange(height, dtype=like.dtype, device=like.device)[None, :, None, None]
    right = torch.arange(width, dtype=like.dtype, device=like.device)[None, None, :, None]
    middle_down, middle_right = (height - 1) / 2, (width - 1) / 2
    down, right = down - middle_down, right - middle_right
    if shift is not None:
        down, right = down - shift[:, 0, None, None], right - shift[:, 1, None, None]
    if angle is not None:
        c, s = angle.cos()[:, None, None], angle.sin()[:, None, None]
        down, right = c * down + s * right, c * right - s * down
    if size is not None:
        factor = size[:, None, None]
        down, right = down / factor, right / factor
    if mirror is not None:
        right = right * mirror[:, None, None]
    shape = len(like), height, width, like.shape[-1]
    return (down + middle_down).expand(shape), (right + middle_right).expand(shape)


def resample(image: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Bilinear interpolation of images at fractional pixels; outside of the image is zero.

    Parameters
    ----------
    image : Tensor of shape (K, channels, height, width, B)
    down, right : Tensor of shape (K, height, width, B)
        Where each pixel of the result is found.
    """
    K, channels, height, width, B = image.shape
    flat = image.flatten(2, 3)
    top, left = down.floor(), right.floor()
    result = torch.zeros_like(image)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        y, x = top + i, left + j
        share = (1.0 - (down - y).abs()) * (1.0 - (right - x).abs())
        share = share * ((y >= 0) & (y < height) & (x >= 0) & (x < width))
        pixel = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).long()
        pixel = pixel.view(-1, 1, height * width, B).expand(K, channels, height * width, B)
        result += flat.gather(2, pixel).view_as(image) * share[:, None]
    return result


def smoothing(n: int, width: float, like: Tensor) -> Tensor:
    """Matrix [n, n], padded to multiples of 16, that smooths white noise by a Gaussian.

    Each number that comes out is normal with the variance of those that go in.
    """
    at = torch.arange(n, dtype=torch.float64)
    kernel = torch.exp(-0.5 * ((at[:, None] - at) / width).square())
    kernel /= kernel.square().sum(1, keepdim=True).sqrt()
    fill = pad16(n) - n
    return F.pad(kernel, (0, fill, 0, fill)).to(like)


def smooth(noise: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Smooth noise [K, 2, height, width, B] by two matrices of `smoothing`."""
    K, n, height, width, B = noise.shape
    padded = F.pad(noise, (0, 0, 0, right.shape[0] - width, 0, down.shape[0] - height))
    field = padded.reshape(K * n, down.shape[0], -1)
    field = torch.bmm(down.expand(K * n, -1, -1), field)
    field = field.reshape(-1, right.shape[0], B)
    field = torch.bmm(right.expand(len(field), -1, -1), field)
    return field.view(K, n, down.shape[0], right.shape[0], B)[:, :, :height, :width]


def outside_of_box(height: int, width: int, top: Tensor, left: Tensor, size: Tensor) -> Tensor:
    """Which pixels [K, H, W, B] lie outside of a box ``size`` [K, 2, B] at (top, left) [K, B]."""
    down = torch.arange(height, device=top.device)[None, :, None, None]
    right = torch.arange(width, device=top.device)[None, None, :, None]
    top, left, size = top[:, None, None], left[:, None, None], size[:, :, None, None]
    within_rows = (down >= top) & (down < top + size[:, 0])
    return ~(within_rows & (right >= left) & (right < left + size[:, 1]))
