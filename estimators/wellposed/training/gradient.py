"""The objective of a stack and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..networks import pad16
from ..networks.losses import LOSSES
from ..regularizers.base import Regularizer
from . import checked
from .model import Batch, Model


class Gradient:
    """The gradient of K networks' J and terms, with the buffers it is written into.

    J alone is differentiated by the network's own backward pass; where there are terms, autograd
    differentiates J and the terms through the same forward pass.

    Parameters
    ----------
    model : Model
    like : Tensor of shape (K, P)
        Gives number, dtype and device.
    width : int
        Padded rows of a batch.
    terms : sequence of Regularizer
    frozen : sequence of slice
        Columns that are not trained.

    Attributes
    ----------
    flat : Tensor of shape (K, P)
        The gradient of the last call; ``w`` is its weights' part.
    z : Tensor of shape (K, n_outputs, width)
        Outputs of the last call.
    of_terms : dict of str to Tensor of shape (K,)
        The terms of the last call.
    statistics : list of Tensor
        What batch normalization found in it.
    """

    def __init__(
        self,
        model: Model,
        like: Tensor,
        width: int,
        terms: Sequence[Regularizer] = (),
        frozen: Sequence[slice] = (),
    ) -> None:
        self.network, self.terms, self.frozen = model.network, terms, frozen
        self.of_terms: dict[str, Tensor] = {}
        self._loss = LOSSES[model.loss]
        self.flat = torch.zeros_like(like)
        self.w = self.flat[:, : self.network.n_weights]
        self._parts = self.network.parameters(self.flat)
        self._slope = like.new_zeros(len(like), pad16(model.n_outputs), width)
        self._real_slope = self._slope[:, : model.n_outputs]

    def __call__(self, model: Model, batch: Batch) -> Tensor:
        """Return J and the terms, [K], on a batch and leave the gradient in ``flat``."""
        J = self._by_autograd(model, batch) if self.terms else self._by_hand(model, batch)
        self.freeze()
        return J

    def freeze(self) -> None:
        """Leave frozen columns without a gradient."""
        for part in self.frozen:
            self.flat[:, part] = 0.0

    def _by_hand(self, model: Model, batch: Batch) -> Tensor:
        x, target, weight = batch.x, batch.target, batch.loss_weight
        tape: list[Tensor] = []
        slope, real_slope = self._slope, self._real_slope
        if model.n_rows is not None:
            x, target, weight, slope, real_slope = (
                part[..., : model.n_rows] for part in (x, target, weight, slope, real_slope)
            )
        self.statistics: list[Tensor] = []
        z = self.network.forward(
            *model.parameters, x, model.masks, tape, rows=model.rows, statistics=self.statistics
        )
        self.z = z[:, : target.shape[1]]
        J, _ = self._loss(self.z, target, weight, out=real_slope)
        self.network.backward(model.parameters[0], slope, tape, *self._parts, model.masks)
        return J

    @torch.enable_grad()
    def _by_autograd(self, model: Model, batch: Batch) -> Tensor:
        weights, biases = ([p.detach().requires_grad_() for p in part] for part in model.parameters)
        model = replace(model, parameters=(weights, biases), _pass=None)
        total = model.counted_J(batch)
        for r in self.terms:
            term = checked.term(r, model, batch)
            self.of_terms[r.setting.name] = term.detach()
            total = total + term
        grads = torch.autograd.grad(total.sum(), (*weights, *biases), allow_unused=True)
        for into, grad in zip((*self._parts[0], *self._parts[1]), grads):
            into.zero_() if grad is None else into.copy_(grad)
        self.flat.masked_fill_(self.terms[0].setting.padding, 0.0)  # a term may see it
        self.z, self.statistics = model(batch.x).detach(), model.statistics
        return total.detach()
