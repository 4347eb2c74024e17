"""Loss and score of a network on given rows."""

from __future__ import annotations

import math
from typing import Any

import torch
from scipy.sparse import issparse
from torch import Tensor

from ..networks import Network
from ..networks.losses import LOSSES
from .request import Rows, dense

_CHUNK = 4096  # rows predicted at once
_DENSE = 1 << 24  # numbers of a sparse matrix made dense at once


@torch.no_grad()
def outputs(network: Network, theta: Tensor, X: Any) -> Tensor:
    """Outputs [n, outputs] of one network [P] on rows X [n, features], before any link.

    X is a tensor, or a sparse matrix of which some rows at a time are made dense.
    """
    weights, biases = network.parameters(theta[None])
    n, n_features = X.shape
    size = _CHUNK
    if issparse(X):
        size = max(16, min(_CHUNK, _DENSE // network.n_inputs_padded))
    padded = theta.new_zeros(min(n, size), network.n_inputs_padded)
    parts = []
    for start in range(0, n, size):
        chunk = X[start : start + size]
        rows = chunk.shape[0]
        padded[:rows, :n_features] = dense(chunk) if issparse(chunk) else chunk
        z = network.forward(weights, biases, padded[None, :rows].mT)
        parts.append(z[0, : network.n_outputs].T)
    return torch.cat(parts)


@torch.no_grad()
def evaluate(network: Network, loss: str, theta: Tensor, rows: Rows) -> tuple[float, float]:
    """J on the rows, and the score: accuracy (of whole rows), or R^2 averaged over outputs."""
    table = rows.table[:-1].T
    target, weight = table[rows.targets], rows.loss_weights()
    if rows.sparse is None:
        z = network.forward(*network.parameters(theta[None]), table[None, rows.inputs])
        z = z[0, : rows.n_targets]
    else:
        z = outputs(network, theta, rows.sparse[:-1]).T[: rows.n_targets]
    J = float(LOSSES[loss](z[None], target[None], weight[None] / rows.n)[0])
    return J, _score(loss, z, target, weight, table[rows.weight])


def _score(loss: str, z: Tensor, target: Tensor, weight: Tensor, of_rows: Tensor) -> float:
    """Accuracy or R^2; targets of weight zero, which are missing, count for neither."""
    if loss == "cross_entropy":
        return float(((z.argmax(0) == target.argmax(0)).to(of_rows) * of_rows).mean())
    if loss == "logistic":
        hit = (((z > 0) == (target > 0.5)) | (weight == 0)).all(0)
        return float((hit.to(of_rows) * of_rows).mean())
    if len(weight) > 1:
        seen = weight.sum(1) > 0
        z, target, weight = z[seen], target[seen], weight[seen]
        weight = weight / weight.mean(1, keepdim=True)
    mean = (target * weight).mean(1, keepdim=True)
    prediction = z.exp() if loss == "poisson" else z
    residual = ((target - prediction).square() * weight).sum(1)
    total = ((target - mean).square() * weight).sum(1)
    score = 1.0 - residual / total
    constant = (residual == 0).to(score)  # as scikit-learn has it: 1 if hit, 0 if not
    return float(torch.where(total == 0, constant, score).mean())


def constant_losses(loss: str, rows: Rows) -> tuple[float, float]:
    """J of two predictions that do not look at the inputs: outputs of zero, and the best ones."""
    table = rows.table[:-1].T
    target, weight = table[rows.targets], rows.loss_weights() / rows.n
    mean, mass = (target * weight).sum(1), torch.ones(len(target)).to(target)
    if rows.n_shares:
        mass = weight.sum(1)
        mean = mean / torch.where(mass > 0, mass, 1.0)
    if loss == "squared_error":
        zero = 0.5 * (target.square() * weight).sum()
        best = 0.5 * ((target - mean[:, None]).square() * weight).sum()
        return float(zero), float(best)
    if loss == "poisson":
        own = (torch.special.xlogy(target, target) * weight).sum()
        zero = own + (mass * (1.0 - mean)).sum()
        return float(zero), float(own - (mass * torch.special.xlogy(mean, mean)).sum())
    if loss == "logistic":
        entropy = torch.special.entr(mean) + torch.special.entr(1 - mean)
        return math.log(2) * float(mass.sum()), float((mass * entropy).sum())
    return math.log(len(mean)), float(torch.special.entr(mean).sum())
