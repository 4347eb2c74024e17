"""Loss and score of a network on given rows, and the check that training has not diverged."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..exceptions import DivergenceError
from ..objective import LOSSES
from .request import Request, Rows

_CHUNK = 4096  # rows predicted at once


@torch.no_grad()
def outputs(network: Any, theta: Tensor, X: Tensor) -> Tensor:
    """Outputs [n, outputs] of one network [P] on rows X [n, features], before any link."""
    weights, biases = network.parameters(theta[None])
    padded = X.new_zeros(min(len(X), _CHUNK), network.n_inputs_padded)
    parts = []
    for chunk in X.split(_CHUNK):
        padded[: len(chunk), : X.shape[1]] = chunk
        z = network.forward(weights, biases, padded[None, : len(chunk)].mT)
        parts.append(z[0, : network.n_outputs].T)
    return torch.cat(parts)


@torch.no_grad()
def evaluate(network: Any, loss: str, theta: Tensor, rows: Rows) -> tuple[float, float]:
    """J on the rows, and the score: accuracy, or R^2 averaged over outputs."""
    table = rows.table[:-1].T
    target, weight = table[rows.targets], table[rows.weight]
    z = network.forward(*network.parameters(theta[None]), table[None, rows.inputs])
    z = z[0, : rows.n_targets]
    J = float(LOSSES[loss](z[None], target[None], weight[None, None] / rows.n)[0])
    if loss == "cross_entropy":
        hit = (z.argmax(0) == target.argmax(0)).to(weight)
    elif loss == "logistic":
        hit = ((z > 0) == (target > 0.5)).to(weight).mean(0)
    else:
        mean = (target * weight).mean(1, keepdim=True)
        residual = ((target - z).square() * weight).sum(1)
        total = ((target - mean).square() * weight).sum(1)
        score = 1.0 - residual / total
        constant = (residual == 0).to(score)  # as scikit-learn has it: 1 if hit, 0 if not
        return J, float(torch.where(total == 0, constant, score).mean())
    return J, float((hit * weight).mean())


def constant_losses(loss: str, rows: Rows) -> tuple[float, float]:
    """J of two predictions that do not look at the inputs: outputs of zero, and the best ones."""
    table = rows.table[:-1].T
    target, weight = table[rows.targets], table[rows.weight] / rows.n
    mean = (target * weight).sum(1)
    if loss == "squared_error":
        zero = 0.5 * (target.square() * weight).sum()
        best = 0.5 * ((target - mean[:, None]).square() * weight).sum()
        return float(zero), float(best)
    entropy = torch.special.entr(mean).sum()
    if loss == "logistic":
        return math.log(2) * len(mean), float(entropy + torch.special.entr(1 - mean).sum())
    return math.log(len(mean)), float(entropy)


def check_finite(
    loss: float, theta: Tensor, epoch: int, request: Request
) -> DivergenceError | None:
    """Return the error of a network whose loss or parameters are no longer finite."""
    if math.isfinite(loss) and bool(torch.isfinite(theta).all()):
        return None
    l2 = request.strengths.get("l2", 0.0)
    rate = request.learning_rate
    decay = request.strengths.get("weight_decay", 0.0)
    if request.solver == "sgd" and rate * l2 > 2:
        cause = f"learning_rate * l2 = {rate * l2:g} > 2, so that every step overshoots"
    elif rate * decay > 1:
        cause = f"learning_rate * weight_decay = {rate * decay:g} > 1, so that weights overshoot 0"
    else:
        cause = f"learning_rate={rate:g} is too large for this problem, or X is not scaled"
    return DivergenceError(
        f"Training diverged: the loss is {loss:g} in epoch {epoch}. Likely cause: {cause}. "
        f"Lower learning_rate, scale X (StandardScaler), or use solver='lbfgs'."
    )
