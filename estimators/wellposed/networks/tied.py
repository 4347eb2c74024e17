"""Autoencoders whose decoder is the encoder's transpose (sections 7.9 and 14.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from .flat import lay_out
from .mlp import MLP, _bias, _weight


@dataclass(frozen=True)
class TiedMLP(MLP):
    """Multilayer perceptrons whose second half has the transposed weights of the first.

    Layers mirror each other: of sizes ``n, a, b, a, n`` the weights are W, V, V', W'. Each matrix
    is one parameter, so that penalties count it once; its gradient is the sum over both its places.
    Every layer has biases of its own.

    Examples
    --------
    >>> network = TiedMLP(20, 20, (8,))
    >>> [tuple(w.shape) for w in network.coefs(network.real)[0]]
    [(8, 20), (20, 8)]
    >>> int(network.real.sum())
    188
    """

    def __post_init__(self) -> None:
        sizes = [self.n_inputs, *self.hidden_layer_sizes, self.n_outputs]
        shapes = list(pairwise(sizes))
        n_encoder = len(shapes) // 2
        encoder = lay_out(shapes[:n_encoder], fit_intercept=False)
        shift = lay_out(shapes, self.fit_intercept)[-1].weight.stop - encoder[-1].weight.stop
        layers = []
        for i, layer in enumerate(lay_out(shapes, self.fit_intercept)):
            of_encoder = encoder[min(i, len(shapes) - 1 - i)].weight
            bias = layer.bias and slice(layer.bias.start - shift, layer.bias.stop - shift)
            layers.append(replace(layer, weight=of_encoder, bias=bias))
        object.__setattr__(self, "layers", tuple(layers))

    @property
    def n_encoder(self) -> int:
        """Number of matrices."""
        return len(self.layers) // 2

    @property
    def n_weights(self) -> int:
        return self.layers[self.n_encoder - 1].weight.stop

    def columns(self, layer: int | str) -> list[slice]:
        """Columns of a layer's parameters; a matrix is of the layer that comes first."""
        found = super().columns(layer)
        at = range(len(self.layers))[int(layer)]
        return found if at < self.n_encoder else found[1:]

    def weights(self, flat: Tensor) -> list[Tensor]:
        """View the first columns of ``theta``, [K, W], as the encoder's weights [K, out, in]."""
        return [
            flat[:, layer.weight].unflatten(1, (layer.rows, layer.cols))
            for layer in self.layers[: self.n_encoder]
        ]

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
        """Map x [K, in, B] to the outputs [K, out, B]; the encoder's weights, all biases."""
        return super().forward(
            _mirrored(weights), biases, x, masks, tape, hidden, training, rows, statistics
        )

    def backward(
        self,
        weights: Sequence[Tensor],
        slope: Tensor,
        tape: list[Tensor],
        weight_grads: Sequence[Tensor],
        bias_grads: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        """Back-propagate dJ/dz into the gradients: those of both places of a matrix are added."""
        both = _mirrored(weights)
        grads = [torch.zeros(w.shape, dtype=w.dtype, device=w.device) for w in both]
        super().backward(both, slope, tape, grads, bias_grads, masks)
        for into, first, second in zip(weight_grads, grads, reversed(grads)):
            into.copy_(first + second.mT)

    def _draw(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        theta = torch.zeros(self.size, dtype=dtype)
        hidden = self.hidden_layer_sizes[: self.n_encoder - 1]
        code = self.hidden_layer_sizes[self.n_encoder - 1]
        encoder = MLP(self.n_inputs, code, hidden, self.activation, fit_intercept=False)
        scheme = "glorot" if scheme == "auto" else scheme
        theta[: self.n_weights] = encoder.init(scheme, rng, dtype)
        return theta

    def coefs(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Real weights [out, in] of all layers, and biases [out], as views of ``theta`` [P]."""
        encoder = [_weight(theta[None], layer)[0] for layer in self.layers[: self.n_encoder]]
        biases = [_bias(theta[None], layer)[0] for layer in self.layers if layer.bias]
        return _mirrored(encoder), biases


def _mirrored(weights: Sequence[Tensor]) -> list[Tensor]:
    """Weights of the encoder and, transposed, of the decoder."""
    return [*weights, *(weight.mT for weight in reversed(weights))]
