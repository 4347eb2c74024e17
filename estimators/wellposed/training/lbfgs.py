"""solver="lbfgs": the whole objective on all rows, minimised to its tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..exceptions import DivergenceError
from .batches import Batch, Batches
from .gradient import Gradient
from .owlqn import Iteration, minimize
from .request import Abandoned, Outcome, Request, State
from .stack import initial_theta, make_regularizers


class _Objective:
    """The smooth part of the objective, for those problems that are still active."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = list(requests)
        batch = Batches(requests).next()
        for r in make_regularizers(requests):
            if r.takes_part("targets"):
                batch = Batch(batch.x, r.targets(batch.target), batch.weight)
        self._batch = batch
        self._active: Tensor | None = None

    def __call__(self, theta: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        if active is not self._active:
            self._restrict(theta, active)
        value = self._gradient(self._gradient.network.parameters(theta), *self._rows)
        w = theta[:, : self._gradient.w.shape[1]]
        for r in self._penalties:
            value = value + r.value(w)
            self._gradient.w += r.gradient(w)
        return value, self._gradient.flat.clone()

    def _restrict(self, theta: Tensor, active: Tensor) -> None:
        requests = [self._requests[k] for k in active.tolist()]
        first = requests[0]
        self._active = active
        self._rows = Batch(*(part[active] for part in self._batch))
        self._penalties = [r for r in make_regularizers(requests) if r.takes_part("gradient")]
        self._gradient = Gradient(
            first.network, first.loss, theta, first.rows.n_targets, first.width
        )


def minimize_objective(
    requests: Sequence[Request], abandoned: Callable[[], bool] | None = None
) -> list[Outcome]:
    """Minimise the objectives of requests of one structure side by side."""
    first = requests[0]
    theta = torch.stack([initial_theta(request) for request in requests])
    l1 = None
    if "l1" in first.strengths:
        strengths = theta.new_tensor([request.strengths["l1"] for request in requests])
        l1 = torch.zeros_like(theta)
        l1[:, : first.network.n_weights] = strengths[:, None]
    curves: list[list[float]] = [[] for _ in requests]

    def record(iteration: Iteration) -> None:
        if abandoned is not None and abandoned():
            raise Abandoned
        for k, value in zip(iteration[0].tolist(), iteration.value.tolist()):
            curves[k].append(value)

    result = minimize(
        _Objective(requests),
        theta,
        l1=l1,
        tol=theta.new_tensor([request.tol for request in requests]),
        max_iter=torch.tensor([request.max_epochs for request in requests]),
        callback=record,
    )
    outcomes = []
    for k, (request, curve) in enumerate(zip(requests, curves)):
        n_iter = int(result.n_iter[k])
        outcome = Outcome(State(result.theta[k].clone(), [], request.updates_before + n_iter))
        outcome.n_epochs = n_iter
        outcome.loss_curve = curve or [float(result.value[k])]
        outcome.reached = bool(result.converged[k])
        outcome.optimality = float(result.optimality[k])
        if result.failed[k]:
            outcome.error = DivergenceError(
                "The loss is not finite at lbfgs's starting point. Likely cause: X holds very "
                "large values. Scale X (StandardScaler)."
            )
        outcomes.append(outcome)
    return outcomes
