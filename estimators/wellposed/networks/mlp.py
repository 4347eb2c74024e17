"""Multilayer perceptrons, and the linear model, which is one without hidden layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from .activations import ACTIVATIONS
from .flat import Flat, Layer, lay_out

_NARROW = 256  # inputs up to which one output is no matrix product


@dataclass(frozen=True)
class MLP(Flat):
    """Multilayer perceptrons of one shape.

    Parameters
    ----------
    n_inputs, n_outputs : int
    hidden_layer_sizes : tuple of int
        Empty for the linear model.
    activation : str
        One of ``ACTIVATIONS``, for the hidden layers; the output layer has none.
    fit_intercept : bool
        Whether units have biases.
    """

    inputs_have_columns: ClassVar[bool] = True
    n_inputs: int
    n_outputs: int
    hidden_layer_sizes: tuple[int, ...] = ()
    activation: str = "relu"
    fit_intercept: bool = True
    layers: tuple[Layer, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        sizes = [self.n_inputs, *self.hidden_layer_sizes, self.n_outputs]
        shapes = list(pairwise(sizes))
        object.__setattr__(self, "layers", lay_out(shapes, self.fit_intercept))

    @property
    def n_inputs_padded(self) -> int:
        return self.layers[0].cols

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """Padded sizes of the hidden layers: what dropout masks must cover."""
        return tuple(layer.rows for layer in self.layers[:-1])

    @property
    def real_hidden_units(self) -> tuple[int, ...]:
        """Real sizes of the hidden layers."""
        return self.hidden_layer_sizes

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

        ``masks`` [K, units, B] multiply the hidden activations. ``tape`` takes down what the
        backward pass needs: each layer's input, then a hidden layer's z and a. ``hidden`` takes
        down the activations before masks. Passes are the same in training.
        """
        activation = ACTIVATIONS[self.activation].function
        h = x
        for i, weight in enumerate(weights):
            z = self._affine(i, weight, biases[i] if biases else None, h)
            if tape is not None:
                tape.append(h)
            if i == len(weights) - 1:
                break
            a = activation(z)
            if tape is not None:
                tape += [z, a]
            silence = self._silence[i]
            h = a if silence is None else a * silence.to(a)
            if hidden is not None:
                hidden.append(h)
            if masks is not None:
                h = h * masks[i]
        return z

    def backward(
        self,
        weights: Sequence[Tensor],
        slope: Tensor,
        tape: list[Tensor],
        weight_grads: Sequence[Tensor],
        bias_grads: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        """Back-propagate dJ/dz [K, out, B] (alg. 6.4) into the gradients of what is not padding.

        The same kernels in the same order as autograd's, so that the gradients are equal to the
        bit; without its bookkeeping, which costs a small network half of its time.
        """
        backward = ACTIVATIONS[self.activation].backward
        for i in reversed(range(len(weights))):
            bias_grad = bias_grads[i] if self.fit_intercept else None
            self._differentiate(i, slope, tape[3 * i], weight_grads[i], bias_grad)
            if i:
                slope = self._slope_of_input(i, weights[i], slope)
                if masks is not None:
                    slope = slope * masks[i - 1]
                silence = self._silence[i - 1]
                if silence is not None:
                    slope = slope * silence.to(slope)
                slope = backward(slope, tape[3 * i - 2], tape[3 * i - 1])

    def _differentiate(
        self, i: int, slope: Tensor, h: Tensor, weight_grad: Tensor, bias_grad: Tensor | None
    ) -> None:
        """From dJ/dz of a layer and its input to the gradients of its weights and biases."""
        n_out = 1 if self._one[i] == "output" else slope.shape[1]
        if self._one[i] == "input":
            torch.sum(slope * h[:, :1], 2, keepdim=True, out=weight_grad[:, :, :1])
        elif self._one[i] == "output":
            torch.sum(slope[:, :1] * h, 2, out=weight_grad[:, 0])
        else:  # not with out=, which goes matrix by matrix in a strided view
            weight_grad.copy_(torch.bmm(slope, h.mT))
        if bias_grad is not None:
            torch.sum(slope[:, :n_out], 2, keepdim=True, out=bias_grad[:, :n_out])

    def _slope_of_input(self, i: int, weight: Tensor, slope: Tensor) -> Tensor:
        """From dJ/dz of a layer to that of its input."""
        if self._one[i] == "output":
            return weight[:, 0, :, None] * slope[:, :1]
        return torch.bmm(weight.mT, slope)

    def _affine(self, i: int, weight: Tensor, bias: Tensor | None, h: Tensor) -> Tensor:
        """Return the layer's z = W h + b [K, out, B]."""
        if self._one[i] == "input":
            z = weight[:, :, :1] * h[:, :1]
            return z if bias is None else z + bias
        if self._one[i] == "output":
            z = (weight[:, 0, :, None] * h).sum(1, keepdim=True)
            z = z if bias is None else z + bias[:, :1]
            return nn.functional.pad(z, (0, 0, 0, weight.shape[1] - 1))
        return torch.bmm(weight, h) if bias is None else torch.baddbmm(bias, weight, h)

    @cached_property
    def _one(self) -> list[str]:
        """Which layers have one input or one output, and multiply elementwise.

        As matrix products they would have to be padded to 16, which costs a small network most of
        its time; large ones are faster as products.
        """
        found = ["output" if l.n_out == 1 and l.n_in <= _NARROW else "" for l in self.layers]
        if self.n_inputs == 1:
            found[0] = "input"
        return found

    @cached_property
    def _silence(self) -> list[Tensor | None]:
        """Masks [rows, 1] that keep padded units at zero where the activation does not."""
        loud = not ACTIVATIONS[self.activation].silent
        return [
            (torch.arange(layer.rows) < layer.n_out).double().unsqueeze(1)
            if loud and layer.rows > layer.n_out
            else None
            for layer in self.layers[:-1]
        ]

    def _draw(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draw one network's parameters [P].

        ``"glorot"`` is uniform in +-sqrt(6 / (in + out)), with sqrt(2 / (in + out)) for the
        logistic activation, as in scikit-learn's MLP; ``"he"`` in +-sqrt(6 / in). ``"auto"`` is
        ``"glorot"``, and zero for the linear model. Biases start at zero.
        """
        theta = torch.zeros(1, self.size, dtype=torch.float64)
        if scheme == "zeros" or (scheme == "auto" and not self.hidden_layer_sizes):
            return theta[0].to(dtype)
        for layer in self.layers:
            fan = layer.n_in if scheme == "he" else layer.n_in + layer.n_out
            gain = 2.0 if self.activation == "logistic" and scheme != "he" else 6.0
            bound = math.sqrt(gain / fan)
            draw = torch.rand(layer.n_out, layer.n_in, generator=rng, dtype=torch.float64)
            _weight(theta, layer)[0] = (2 * draw - 1) * bound
        return theta[0].to(dtype)

    def coefs(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Real weights [out, in] and biases [out] of one network, as views of ``theta`` [P]."""
        weights = [_weight(theta[None], layer)[0] for layer in self.layers]
        biases = [_bias(theta[None], layer)[0] for layer in self.layers if layer.bias]
        return weights, biases

    def module(self, theta: Tensor) -> nn.Sequential:
        """Ordinary PyTorch layers whose parameters are views of one network's ``theta`` [P]."""
        weights, biases = self.coefs(theta)
        parts: list[nn.Module] = []
        for i, layer in enumerate(self.layers):
            linear = nn.Linear(layer.n_in, layer.n_out, bias=bool(biases), device="meta")
            linear.weight = nn.Parameter(weights[i])
            if biases:
                linear.bias = nn.Parameter(biases[i])
            parts += [linear, ACTIVATIONS[self.activation].module()]
        return nn.Sequential(*parts[:-1])


def _weight(theta: Tensor, layer: Layer) -> Tensor:
    """Real weights [K, out, in], a view."""
    padded = theta[:, layer.weight].unflatten(1, (layer.rows, layer.cols))
    return padded[:, : layer.n_out, : layer.n_in]


def _bias(theta: Tensor, layer: Layer) -> Tensor:
    """Real biases [K, out], a view."""
    assert layer.bias is not None
    return theta[:, layer.bias][:, : layer.n_out]
