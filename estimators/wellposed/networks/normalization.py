"""Normalization of hidden layers, for stacks of networks.

Batch normalization (section 8.7.1; Ioffe and Szegedy 2015) takes means and variances of each unit,
or channel, over the real rows of a batch, and running ones in prediction; layer normalization (Ba,
Kiros and Hinton 2016) takes them over the units of each row, of images over channels and pixels.
Either scales and shifts what it has normalised. Its numbers lie in the flat buffer: scales and
shifts, which are trained, then running means and variances, which are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from .flat import Flat, pad16

EPS = 1e-5  # added to variances
MOMENTUM = 0.1  # share of a batch in the running statistics


class Normalization:
    """Normalises hidden layers before their activation.

    Parameters
    ----------
    kind : {"batch", "layer"}
    sizes : sequence of int
        Units, or channels, of each hidden layer.
    start : int
        The first column of ``theta`` that is free.
    """

    def __init__(self, kind: str, sizes: Sequence[int], start: int) -> None:
        self.kind, self.sizes = kind, tuple(sizes)
        widths = [pad16(size) for size in sizes for _ in range(2)]
        self._widths = widths * 2 if kind == "batch" else widths
        self._starts = [start + sum(self._widths[:i]) for i in range(len(self._widths))]
        self.stop = start + sum(self._widths)
        trained = start + sum(widths)
        self.statistics = slice(trained, self.stop) if kind == "batch" else None

    def views(self, theta: Tensor) -> list[Tensor]:
        """Scales and shifts, then running means and variances, each [K, units, 1]."""
        return [
            theta[:, at : at + width].unsqueeze(2) for at, width in zip(self._starts, self._widths)
        ]

    def columns(self, layer: int) -> list[slice]:
        """Columns of ``theta`` that hold scales and shifts of a hidden layer."""
        found = range(2 * layer, 2 * layer + 2)
        return [slice(self._starts[i], self._starts[i] + self._widths[i]) for i in found]

    def real(self, theta: Tensor) -> list[Tensor]:
        """The same of one network [P], without padding, [units]."""
        sizes = [size for size in self.sizes for _ in range(2)] * 2
        return [theta[at : at + size] for at, size in zip(self._starts, sizes)]

    def init(self, theta: Tensor) -> None:
        """Set scales and running variances of one network [P] to one."""
        layers = len(self.sizes)
        parts = self.real(theta)
        for ones in (*parts[: 2 * layers : 2], *parts[2 * layers + 1 :: 2]):
            ones.fill_(1.0)

    def __call__(
        self,
        layer: int,
        views: Sequence[Tensor],
        z: Tensor,
        rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
        n_pixels: int = 1,
    ) -> Tensor:
        """Normalise z [K, units, n_pixels * B] of a hidden layer, and scale and shift it.

        Parameters
        ----------
        rows : Tensor of shape (K, 1, B), optional
            One over the number of real rows, 0 for padding. Without them the running statistics of
            batch normalization are used.
        statistics : list of Tensor, optional
            Takes down mean and unbiased variance of the batch, [K, units, 1] each.
        """
        standard, _ = self.standardize(layer, views, z, rows, statistics, n_pixels)
        scale, shift = self.affine(layer, views, z)
        return torch.addcmul(shift, standard, scale)

    def affine(self, layer: int, views: Sequence[Tensor], z: Tensor) -> Sequence[Tensor]:
        """Scale and shift, or their gradients, of the units in z."""
        return [view[:, : z.shape[1]] for view in views[2 * layer : 2 * layer + 2]]

    def standardize(
        self,
        layer: int,
        views: Sequence[Tensor],
        z: Tensor,
        rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
        n_pixels: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Return z at mean 0 and variance 1, and one over the deviation that it had."""
        if self.kind == "layer":
            return self._over_units(z, self.sizes[layer], n_pixels)
        if rows is None:
            at = 2 * (len(self.sizes) + layer)
            mean, variance = (view[:, : z.shape[1]] for view in views[at : at + 2])
            rate = (variance + EPS).rsqrt()
            return (z - mean) * rate, rate
        if n_pixels > 1:
            rows = (rows / n_pixels).repeat(1, 1, n_pixels)
        mean = (z * rows).sum(2, keepdim=True)
        centred = z - mean
        variance = (centred.square() * rows).sum(2, keepdim=True)
        if statistics is not None:
            n = (rows > 0).sum(2, keepdim=True).to(z)
            statistics += [mean.detach(), variance.detach() * (n / (n - 1).clamp_min(1))]
        rate = (variance + EPS).rsqrt()
        return centred * rate, rate

    def _over_units(self, z: Tensor, n: int, n_pixels: int) -> tuple[Tensor, Tensor]:
        real = self._real_units(z, n)
        pixels = (z if real is None else z * real).unflatten(2, (n_pixels, -1))
        mean = pixels.sum((1, 2), keepdim=True) / (n * n_pixels)
        centred = (pixels - mean).flatten(2)
        centred = centred if real is None else centred * real
        squares = centred.square().unflatten(2, (n_pixels, -1))
        rate = (squares.sum((1, 2), keepdim=True) / (n * n_pixels) + EPS).rsqrt()
        rate = rate.expand(-1, -1, n_pixels, -1).flatten(2)
        return centred * rate, rate

    def _real_units(self, z: Tensor, n: int) -> Tensor | None:
        """Mask [units, 1] of those that are not padding."""
        units = z.shape[1]
        return (torch.arange(units, device=z.device) < n).to(z)[:, None] if units > n else None

    def backward(
        self,
        layer: int,
        views: Sequence[Tensor],
        slope: Tensor,
        standard: Tensor,
        rate: Tensor,
        rows: Tensor | None,
        grads: Sequence[Tensor],
    ) -> Tensor:
        """From the slope of what has been scaled and shifted to that of z, [K, units, B].

        Leaves the gradients of scale and shift in ``grads``. Slopes of padded rows are zero.
        """
        scale, _ = self.affine(layer, views, slope)
        into_scale, into_shift = self.affine(layer, grads, slope)
        product = slope * standard
        torch.sum(product, 2, keepdim=True, out=into_scale)
        torch.sum(slope, 2, keepdim=True, out=into_shift)
        if self.kind == "batch":
            assert rows is not None
            common = torch.addcmul(into_shift, standard, into_scale).mul_(rows)
            return (slope - common).mul_(rate * scale)
        slope, n = slope * scale, self.sizes[layer]
        along = product.mul_(scale).sum(1, keepdim=True) / n
        common = torch.addcmul(slope.sum(1, keepdim=True) / n, standard, along)
        found = (slope - common).mul_(rate)
        real = self._real_units(slope, n)
        return found if real is None else found.mul_(real)

    def count(self, theta: Tensor, statistics: Sequence[Tensor]) -> None:
        """Let the running statistics of ``theta`` [K, P] follow those of a batch, in place."""
        running = self.views(theta)[2 * len(self.sizes) :]
        for view, found in zip(running, statistics):
            view[:, : found.shape[1]].lerp_(found, MOMENTUM)

    def module(self, layer: int, theta: Tensor, images: bool = False) -> nn.Module:
        """The layer in PyTorch, its numbers being views of one network's ``theta`` [P]."""
        size, parts = self.sizes[layer], self.real(theta)
        made: Any
        if self.kind == "layer":
            made = nn.GroupNorm(1, size, EPS) if images else nn.LayerNorm(size, EPS)
        else:
            made = (nn.BatchNorm2d if images else nn.BatchNorm1d)(size, EPS, MOMENTUM)
            at = 2 * (len(self.sizes) + layer)
            made.running_mean, made.running_var = parts[at], parts[at + 1]
        made.weight, made.bias = map(nn.Parameter, parts[2 * layer : 2 * layer + 2])
        return made


