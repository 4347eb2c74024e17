"""Orthant-wise limited-memory quasi-Newton minimisation of a stack of independent problems.

Problem k is ``min_x F_k(x) = f_k(x) + sum_i l1_ki |x_i|`` with f_k smooth. Within one orthant F_k
is smooth too: a step is an L-BFGS step cut off where it would leave the orthant (Andrew and Gao
2007), and what is cut off is exactly zero. Where l1 is zero this is ordinary L-BFGS.

Two departures from the paper, without which an ill-conditioned Lasso is not solved to round-off:

- The quasi-Newton matrix is that of the *free* coordinates: at zero and staying there means absent
  from the stored pairs' inner products too. Once the support has settled this is exactly L-BFGS on
  the support.
- Directions are not aligned with the gradient coordinate by coordinate, unless the step would not
  descend otherwise.

Problems advance in rounds of one evaluation each. In a round, one may be taking a new step while
its neighbour still backtracks: none waits for another and every evaluation is of use. All
arithmetic is row by row: a problem's iterates do not depend, to the last bit, on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .limited_memory import Pairs
from .minimization import Iteration, Objective, Result

_DECREASE = 1e-4  # share of the predicted decrease that a step must reach (Armijo)
_MAX_TRIALS = 40  # evaluations along one direction
_PATIENCE = 100  # steps without progress after which round-off is taken to be reached


def pseudo_gradient(theta: Tensor, gradient: Tensor, l1_weight: Tensor | None) -> Tensor:
    """Return the minimum-norm subgradient of ``f + sum l1 |theta|``, f having this gradient.

    Andrew and Gao (2007), eq. 4. It is zero exactly at a minimum of a convex F.

    Parameters
    ----------
    theta, gradient : Tensor of shape (K, P)
    l1_weight : Tensor of shape (K, P) or None
        Weights >= 0.

    Examples
    --------
    >>> import torch
    >>> theta, gradient = torch.tensor([[0.0, 0.0, 2.0]]), torch.tensor([[0.5, -3.0, -1.0]])
    >>> pseudo_gradient(theta, gradient, torch.ones(1, 3))
    tensor([[ 0., -2.,  0.]])
    """
    if l1_weight is None:
        return gradient
    at_zero = torch.sign(gradient) * (gradient.abs() - l1_weight).clamp_(min=0.0)
    return torch.where(theta == 0, at_zero, gradient + l1_weight * torch.sign(theta))


def minimize(
    objective: Objective,
    theta: Tensor,
    *,
    l1_weight: Tensor | None,
    tol: float | Tensor,
    max_iter: int | Tensor,
    memory: int = 20,
    callback: Callable[[Iteration], object] | None = None,
) -> Result:
    """Minimise K independent problems ``f_k(x) + sum_i l1_ki |x_i|`` in lockstep.

    Parameters
    ----------
    objective : callable
        ``objective(x, active)`` returns ``f`` [k] and its gradient [k, P] at ``x`` [k, P] for the
        problems ``active`` (int64, ascending places in the stack). Problems leave once they are
        done; `active` is the same tensor object for as long as none does, so that what an objective
        gathers for its problems can be kept. Gradients of padding must be zero. Values that are not
        finite are taken as "too far" and the step is shortened.
    theta : Tensor of shape (K, P), float32 or float64
        Starts; P is a multiple of 16. Not changed.
    l1_weight : Tensor of shape (K, P) or None
        Weight >= 0 of every coordinate (0 on what is not penalised); None: no L1 term at all.
    tol : float or Tensor of shape (K,)
        A problem is done when no entry of its minimum-norm subgradient exceeds this. Absolute, as
        in scikit-learn's lbfgs solvers, hence in the units of F over those of theta.
    max_iter : int or Tensor of shape (K,)
        Largest number of steps.
    memory : int, default=20
        Pairs of differences that the quasi-Newton matrix is built from.
    callback : callable, optional
        Called with an `Iteration` after each round in which some problem took a step. What it
        raises propagates; the last `Iteration` then tells where the problems were.

    Returns
    -------
    Result

    Notes
    -----
    A step x -> x+ is accepted when F falls by 1e-4 of the predicted decrease; or, within round-off
    of the best F so far, when the slope at x+ says so (Hager and Zhang 2005, "approximate Wolfe":
    the same condition on a quadratic, written in gradients). F alone locates a minimum to half of
    its digits; with the second, ``tol=1e-10`` is reached in float64. Otherwise the step is cut at
    the secant's root, to between a tenth and a half. Pairs without positive curvature are not used.
    A problem also ends when 100 steps brought neither F nor the subgradient to a new low, or when
    no step along the negative subgradient is accepted: it is then as good as its dtype allows.

    References
    ----------
    G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", ICML 2007.

    R. H. Byrd, J. Nocedal and R. B. Schnabel, "Representations of quasi-Newton matrices and their
    use in limited memory methods", Mathematical Programming 63, 1994, eq. 3.1.

    W. W. Hager and H. Zhang, "A new conjugate gradient method with guaranteed descent and an
    efficient line search", SIAM J. Optim. 16, 2005, eq. 4.1.

    Examples
    --------
    Soft thresholding: ``min 1/2 |x - 3|^2 + l1 |x|`` for two values of l1.

    >>> import torch
    >>> l1 = torch.tensor([[1.0], [5.0]]).expand(2, 16)
    >>> def half_square(x, active):
    ...     return 0.5 * ((x - 3) ** 2).sum(1), x - 3
    >>> result = minimize(half_square, torch.zeros(2, 16), l1_weight=l1, tol=1e-6, max_iter=100)
    >>> result.theta[:, 0]
    tensor([2., 0.])
    >>> result.converged
    tensor([True, True])
    """
    with torch.no_grad():
        return _minimize(objective, theta, l1_weight, tol, max_iter, memory, callback)


def _minimize(
    objective: Objective,
    theta: Tensor,
    l1_weight: Tensor | None,
    tol: float | Tensor,
    max_iter: int | Tensor,
    memory: int,
    callback: Callable[[Iteration], object] | None,
) -> Result:
    K = len(theta)
    run = _Run.begin(objective, theta, l1_weight, tol, max_iter, memory)
    result = Result(
        theta.clone(),
        torch.zeros_like(run.n_iter),
        torch.zeros(K, dtype=torch.bool, device=theta.device),
        run.value.clone(),
        run.optimality.clone(),
        ~(run.value.isfinite() & run.optimality.isfinite()),
    )
    stop = result.failed | (run.optimality <= run.tol) | (run.n_iter >= run.max_iter)
    while True:
        if stop.any():
            gone = run.index[stop]
            result.theta[gone] = run.theta[stop]
            result.n_iter[gone] = run.n_iter[stop]
            result.value[gone] = run.value[stop]
            result.optimality[gone] = run.optimality[stop]
            result.converged[gone] = (run.optimality <= run.tol)[stop]
            run.keep((~stop).nonzero().squeeze(1))
        if not len(run.index):
            return result
        stepped, stop = run.round(objective)
        if callback is not None and stepped.any():
            parts = (run.index, run.n_iter, run.value, run.optimality, run.theta)
            callback(Iteration(*(part[stepped] for part in parts)))


@dataclass
class _Run:
    """The problems still on their way; every tensor has a row for each."""

    index: Tensor
    l1_weight: Tensor | None
    tol: Tensor
    max_iter: Tensor
    pairs: Pairs
    theta: Tensor
    value: Tensor
    gradient: Tensor
    pseudo: Tensor
    optimality: Tensor
    direction: Tensor
    orthant: Tensor  # signs of the orthant that steps stay in, where there is an l1 weight
    step: Tensor
    n_iter: Tensor
    n_trials: Tensor  # along this direction
    n_idle: Tensor  # steps since there was progress
    best_value: Tensor
    best_optimality: Tensor

    @classmethod
    def begin(
        cls,
        objective: Objective,
        theta: Tensor,
        l1_weight: Tensor | None,
        tol: float | Tensor,
        max_iter: int | Tensor,
        memory: int,
    ) -> _Run:
        K = len(theta)
        theta = theta.clone()
        index = torch.arange(K, device=theta.device)
        l1_weight = None if l1_weight is None else l1_weight.to(theta).expand_as(theta)
        value, gradient = _evaluate(objective, theta, index, l1_weight)
        pseudo = pseudo_gradient(theta, gradient, l1_weight)
        optimality = pseudo.abs().amax(1)
        zeros = torch.zeros_like(index)
        run = cls(
            index=index,
            l1_weight=l1_weight,
            tol=torch.as_tensor(tol, dtype=torch.float64, device=theta.device).expand(K),
            max_iter=torch.as_tensor(max_iter, device=theta.device).expand(K),
            pairs=Pairs(theta, memory),
            theta=theta,
            value=value,
            gradient=gradient,
            pseudo=pseudo,
            optimality=optimality,
            direction=torch.zeros_like(theta),
            orthant=torch.zeros_like(theta),
            step=torch.ones_like(value),
            n_iter=zeros,
            n_trials=zeros,
            n_idle=zeros,
            best_value=value,
            best_optimality=optimality,
        )
        run._aim(torch.ones_like(index, dtype=torch.bool), run._free())
        return run

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Tensor):
                setattr(self, part.name, value[rows])
        self.pairs.keep(rows)

    def round(self, objective: Objective) -> tuple[Tensor, Tensor]:
        """Evaluate one trial point of every problem; say which stepped there and which are done."""
        trial = self._project(self.theta + self.step.unsqueeze(1) * self.direction)
        value, gradient = _evaluate(objective, trial, self.index, self.l1_weight)
        moved = trial - self.theta
        slope = (self.pseudo * moved).sum(1)
        stepped, slope_there = self._accept(value, gradient, moved, slope)
        change = gradient - self.gradient

        self.theta = _update(stepped, trial, self.theta)
        self.value = _update(stepped, value, self.value)
        self.gradient = _update(stepped, gradient, self.gradient)
        self.pseudo = pseudo_gradient(self.theta, self.gradient, self.l1_weight)
        self.optimality = self.pseudo.abs().amax(1)
        self.n_iter = self.n_iter + stepped
        done = self._idle(stepped) | (self.optimality <= self.tol) | (self.n_iter >= self.max_iter)

        aim = stepped
        if stepped.all():
            self.step = torch.ones_like(self.step)
            self.n_trials = torch.zeros_like(self.n_trials)
        else:
            cut = (slope / (slope - slope_there)).nan_to_num(0.1).clamp(0.1, 0.5)
            self.n_trials = self.n_trials + 1
            stuck = ~stepped & ((moved == 0).all(1) | (self.n_trials >= _MAX_TRIALS))
            if stuck.any():
                done = done | (stuck & ~self.pairs.any())
                self.pairs.forget(stuck)
            aim = stepped | stuck
            self.step = torch.where(aim, 1.0, self.step * cut)
            self.n_trials = torch.where(aim, 0, self.n_trials)
        free = self._free()
        self.pairs.append(stepped, moved, change, free)
        self._aim(aim, free)
        return stepped, done

    def _accept(
        self, value: Tensor, gradient: Tensor, moved: Tensor, slope: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decide which trial points to step to; return that and F's slope there, along the step."""
        inside = gradient if self.l1_weight is None else gradient + self.l1_weight * self.orthant
        slope_there = (inside * moved).sum(1)
        fell = value <= self.value + _DECREASE * slope
        round_off = torch.finfo(value.dtype).eps ** (2 / 3)
        level = value <= self.best_value + round_off * self.best_value.abs()
        downhill = slope_there <= (2 * _DECREASE - 1) * slope
        finite = value.isfinite() & slope_there.isfinite()
        return (slope < 0) & finite & (fell | (level & downhill)), slope_there

    def _idle(self, stepped: Tensor) -> Tensor:
        """Count steps without progress; return which problems have gone too long without."""
        progress = (self.value < self.best_value) | (self.optimality < self.best_optimality)
        self.best_value = torch.minimum(self.best_value, self.value)
        self.best_optimality = torch.minimum(self.best_optimality, self.optimality)
        self.n_idle = torch.where(progress, 0, self.n_idle + stepped)
        return self.n_idle >= _PATIENCE

    def _free(self) -> Tensor | None:
        """Mask [K, P] of the coordinates that can move: not at zero by force of l1."""
        if self.l1_weight is None:
            return None
        return ((self.theta != 0) | (self.pseudo != 0) | (self.l1_weight == 0)).to(self.theta)

    def _project(self, theta: Tensor) -> Tensor:
        """Set to zero what left the orthant."""
        if self.l1_weight is None:
            return theta
        return torch.where((self.l1_weight > 0) & (theta * self.orthant <= 0), 0.0, theta)

    def _aim(self, rows: Tensor, free: Tensor | None) -> None:
        """Give these rows a new direction, and the orthant it starts in."""
        length = (self.pseudo * self.pseudo).sum(1, keepdim=True).sqrt()
        direction = self.pairs.newton(self.pseudo, free, 1.0 / length)
        if self.l1_weight is not None:
            orthant = torch.where(self.theta != 0, self.theta, -self.pseudo).sign_()
            self.orthant = _update(rows, orthant, self.orthant)
            outward = (self.l1_weight > 0) & (direction * self.pseudo >= 0)
            direction = torch.where(outward & (self.theta == 0), 0.0, direction)
            if not (descends := self._descends(direction)).all():
                aligned = torch.where(outward, 0.0, direction)
                direction = _update(descends, direction, aligned)
        if not (descends := self._descends(direction)).all():
            direction = _update(descends, direction, -self.pseudo / length)
        self.direction = _update(rows, direction, self.direction)

    def _descends(self, direction: Tensor) -> Tensor:
        """Whether each row's direction goes downhill; False where it is not finite."""
        slope = (direction * self.pseudo).sum(1)
        return (slope < 0) & slope.isfinite()


def _update(rows: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Take these rows from `new`, the others from `old`."""
    if rows.all():
        return new
    return torch.where(rows.view(-1, *[1] * (new.dim() - 1)), new, old)


def _evaluate(
    objective: Objective, theta: Tensor, index: Tensor, l1_weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return F [k] and the gradient of its smooth part [k, P]."""
    with torch.enable_grad():
        value, gradient = objective(theta, index)
    value, gradient = value.detach(), gradient.detach()
    return value if l1_weight is None else value + (l1_weight * theta.abs()).sum(1), gradient
