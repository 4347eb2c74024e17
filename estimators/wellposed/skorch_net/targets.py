"""Rows, encoded targets and the data term, as skorch and its callbacks know them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..networks.losses import LOSSES
from ..training.model import Batch
from ..training.request import Request, Rows


class Criterion(nn.Module):
    """The data term J as a torch criterion: outputs (n, outputs) and encoded targets."""

    def __init__(self, loss: str) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        target = one_hot(self.loss, y, z.shape[1]).to(z)
        weight = z.new_full((1, 1, len(z)), 1.0 / len(z))
        return LOSSES[self.loss](z.T[None], target.T[None], weight)[0][0]


def one_hot(loss: str, y: Any, n_outputs: int) -> Tensor:
    """Turn encoded targets, class numbers or values, into (n, outputs)."""
    y = torch.as_tensor(y)
    if loss == "cross_entropy" and y.ndim == 1:
        return nn.functional.one_hot(y.long(), n_outputs)
    return y.reshape(len(y), -1)


def codes(loss: str, target: Tensor) -> Tensor:
    """Turn targets (n, outputs) into what skorch calls y: class numbers, or values."""
    if loss == "cross_entropy":
        return target.argmax(1)
    if loss == "logistic":
        target = target.round().long()
    return target[:, 0] if target.shape[1] == 1 else target


def shown(request: Request, batch: Batch) -> tuple[Tensor, Tensor]:
    """The real rows and columns of a batch, with class numbers or values."""
    n = int((batch.weight[0] > 0).sum())
    x, target = batch.x[0, : request.rows.n_inputs, :n].T, batch.target[0, :, :n].T
    return x, codes(request.loss, target)


def arrays_of(request: Request, rows: Rows) -> tuple[Any, np.ndarray]:
    """Real inputs and encoded targets, class numbers or values, of some rows."""
    y = codes(request.loss, rows.table[:-1, rows.targets]).numpy(force=True)
    if rows.sparse is not None:
        return rows.sparse[:-1, : rows.n_inputs], y
    return rows.X().numpy(force=True), y
