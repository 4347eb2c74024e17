"""J of a stack and its gradient, by the network's own backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..networks import pad16
from ..networks.losses import LOSSES


class Gradient:
    """The gradient of K networks' losses, with the buffers it is written into.

    Parameters
    ----------
    network : MLP or another stack
    loss : str
    like : Tensor of shape (K, P)
        Gives number, dtype and device.
    n_outputs, width : int
        Real outputs and padded rows of a batch.

    Attributes
    ----------
    flat : Tensor of shape (K, P)
        The gradient of the last call; ``w`` is its weights' part.
    z : Tensor of shape (K, n_outputs, width)
        Outputs of the last call.
    """

    def __init__(self, network: Any, loss: str, like: Tensor, n_outputs: int, width: int) -> None:
        self.network, self.loss = network, LOSSES[loss]
        self.flat = torch.zeros_like(like)
        self.w = self.flat[:, : network.n_weights]
        self._parts = network.parameters(self.flat)
        self._slope = like.new_zeros(len(like), pad16(n_outputs), width)
        self._real_slope = self._slope[:, :n_outputs]

    def __call__(
        self,
        parameters: tuple[Sequence[Tensor], Sequence[Tensor]],
        x: Tensor,
        target: Tensor,
        weight: Tensor,
        masks: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Return J [K] on a batch and leave its gradient in ``flat``."""
        tape: list[Tensor] = []
        slope, real_slope = self._slope, self._real_slope
        if self.network.exact_rows:
            rows = int((weight[0] > 0).sum())
            x, target, weight = x[..., :rows], target[..., :rows], weight[..., :rows]
            slope, real_slope = slope[..., :rows], real_slope[..., :rows]
        z = self.network.forward(*parameters, x, masks, tape)
        self.z = z[:, : target.shape[1]]
        J, _ = self.loss(self.z, target, weight, out=real_slope)
        self.network.backward(parameters[0], slope, tape, *self._parts, masks)
        return J
