"""Convolutional networks as stacks: images [K, channels, height, width, batch].

Parameter tying (section 7.9): a convolution is an affine layer whose input is every 3 x 3 patch of
the image, so that its weights are a matrix [K, out, in * 9] as in ``flat``, a row for each
feature. With the batch last, patches are copied and pooled along contiguous memory. Dimensions are
padded to multiples of 16 and a network computes the same bits alone and in a stack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .activations import ACTIVATIONS
from .flat import Layer, autograd_backward, lay_out, pad16
from .image_maps import max_pool, patches
from .normalization import NormalizedNetwork, Residual
from .winners import KWinners, winners

_PATCH_BYTES = 1 << 26  # what the patches of one network may take when it predicts


def image_shape(n_inputs: int) -> tuple[int, int, int]:
    """Guess (channels, height, width) of flattened square images, of one channel or three.

    Raises
    ------
    ValueError
        If neither is possible.

    Examples
    --------
    >>> image_shape(64), image_shape(3 * 32 * 32)
    ((1, 8, 8), (3, 32, 32))
    """
    for channels in (1, 3):
        side = math.isqrt(n_inputs // channels)
        if side > 1 and channels * side * side == n_inputs:
            return channels, side, side
    raise ValueError(
        f"X has {n_inputs} features, which are not the pixels of a square image of one or three "
        "channels. Crop or pad the images to a square, or use network='mlp'."
    )


@dataclass(frozen=True)
class ConvNet(NormalizedNetwork):
    """Convolutional networks of one shape.

    Each hidden layer is a 3 x 3 convolution that keeps the image's size ("same" padding), the
    activation, and 2 x 2 max pooling while the image is at least 2 x 2. A dense layer follows.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of the images, which are flattened in that order.
    n_outputs : int
    hidden_layer_sizes : tuple of int
        Channels of each convolution.
    activation : str
        One of ``ACTIVATIONS``; the output layer has none.
    fit_intercept : bool
        Whether units have biases.
    normalization : {"batch", "layer"} or None
        Normalises what a convolution puts out, before the activation.
    skip : bool
        Whether a hidden layer's input, pooled as its output is, is added to that where both have
        as many channels.
    k_winners : int, float or None
        How many units of a layer, or which share of them, are on after pooling.

    Examples
    --------
    >>> network = ConvNet((1, 8, 8), 10, (8, 16))
    >>> [(layer.n_in, layer.n_out) for layer in network.layers]
    [(9, 8), (72, 16), (64, 10)]
    """

    inputs_have_columns: ClassVar[bool] = False  # pixels share their weights
    shape: tuple[int, int, int]
    n_outputs: int
    hidden_layer_sizes: tuple[int, ...] = ()
    activation: str = "relu"
    fit_intercept: bool = True
    normalization: str | None = None
    skip: bool = False
    k_winners: float | None = None
    layers: tuple[Layer, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        channels = [self.shape[0], *self.hidden_layer_sizes]
        shapes = [(9 * n_in, n_out) for n_in, n_out in pairwise(channels)]
        shapes.append((math.prod(self._shapes[-1]), self.n_outputs))
        object.__setattr__(self, "layers", lay_out(shapes, self.fit_intercept))

    @cached_property
    def _shapes(self) -> tuple[tuple[int, int, int], ...]:
        """(channels, height, width) of the input and of what each hidden layer puts out."""
        shapes = [self.shape]
        for channels in self.hidden_layer_sizes:
            _, height, width = shapes[-1]
            if _poolable(height, width):
                height, width = height // 2, width // 2
            shapes.append((channels, height, width))
        return tuple(shapes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.shape

    @property
    def n_inputs(self) -> int:
        return math.prod(self.shape)

    @property
    def n_inputs_padded(self) -> int:
        return pad16(self.n_inputs)

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """Padded sizes of the hidden layers after pooling: what dropout masks must cover."""
        return tuple(map(pad16, self.real_hidden_units))

    @property
    def real_hidden_units(self) -> tuple[int, ...]:
        """Real sizes of the hidden layers after pooling."""
        return tuple(math.prod(shape) for shape in self._shapes[1:])

    def forward(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        tape: list[Tensor] | None = None,
        hidden: list[Tensor] | None = None,
        training: bool = False,
        rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
    ) -> Tensor:
        """Map x [K, in, B] to the outputs [K, out, B], padded units included.

        ``masks`` [K, units, B] multiply the pooled activations. ``tape`` takes down what the
        backward pass needs, ``hidden`` the pooled activations before masks. Twice differentiable
        by autograd. Many rows are predicted in parts.
        """
        if tape is not None:
            leaves = [part.detach().requires_grad_() for part in (*weights, *biases)]
            n = len(weights)
            with torch.enable_grad():
                z = self._outputs(leaves[:n], leaves[n:], x, masks, hidden, rows, statistics)
            tape += [z, *leaves]
            return z.detach()
        if not training and masks is None and not torch.is_grad_enabled():
            parts = x.split(self._rows_at_once(x.element_size()), 2)
            return torch.cat([self._outputs(weights, biases, part) for part in parts], 2)
        return self._outputs(weights, biases, x, masks, hidden, rows, statistics)

    def _rows_at_once(self, itemsize: int) -> int:
        pixels = [shape[1] * shape[2] for shape in self._shapes]
        numbers = [layer.cols * n for layer, n in zip(self.layers[:-1], pixels)]
        return max(16, _PATCH_BYTES // (itemsize * max(numbers, default=1)) // 16 * 16)

    def backward(
        self,
        weights: Sequence[Tensor],
        slope: Tensor,
        tape: list[Tensor],
        weight_grads: Sequence[Tensor],
        bias_grads: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        """Back-propagate dJ/dz [K, out, B] into the gradients, in place."""
        autograd_backward(tape, slope, weight_grads, bias_grads)

    def feature_map(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], x: Tensor, layer: int = 0
    ) -> Tensor:
        """Return what a convolution puts out before pooling, [K, channels, height, width, B].

        Moving the image by ``2 ** layer`` pixels moves it by one pixel, away from the borders
        (equivariance, section 9.2).
        """
        return next(
            a for i, (a, _) in enumerate(self._convolutions(weights, biases, x)) if i == layer
        )

    def _outputs(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        hidden: list[Tensor] | None = None,
        rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
    ) -> Tensor:
        h = x[:, : self.n_inputs].unflatten(1, self.shape)
        layers = self._convolutions(weights, biases, x, masks, hidden, rows, statistics)
        for _, pooled in layers:
            h = pooled
        n, cols = self.layers[-1].n_in, self.layers[-1].cols
        h = F.pad(h.flatten(1, 3), (0, 0, 0, cols - n))
        bias = biases[len(weights) - 1] if self.fit_intercept else None
        return _affine(weights[-1], bias, h)

    def _convolutions(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        hidden: list[Tensor] | None = None,
        batch_rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each hidden layer's activations before and after pooling and masks."""
        activation, norm = ACTIVATIONS[self.activation].function, self.norm
        n_biases = len(weights) if self.fit_intercept else 0
        h = x[:, : self.n_inputs].unflatten(1, self.shape)
        for i, layer in enumerate(self.layers[:-1]):
            rows = -(-layer.n_out // 8) * 8  # half of 16 rows is stable too, and halves the work
            bias = biases[i][:, :rows] if self.biased else None
            z = _affine(weights[i][:, :rows], bias, patches(h, layer.cols))
            if norm is not None:
                n_pixels = h.shape[2] * h.shape[3]
                z = norm(i, biases[n_biases:], z, batch_rows, statistics, n_pixels)
            # Padded channels go last: some activations' kernels differ where memory has gaps.
            a = activation(z.unflatten(2, h.shape[2:]))
            pooled = _pooled(a)[:, : layer.n_out]
            if self.k_winners is not None:
                flat = pooled.flatten(1, 3)
                flat = flat * winners(flat, flat.shape[1], self.k_winners)
                pooled = flat.view(pooled.shape)
            if hidden is not None:
                hidden.append(pooled.flatten(1, 3))
            if masks is not None:
                shape = pooled.shape[1:4]
                pooled = pooled * masks[i][:, : math.prod(shape)].unflatten(1, shape)
            h = _pooled(h) + pooled if self.skips[i] else pooled
            yield a[:, : layer.n_out], h

    def _draw(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draw one network's parameters [P], as `MLP._draw` does.

        A convolution has 9 times its channels as fan in and as fan out.
        """
        theta = torch.zeros(self.size, dtype=torch.float64)
        if scheme == "zeros" or (scheme == "auto" and not self.hidden_layer_sizes):
            return theta.to(dtype)
        for layer, weight in zip(self.layers, self.coefs(theta)[0]):
            n_out = weight.shape[0] * math.prod(weight.shape[2:])
            fan = layer.n_in if scheme == "he" else layer.n_in + n_out
            gain = 2.0 if self.activation == "logistic" and scheme != "he" else 6.0
            draw = torch.rand(weight.shape, generator=rng, dtype=torch.float64)
            weight[...] = (2 * draw - 1) * math.sqrt(gain / fan)
        return theta.to(dtype)

    def coefs(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Real weights [out, in, 3, 3], the last [out, in], and biases [out], as views of [P]."""
        weights, biases = [], []
        for i, layer in enumerate(self.layers):
            padded = theta[layer.weight].unflatten(0, (layer.rows, layer.cols))
            weight = padded[: layer.n_out, : layer.n_in]
            hidden = i < len(self.layers) - 1
            weights.append(weight.unflatten(1, (-1, 3, 3)) if hidden else weight)
            if layer.bias is not None:
                biases.append(theta[layer.bias][: layer.n_out])
        return weights, biases

    def module(self, theta: Tensor) -> nn.Sequential:
        """Ordinary PyTorch layers whose parameters are views of one network's ``theta`` [P]."""
        weights, biases = self.coefs(theta)
        parts: list[nn.Module] = [nn.Unflatten(1, self.shape)]
        for i, (_, height, width) in enumerate(self._shapes[:-1]):
            n_out, n_in = weights[i].shape[:2]
            convolution = nn.Conv2d(n_in, n_out, 3, padding=1, bias=bool(biases), device="meta")
            layer = [
                _share(convolution, weights, biases, i),
                *([] if self.norm is None else [self.norm.module(i, theta, images=True)]),
                ACTIVATIONS[self.activation].module(),
            ]
            pool = [nn.MaxPool2d(2)] if _poolable(height, width) else []
            layer += [*pool, *([] if self.k_winners is None else [KWinners(self.k_winners)])]
            parts += [Residual(nn.Sequential(*layer), *pool)] if self.skips[i] else layer
        n_out, n_in = weights[-1].shape
        dense = nn.Linear(n_in, n_out, bias=bool(biases), device="meta")
        return nn.Sequential(*parts, nn.Flatten(), _share(dense, weights, biases, -1))


def _share(module: Any, weights: list[Tensor], biases: list[Tensor], i: int) -> nn.Module:
    module.weight = nn.Parameter(weights[i])
    if biases:
        module.bias = nn.Parameter(biases[i])
    return module


def _pooled(image: Tensor) -> Tensor:
    return max_pool(image) if _poolable(*image.shape[2:4]) else image


def _poolable(height: int, width: int) -> bool:
    return height >= 2 and width >= 2


def _affine(weight: Tensor, bias: Tensor | None, h: Tensor) -> Tensor:
    return torch.bmm(weight, h) if bias is None else torch.baddbmm(bias, weight, h)
