"""solver="lbfgs": the whole objective on all rows, minimised to its tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..exceptions import DivergenceError
from . import checked, proximal
from .batches import Batches
from .divergence import or_own
from .gradient import Gradient
from .minimization import Iteration
from .model import Model, Weights
from .owlqn import minimize
from .paces import frozen
from .request import Abandoned, Outcome, Request, State
from .setup import by_moment, initial_theta, make_regularizers


class _Objective:
    """The smooth part of the objective, for those problems that are still active."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = list(requests)
        self._batch = Batches(requests).next()
        if requests[0].unlabeled is not None:
            unlabeled = Batches([r.of_unlabeled() for r in requests]).next()
            self._batch = self._batch._replace(unlabeled=unlabeled)
        self._active: Tensor | None = None

    def __call__(self, theta: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        if active is not self._active:
            self._restrict(theta, active)
        model = self._model.at(theta)
        value = self._gradient(model, self._rows)
        weights = Weights(model.network, theta[:, : model.network.n_weights])
        for r in self._moments["gradient"]:
            value = value + checked.value(r, weights)
            self._gradient.w += checked.gradient(r, weights)
        self._gradient.freeze()
        return value, self._gradient.flat.clone()

    def prox(self, theta: Tensor, step: Tensor, active: Tensor) -> Tensor:
        """Make the proximal steps in place; return what their penalties are then, [k]."""
        if active is not self._active:
            self._restrict(theta, active)
        network, still = self._model.network, self._gradient.frozen
        kept = [theta[:, part].clone() for part in still]
        weights = Weights(network, theta[:, : network.n_weights])
        for r in self._moments["prox"]:
            r.prox(weights, step)
        for part, values in zip(still, kept):
            theta[:, part] = values
        penalties = [checked.value(r, weights) for r in self._moments["prox"] if r.acts("value")]
        return sum(penalties, theta.new_zeros(len(theta)))

    def parts(self, theta: Tensor) -> dict[str, Tensor]:
        """What each term and penalty adds to the objective, [K]."""
        self._restrict(theta, torch.arange(len(theta)))
        network = self._model.network
        if self._moments["term"]:
            with network.uncounted():
                self._gradient(self._model, self._rows)
        weights = Weights(network, theta[:, : network.n_weights])
        values = {r.setting.name: checked.value(r, weights) for r in self._moments["value"]}
        return {**self._gradient.of_terms, **values}

    def _restrict(self, theta: Tensor, active: Tensor) -> None:
        requests = [self._requests[k] for k in active.tolist()]
        first = requests[0]
        self._active = active
        self._moments = by_moment(make_regularizers(requests))
        n_rows = first.rows.n if first.network.exact_rows else None
        parameters = first.network.parameters(theta)
        self._model = Model(
            first.network, first.loss, first.rows.n_targets, parameters, n_rows=n_rows
        )
        self._rows = self._batch.of(active)
        for r in self._moments["batch"]:
            self._rows = checked.shown(r, self._rows, self._model)
        still = frozen(first.paces)
        self._gradient = Gradient(self._model, theta, first.width, self._moments["term"], still)


def _l1_weights(requests: Sequence[Request], theta: Tensor) -> Tensor | None:
    """Return a [K, P] where the objective has ``sum a |theta|``, or None."""
    proximal = by_moment(make_regularizers(requests))["prox"]
    if not proximal:
        return None
    weights = torch.zeros_like(theta)
    for r in proximal:
        a = r.l1_weight()
        weights[:, : requests[0].network.n_weights] += a[:, None] if a.ndim == 1 else a
    for part in frozen(requests[0].paces):
        weights[:, part] = 0.0
    return weights


def minimize_objective(
    requests: Sequence[Request], abandoned: Callable[[], bool] | None = None
) -> list[Outcome]:
    """Minimise the objectives of requests of one structure side by side."""
    theta = torch.stack([initial_theta(request) for request in requests])
    curves: list[list[float]] = [[] for _ in requests]

    def record(iteration: Iteration) -> None:
        if abandoned is not None and abandoned():
            raise Abandoned
        for k, value in zip(iteration[0].tolist(), iteration.value.tolist()):
            curves[k].append(value)

    objective = _Objective(requests)
    how: dict[str, Any] = {
        "tol": theta.new_tensor([request.tol for request in requests]),
        "max_iter": torch.tensor([request.max_epochs for request in requests]),
        "callback": record,
    }
    if all(r.has_l1_weight for r in requests[0].regularizers.values() if r.acts("prox")):
        result = minimize(objective, theta, l1_weight=_l1_weights(requests, theta), **how)
    else:
        result = proximal.minimize(objective, objective.prox, theta, **how)
    checked.padding(make_regularizers(requests), result.theta)
    parts = objective.parts(result.theta)
    outcomes = []
    for k, (request, curve) in enumerate(zip(requests, curves)):
        n_iter = int(result.n_iter[k])
        outcome = Outcome(State(result.theta[k].clone(), [], request.updates_before + n_iter))
        outcome.n_epochs = n_iter
        outcome.loss_curve = curve or [float(result.value[k])]
        outcome.parts = {name: [float(part[k])] for name, part in parts.items()}
        outcome.reached = bool(result.converged[k])
        outcome.optimality = float(result.optimality[k])
        if result.failed[k]:
            outcome.error = DivergenceError(
                "The loss is not finite at lbfgs's starting point. Likely cause: X holds very "
                f"large values{or_own(request)}. Scale X (StandardScaler)."
            )
        outcomes.append(outcome)
    return outcomes
