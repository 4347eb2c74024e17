"""Multilayer perceptrons with normalised or sparse layers and residual connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .activations import ACTIVATIONS
from .mlp import MLP
from .normalization import NormalizedNetwork, Residual
from .winners import KWinners, winners


@dataclass(frozen=True)
class ResidualMLP(NormalizedNetwork, MLP):
    """Multilayer perceptrons of one shape, whose hidden layers may be more than affine.

    A hidden layer is ``h <- mask * winners(activation(normalize(W h + b)))``, to which its input h
    is added where `skip` and it has as many units as the hidden layer before it.

    Parameters
    ----------
    normalization : {"batch", "layer"} or None
    skip : bool
    k_winners : int, float or None
        How many units of a layer, or which share of them, are on; the others are 0.

    Examples
    --------
    >>> network = ResidualMLP(4, 3, (8, 8), normalization="layer", skip=True)
    >>> network.skips
    (False, True)
    """

    normalization: str | None = None
    skip: bool = False
    k_winners: float | None = None

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

        ``masks`` and ``hidden`` are of a layer's own activations, before its input is added.
        """
        activation, norm = ACTIVATIONS[self.activation].function, self.norm
        n_biases = len(weights) if self.fit_intercept else 0
        views = biases[n_biases:]
        h = x
        for i, weight in enumerate(weights[:-1]):
            z = self._affine(i, weight, biases[i] if self.biased else None, h)
            standard = rate = z
            if norm is not None:
                standard, rate = norm.standardize(i, views, z, rows, statistics)
                scale, shift = norm.affine(i, views, z)
                z = torch.addcmul(shift, standard, scale)
            a = after = activation(z)
            silence = self._silence[i]
            a = kept = a if silence is None else a * silence.to(a)
            if self.k_winners is not None:
                kept = winners(a, self.hidden_layer_sizes[i], self.k_winners)
                a = a * kept
            if tape is not None:
                tape += [h, standard, rate, z, after, kept]
            if hidden is not None:
                hidden.append(a)
            if masks is not None:
                a = a * masks[i]
            h = h + a if self.skips[i] else a
        if tape is not None:
            tape += [h, *views] if rows is None else [h, *views, rows]
        return self._affine(
            len(weights) - 1, weights[-1], biases[n_biases - 1] if n_biases else None, h
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
        """Back-propagate dJ/dz [K, out, B] into the gradients of what is not padding."""
        backward, last = ACTIVATIONS[self.activation].backward, len(weights) - 1
        n_biases = len(weights) if self.fit_intercept else 0
        h, *views = tape[6 * last :]
        rows = views.pop() if self.compares_rows else None
        grads = bias_grads[n_biases:]
        bias_grad = bias_grads[last] if n_biases else None
        self._differentiate(last, slope, h, weight_grads[last], bias_grad)
        slope = self._slope_of_input(last, weights[last], slope)
        for i in reversed(range(last)):
            h, standard, rate, z, a, kept = tape[6 * i : 6 * i + 6]
            shortcut = slope if self.skips[i] else None
            if masks is not None:
                slope = slope * masks[i]
            if self.k_winners is not None:
                slope = slope * kept
            silence = self._silence[i]
            slope = backward(slope if silence is None else slope * silence.to(slope), z, a)
            if self.norm is not None:
                slope = self.norm.backward(i, views, slope, standard, rate, rows, grads)
            bias_grad = bias_grads[i] if self.biased else None
            self._differentiate(i, slope, h, weight_grads[i], bias_grad)
            if i:
                slope = self._slope_of_input(i, weights[i], slope)
                slope = slope if shortcut is None else slope + shortcut

    def module(self, theta: Tensor) -> nn.Sequential:
        """Ordinary PyTorch layers whose parameters are views of one network's ``theta`` [P]."""
        plain = list(super().module(theta))
        parts: list[nn.Module] = []
        for i, skip in enumerate(self.skips):
            linear, activation = plain[2 * i : 2 * i + 2]
            norm = [] if self.norm is None else [self.norm.module(i, theta)]
            sparse = [] if self.k_winners is None else [KWinners(self.k_winners)]
            layer = [linear, *norm, activation, *sparse]
            parts += [Residual(nn.Sequential(*layer))] if skip else layer
        return nn.Sequential(*parts, plain[-1])
