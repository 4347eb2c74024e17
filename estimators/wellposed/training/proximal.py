"""Accelerated proximal gradient steps on a stack of independent problems.

Problem k is ``min_x F_k(x) = f_k(x) + h_k(x)``, f_k smooth and h_k known by its proximal step. The
steps are those of FISTA (Beck and Teboulle 2009), with the momentum started anew where it leads
uphill (O'Donoghue and Candes 2015), which makes them linear on a strongly convex problem. A step is
accepted where the gradient changes along it by no more than the step allows: unlike a comparison of
values, this can be told up to round-off. All arithmetic is row by row: a problem's iterates do not
depend, to the last bit, on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .minimization import Iteration, Objective, Result

#: ``prox(x, step, active)`` makes the proximal step of h in place, step [k, 1], and returns h [k].
Prox = Callable[[Tensor, Tensor, Tensor], Tensor]

_CUT = 0.5  # of a step that is too long
_GROWTH = 1.02  # of the next step after each that was accepted
_SMALLEST = 1e-30  # share of the first step at which a problem is given up


@torch.no_grad()
def minimize(
    objective: Objective,
    prox: Prox,
    theta: Tensor,
    *,
    tol: Tensor,
    max_iter: Tensor,
    callback: Callable[[Iteration], object],
) -> Result:
    """Minimise K independent problems ``f_k(x) + h_k(x)`` in lockstep.

    Parameters
    ----------
    objective : callable
        ``objective(x, active)`` returns f [k] and its gradient [k, P], as for `owlqn.minimize`.
    prox : callable
    theta : Tensor of shape (K, P)
        Starts; not changed.
    tol : Tensor of shape (K,)
        A problem is done when no entry of a subgradient of F at x exceeds this.
    max_iter : Tensor of shape (K,)
        Largest number of steps.
    callback : callable
        Called with an `Iteration` after each round in which some problem took a step.

    Returns
    -------
    Result
    """
    K, active = len(theta), torch.arange(len(theta), device=theta.device)
    value, gradient = _evaluate(objective, theta, active)
    n_iter = torch.zeros_like(active)
    step = 1.0 / gradient.square().sum(1).sqrt().clamp_(min=1e-3)
    smallest = _SMALLEST * step
    failed = ~(value.isfinite() & gradient.isfinite().all(1))
    result = Result(
        theta.clone(),
        n_iter.clone(),
        torch.zeros(K, dtype=torch.bool, device=theta.device),
        value.clone(),
        torch.full_like(value, torch.inf),
        failed,
    )
    x, ahead = theta.clone(), theta.clone()
    momentum = torch.ones_like(value)
    keep = ~failed
    while True:
        if not keep.all():  # the same tensors as long as none leaves
            active, x, ahead, momentum, step, n_iter = (
                part[keep] for part in (active, x, ahead, momentum, step, n_iter)
            )
        if not len(active):
            return result
        _, slope = _evaluate(objective, ahead, active)
        there = ahead - step[:, None] * slope
        penalty = prox(there, step[:, None], active)
        value, slope_there = _evaluate(objective, there, active)
        moved, turned = there - ahead, slope_there - slope
        short = turned.square().sum(1) * step.square() <= moved.square().sum(1)
        stepped = short & value.isfinite() & slope_there.isfinite().all(1)
        optimality = (turned - moved / step[:, None]).abs().amax(1)
        found = stepped[:, None]

        uphill = (-moved * (there - x)).sum(1) > 0
        faster = (1.0 + (1.0 + 4.0 * momentum.square()).sqrt()) / 2.0
        onward = torch.where(uphill, 0.0, (momentum - 1.0) / faster)[:, None]
        ahead = torch.where(found, there + onward * (there - x), ahead)
        momentum = torch.where(stepped, torch.where(uphill, 1.0, faster), momentum)
        x = torch.where(found, there, x)
        n_iter = n_iter + stepped
        step = step * torch.where(stepped, _GROWTH, _CUT)

        converged = stepped & (optimality <= tol[active])
        done = converged | (stepped & (n_iter >= max_iter[active])) | (step < smallest[active])
        for part, now in zip(result[1:5], (n_iter, converged, value + penalty, optimality)):
            part[active] = torch.where(stepped, now.to(part), part[active])
        result.theta[active] = x
        if stepped.any():
            parts = (active, n_iter, value + penalty, optimality, x)
            callback(Iteration(*(part[stepped] for part in parts)))
        keep = ~done


def _evaluate(objective: Objective, theta: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
    value, gradient = objective(theta, active)
    return value.detach(), gradient.detach()
