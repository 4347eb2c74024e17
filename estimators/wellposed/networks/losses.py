"""J: the data term of the objective, one number a network.

``J~(theta; X, y) = J(theta; X, y) + alpha * Omega(theta)`` (eq. 7.1). J is a mean over samples:
half the squared error or half the Poisson deviance, summed over outputs, or the cross-entropy.
Omega is in ``regularizers``.

Each loss maps outputs z [K, outputs, B], targets [K, outputs, B] and weights [K, 1, B] (which sum
to 1 over the batch) to J [K] and its slope dJ/dz [K, outputs, B], written into ``out`` where given.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

_THRESHOLD = 40.0  # above it, softplus is the identity


class Loss(Protocol):
    """A loss and its slope."""

    def __call__(
        self, z: Tensor, target: Tensor, weight: Tensor, out: Tensor | None = None
    ) -> tuple[Tensor, Tensor]: ...


def squared_error(
    z: Tensor, target: Tensor, weight: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """``1/2 sum_o (z_o - y_o)^2``, slope ``z - y``."""
    residual = z - target
    slope = torch.mul(residual, weight, out=out)
    return residual.mul_(slope).sum((1, 2)) * 0.5, slope


def poisson(
    z: Tensor, target: Tensor, weight: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Half the Poisson deviance of ``e^z``: ``e^z - y - y (z - log y)``, slope ``e^z - y``."""
    mean = z.exp()
    loss = (mean - target).sub_(target * z).add_(torch.special.xlogy(target, target))
    J = loss.mul_(weight).sum((1, 2))
    return J, torch.mul(mean.sub_(target), weight, out=out)


def logistic(
    z: Tensor, target: Tensor, weight: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """``log(1 + e^z) - y z`` of each output unit, slope ``sigmoid(z) - y``."""
    loss = F.softplus(z, threshold=_THRESHOLD).sub_(target * z).mul_(weight)
    return loss.sum((1, 2)), torch.mul(torch.sigmoid(z).sub_(target), weight, out=out)


def cross_entropy(
    z: Tensor, target: Tensor, weight: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """``-sum_c y_c log softmax(z)_c`` with ``sum_c y_c = 1``, slope ``softmax(z) - y``."""
    log_p = torch.log_softmax(z, 1)
    weighted = target * weight
    J = -(weighted * log_p).sum((1, 2))
    return J, torch.sub(log_p.exp_().mul_(weight), weighted, out=out)


class _Softplus(torch.autograd.Function):
    """softplus, twice differentiable with the same bits alone and in a stack.

    torch's own second derivative takes exponentials of a copy without the gaps of padded outputs,
    and its kernels round them otherwise there.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return F.softplus(z, threshold=_THRESHOLD)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return _SoftplusSlope.apply(grad, *ctx.saved_tensors)


class _SoftplusSlope(torch.autograd.Function):
    """grad times the derivative of softplus at z."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, z: Tensor) -> Tensor:
        ctx.save_for_backward(grad, z)
        return torch.ops.aten.softplus_backward(grad, z, 1.0, _THRESHOLD)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        grad, z = ctx.saved_tensors
        p = torch.sigmoid(z)
        of_grad = torch.ops.aten.softplus_backward(slope, z, 1.0, _THRESHOLD)
        return of_grad, slope * grad * p * (1.0 - p)


def differentiable(loss: str, z: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """J [K] of the loss of this name, without its slope: autograd differentiates it, and twice."""
    if loss == "squared_error":
        value = 0.5 * (z - target).square()
    elif loss == "poisson":
        value = z.exp() - target * (1.0 + z) + torch.special.xlogy(target, target)
    elif loss == "logistic":
        value = _Softplus.apply(z) - target * z
    else:
        value = -target * torch.log_softmax(z, 1)
    return (value * weight).sum((1, 2))


#: Losses of classes; the others are of quantities.
OF_CLASSES = frozenset({"logistic", "cross_entropy"})

LOSSES: dict[str, Loss] = {
    "squared_error": squared_error,
    "poisson": poisson,
    "logistic": logistic,
    "cross_entropy": cross_entropy,
}