class Residual(nn.Module):
    """A hidden layer whose input is added to what it puts out.

    Parameters
    ----------
    branch : nn.Module
    shortcut : nn.Module
        What the input goes through: the pooling of a convolution, or nothing.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.branch(x)


class NormalizedNetwork(Flat):
    """Networks whose hidden layers may be normalised, and added to their input."""

    hidden_layer_sizes: tuple[int, ...]
    fit_intercept: bool
    normalization: str | None
    skip: bool
    k_winners: float | None

    @cached_property
    def norm(self) -> Normalization | None:
        """What normalises the hidden layers."""
        if self.normalization is None:
            return None
        return Normalization(self.normalization, self.hidden_layer_sizes, super().size)

    @cached_property
    def skips(self) -> tuple[bool, ...]:  # type: ignore[override]
        """Which hidden layers are added to their input."""
        sizes = self.hidden_layer_sizes
        return tuple(self.skip and i > 0 and sizes[i - 1] == n for i, n in enumerate(sizes))

    @property
    def biased(self) -> bool:
        """Whether hidden units have biases: what normalises over rows takes them out again."""
        return self.fit_intercept and self.normalization != "batch"

    @property
    def size(self) -> int:
        return super().size if self.norm is None else self.norm.stop

    def columns(self, layer: int | str) -> list[slice]:
        """Columns of a layer's parameters, its scales and shifts among them."""
        found, at = super().columns(layer), range(len(self.layers))[int(layer)]
        if self.norm is not None and at < len(self.hidden_layer_sizes):
            found += self.norm.columns(at)
        return found

    @property
    def compares_rows(self) -> bool:  # type: ignore[override]
        return self.normalization == "batch"

    @property
    def statistics(self) -> slice | None:  # type: ignore[override]
        return None if self.norm is None else self.norm.statistics

    def count(self, theta: Tensor, statistics: Sequence[Tensor]) -> None:
        if self.norm is not None:
            self.norm.count(theta, statistics)

    def parameters(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """View ``theta`` as weights and biases, those of the normalization behind the biases."""
        weights, biases = super().parameters(theta)
        return weights, biases if self.norm is None else [*biases, *self.norm.views(theta)]

    @cached_property
    def real(self) -> Tensor:
        mask = super().real.clone()
        for layer in () if self.biased else self.layers[:-1]:
            if layer.bias is not None:
                mask[layer.bias] = False  # stays 0
        for part in () if self.norm is None else self.norm.real(mask):
            part[...] = True
        return mask

    def init(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draw one network's parameters [P] as those of an MLP; it begins normalised."""
        theta = super().init(scheme, rng, dtype)
        if self.norm is not None:
            self.norm.init(theta)
        return theta
