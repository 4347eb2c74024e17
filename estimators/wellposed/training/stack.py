"""A stack: K networks of one shape trained side by side; a single estimator is a stack of one.

The losses of the K networks are independent, so that one backward pass gives each its own gradient.
A step reads like the chapter: what the network is shown, what it is while it is shown, its loss and
penalties, the update, proximal steps, projections.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import reduce
from operator import mul
from typing import TypedDict, cast

import torch
from torch import Tensor

from ..networks.losses import LOSSES
from ..regularizers.base import Regularizer
from . import checked
from .batches import Batches
from .divergence import check_epoch, check_result, check_validation
from .evaluation import evaluate
from .gradient import Gradient
from .model import Batch, Model, Weights
from .optimizers import SGD, Adam, Optimizer
from .paces import Paced, frozen
from .request import Abandoned, Outcome, Request, State
from .schedules import Rates
from .setup import by_moment, initial_theta, make_regularizers


class Moments(TypedDict):
    """Who takes part in each moment of a step: regularizers, and an optimizer with paces."""

    mask: list[Regularizer]
    batch: list[Regularizer]
    perturb: list[Regularizer]
    term: list[Regularizer]
    value: list[Regularizer]
    gradient: list[Regularizer]
    correct: list[Regularizer | Paced]
    decay: list[Regularizer]
    prox: list[Regularizer]
    project: list[Regularizer | Paced]
    follow: list[Regularizer]
    result: list[Regularizer | Paced]


class Stack:
    """K networks on their way; rows leave as their networks finish.

    Parameters
    ----------
    requests : sequence of Request
        All of one ``structure``.
    abandoned : callable, optional
        Asked before each step whether to give up, raising `Abandoned`.
    """

    def __init__(
        self, requests: Sequence[Request], abandoned: Callable[[], bool] | None = None
    ) -> None:
        first = requests[0]
        self._abandoned = abandoned
        self.network = first.network
        self.outcomes: list[Outcome | None] = [None] * len(requests)
        # Equal learning rates side by side: Adam's kernel takes them together.
        order = [(r.learning_rate, *r.planned) for r in requests]
        self.ids = sorted(range(len(requests)), key=order.__getitem__)
        self.requests = [requests[i] for i in self.ids]
        self.progress = [Outcome(State(initial_theta(r), [], 0)) for r in self.requests]
        self.best: list[tuple[float, State] | None] = [None] * len(requests)
        self.n_updates = 0
        self._batch: Batch | None = None  # the last step's
        self.on_batch_begin: Callable[[Stack, Batch], None] | None = None
        self.on_batch_end: Callable[[Stack, Batch, Tensor], None] | None = None

        if first.start is not None:
            self.network.restore(first.start.buffers)
        self.theta = torch.stack([outcome.state.theta for outcome in self.progress])
        self.rates = Rates(self.requests)
        self.optimizer = self._make_optimizer()
        self.batches = Batches(self.requests)
        self.unlabeled: Batches | None = None
        if first.unlabeled is not None:
            of_unlabeled = [request.of_unlabeled() for request in self.requests]
            self.unlabeled = Batches(of_unlabeled, "unlabeled batches")
        self.regularizers = make_regularizers(self.requests)
        self.moments = cast(Moments, by_moment(self.regularizers))
        if isinstance(self.optimizer, Paced):
            self.moments["correct"].insert(0, self.optimizer)
            self.moments["project"].append(self.optimizer)
            self.moments["result"].append(self.optimizer)
        self.ramped = [r for r in self.regularizers if r.ramps]
        self._open_epochs()
        self._view()
        for r in self.moments["value"]:  # before an epoch ends, which may take hours
            checked.value(r, self.weights)

    def _make_optimizer(self) -> Optimizer:
        rates, first = self.rates.at(0), self.requests[0]
        optimizer: Optimizer
        if first.solver == "adam":
            optimizer = Adam(self.theta, rates, first.updates_before)
        else:
            optimizer = SGD(self.theta, rates, [request.momentum for request in self.requests])
        if first.start is not None and first.start.slots:
            starts = [request.start.slots for request in self.requests if request.start]
            optimizer.slots = [torch.stack(slot) for slot in zip(*starts)]
        if first.paces:
            return Paced(optimizer, first.paces, self.theta, self.network.n_weights)
        return optimizer

    def _open_epochs(self) -> None:
        self._starts = [0] * len(self.requests)  # update at which the running epoch began
        self._lengths = [request.n_batches for request in self.requests]
        self._last = [request.n_updates for request in self.requests]  # update to make
        self._ends = [min(pair) for pair in zip(self._lengths, self._last)]
        names = ["objective", *(r.setting.name for r in self.moments["term"])]
        self._sums = {name: self.theta.new_zeros(len(self.requests)) for name in names}

    def _view(self) -> None:
        """Make the views and buffers of the networks that are in the stack now."""
        first = self.requests[0]
        self.weights = Weights(self.network, self.theta[:, : self.network.n_weights])
        parameters = self.network.parameters(self.theta)
        self.model = Model(self.network, first.loss, first.rows.n_targets, parameters)
        self.gradient = Gradient(
            self.model, self.theta, first.width, self.moments["term"], frozen(first.paces)
        )

    # ------------------------------------------------------------------ one step

    def step(self) -> None:
        """Show every network its next batch and update it (see `Regularizer`)."""
        batch = self.batches.next()
        if self.unlabeled is not None:
            batch = batch._replace(unlabeled=self.unlabeled.next())
        self._batch = batch
        if self.on_batch_begin is not None:
            self.on_batch_begin(self, batch)
        for r in self.ramped:
            r.go_to([self.n_updates / max(1, q.planned[0] - 1) for q in self.requests])
        if self.rates.change:
            self.optimizer.set_learning_rate(self.rates.at(self.n_updates))
        model = self._model(batch)
        for r in self.moments["batch"]:
            batch = checked.shown(r, batch, model)
        J = self.gradient(self._perturbed(model, batch), batch)
        for r in self.moments["gradient"]:
            self.gradient.w += checked.gradient(r, self.weights)
        for each in self.moments["correct"]:
            checked.in_place(each.correct, self.gradient.flat)
        if self.network.statistics is not None:
            self.network.count(self.theta, self.gradient.statistics)
            self.gradient.flat[:, self.network.statistics] = 0.0

        for r in self.moments["decay"]:
            checked.in_place(r.decay, self.weights, self.optimizer.rates)
        self.optimizer.step(self.theta, self.gradient.flat)
        for r in self.moments["prox"]:
            checked.in_place(r.prox, self.weights, self._weight_gain())
        for each in self.moments["project"]:
            checked.in_place(each.project, self.weights)

        if not self.n_updates:
            checked.padding(self.regularizers, self.theta)
        self.n_updates += 1
        for r in self.moments["follow"]:
            checked.in_place(r.follow, self.theta, self.n_updates)
        self._sums["objective"] += J
        for name, term in self.gradient.of_terms.items():
            self._sums[name] += term
        if self.on_batch_end is not None:
            self.on_batch_end(self, batch, J)

    def _model(self, batch: Batch) -> Model:
        """The networks as they are in this step."""
        masks = self._masks() if self.moments["mask"] else None
        n_rows = int((batch.weight[0] > 0).sum()) if self.network.exact_rows else None
        rows = None if self.network.statistics is None else _shares(batch)
        if masks is None and n_rows is None and rows is None:
            return self.model
        plain = self.model
        return Model(
            plain.network, plain.loss, plain.n_outputs, plain.parameters, masks, n_rows, rows
        )

    def _perturbed(self, model: Model, batch: Batch) -> Model:
        """The networks where the gradient is taken."""
        if not self.moments["perturb"]:
            return model

        def gradient(theta: Tensor) -> Tensor:
            with ExitStack() as uncounted:
                uncounted.enter_context(self.network.uncounted())
                for r in self.moments["term"]:
                    uncounted.enter_context(r.setting.ahead())
                self.gradient(model.at(theta), batch)
            return self.gradient.flat

        theta = self.theta
        for r in self.moments["perturb"]:
            theta = checked.perturbed(r, theta, gradient)
        return model.at(theta)

    def _masks(self) -> list[Tensor]:
        """What each hidden layer's activations are multiplied by."""
        layers = range(len(self.network.hidden_units))
        return [reduce(mul, [checked.mask(r, i) for r in self.moments["mask"]]) for i in layers]

    def _weight_gain(self) -> Tensor:
        """Effective gain of the last step for the weights, [K, 1] or [K, W]."""
        gain = self.optimizer.gain()
        return gain[:, : self.network.n_weights] if gain.shape[1] > 1 else gain

    # ------------------------------------------------------------------ epochs

    @torch.no_grad()
    def advance(self) -> list[int]:
        """Train until an epoch ends, and return the rows of the networks that completed one."""
        until = min(self._ends)
        while self.n_updates < until:
            if self._abandoned is not None and self._abandoned():
                raise Abandoned
            self.step()
        rows = [k for k, end in enumerate(self._ends) if end == until]
        parts = self._epoch_parts(rows)
        zeros = (self.theta.sum(1) * 0 + parts["objective"] * 0).tolist()  # nan unless finite
        numbers = {name: part.tolist() for name, part in parts.items()}
        for k in rows:
            of_k = {name: part[k] for name, part in numbers.items()}
            self._close_epoch(k, of_k, finite=zeros[k] == 0)
        return rows

    @torch.no_grad()
    def retire(self) -> None:
        """Let go of the networks that are done."""
        self._leave([k for k in range(len(self.requests)) if self._finished(k)])

    def adopt(self, state: State) -> None:
        """Train a stack of one in place: on this state's own tensors."""
        self.theta = state.theta[None]
        self.optimizer.slots = [slot[None] for slot in state.slots]
        self._view()

    def _epoch_parts(self, rows: list[int]) -> dict[str, Tensor]:
        """The objectives [K] of the epochs that end, and what terms and penalties add to them."""
        n_batches = [self.n_updates - start for start in self._starts]
        parts = dict(self._sums)
        if max(n_batches) > 1:
            divisor = self.theta.new_tensor(n_batches)
            parts = {name: total / divisor for name, total in parts.items()}
        for r in self.moments["value"]:
            value, name = checked.value(r, self.weights), r.setting.name
            parts["objective"] = parts["objective"] + value
            parts[name] = parts[name] + value if name in parts else value
        for name, total in self._sums.items():
            zero = torch.zeros_like(total)
            if len(rows) < len(total):  # the epochs of the others go on
                zero = total.index_fill(0, torch.tensor(rows, device=total.device), 0.0)
            self._sums[name] = zero
        return parts

    def _close_epoch(self, k: int, parts: dict[str, float], *, finite: bool) -> None:
        loss = parts.pop("objective")
        request, outcome = self.requests[k], self.progress[k]
        outcome.n_epochs += 1
        outcome.loss_curve.append(loss)
        for name, part in parts.items():
            outcome.parts.setdefault(name, []).append(part)
        self._starts[k] = self.n_updates
        self._ends[k] = min(self._ends[k] + self._lengths[k], self._last[k])
        if not finite:  # or its sum has overflown
            outcome.error = check_epoch(loss, self.theta[k], outcome.n_epochs, request)
        if request.validation is not None and outcome.error is None:
            J, score = evaluate(self.network, request.loss, self.judged(k), request.validation)
            outcome.validation_curve.append(J)
            outcome.validation_scores.append(score)
            best = self.best[k]
            if math.isfinite(J) and (best is None or best[0] > J):
                self.best[k] = J, self.state(k)
                outcome.best_epoch = outcome.n_epochs
            target = request.validation_target
            outcome.reached = target is not None and target >= J

    def _finished(self, k: int) -> bool:
        request, outcome = self.requests[k], self.progress[k]
        waited = outcome.n_epochs - (outcome.best_epoch or outcome.n_epochs)
        return (
            self.n_updates >= self._last[k]
            or outcome.error is not None
            or outcome.reached
            or (request.patience is not None and waited >= request.patience)
        )

    @torch.no_grad()
    def stop(self) -> None:
        """End every network where it is."""
        self._leave(list(range(len(self.requests))))

    def _leave(self, rows: list[int]) -> None:
        if not rows:
            return
        for k in rows:
            outcome, request, best = self.progress[k], self.requests[k], self.best[k]
            early = request.patience is not None
            outcome.state = best[1] if early and best else self.state(k)
            n = outcome.state.n_updates
            members = [
                t for r in self.regularizers for t in r.members(k, n - request.updates_before)
            ]
            outcome.members = [State(theta, [], n) for theta in members]
            self.network.restore(outcome.state.buffers)
            if early and not best and outcome.validation_curve and outcome.error is None:
                outcome.error = check_validation(outcome, request)
            self.outcomes[self.ids[k]] = outcome
        self._judge([k for k in rows if self.progress[k].error is None])
        self.keep([k for k in range(len(self.requests)) if k not in set(rows)])

    def _judge(self, rows: list[int]) -> None:
        """Compare networks as they are handed back with what they were in their first epoch."""
        rows = [k for k in rows if self.progress[k].loss_curve]
        if self._batch is None or not rows:
            return
        theta = torch.stack([self.progress[k].state.theta for k in rows])
        last = self._batch.of(rows)
        x, target, weight = last.x, last.target, last.loss_weight
        z = self.network.forward(*self.network.parameters(theta), x)[:, : target.shape[1]]
        losses, _ = LOSSES[self.requests[0].loss](z, target, weight)
        for k, loss in zip(rows, losses.tolist()):
            outcome = self.progress[k]
            outcome.final_loss = loss
            outcome.error = check_result(loss, outcome, self.requests[k])

    def keep(self, rows: list[int]) -> None:
        """Go on with these networks of the stack."""
        lists = ("ids", "requests", "progress", "best", "_starts", "_ends", "_lengths", "_last")
        for name in lists:
            values = getattr(self, name)
            setattr(self, name, [values[k] for k in rows])
        if not rows:
            return
        self.theta = self.theta[rows]
        self._sums = {name: total[rows] for name, total in self._sums.items()}
        if self._batch is not None:
            self._batch = self._batch.of(rows)
        self.rates.keep(rows)
        self.optimizer.keep(rows)
        self.batches.keep(rows)
        if self.unlabeled is not None:
            self.unlabeled.keep(rows)
        for regularizer in self.regularizers:
            regularizer.keep(rows)
        self._view()

    def judged(self, k: int) -> Tensor:
        """Parameters [P] that a network is judged by and that are kept."""
        theta = self.theta[k]
        for each in self.moments["result"]:
            theta = checked.result(each, k, theta, self.n_updates)
        return theta

    def state(self, k: int) -> State:
        """Copy where a network is."""
        slots = [slot[k].clone() for slot in self.optimizer.slots]
        n_updates = self.requests[k].updates_before + self.n_updates
        return State(self.judged(k).clone(), slots, n_updates, self.network.buffers())


def _shares(batch: Batch) -> Tensor:
    """One over the number of real rows, [K, 1, B]; 0 for padding."""
    real = (batch.weight > 0).to(batch.weight)
    return real / real.sum(2, keepdim=True)
