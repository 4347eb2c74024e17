"""What a skorch net of ours is made of: optimizer, criterion, targets, history, interrupts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np
import torch
from skorch.history import History
from torch import Tensor, nn

from ..networks.losses import LOSSES
from .batches import Batch
from .request import Request, Rows, State


class StackOptimizer(torch.optim.Optimizer):
    """What callbacks see of the stack's optimiser: learning rate and running averages.

    A learning rate that a callback sets here is the next step's.
    """

    def __init__(self, parameters: Any, request: Request, state: State) -> None:
        super().__init__(parameters, {"lr": request.learning_rate, "momentum": request.momentum})
        self._opt_called = True  # what a scheduler asks before it moves
        self._network_state = state

    def step(self, closure: Any = None) -> Any:
        raise RuntimeError(
            "This optimizer belongs to a stack and makes no step by itself. Train with fit or "
            "partial_fit."
        )

    def state_dict(self) -> dict[str, Any]:
        state = self._network_state
        groups = [{key: g[key] for key in ("lr", "momentum")} for g in self.param_groups]
        return {"param_groups": groups, "moments": state.moments, "n_updates": state.n_updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for group, loaded in zip(self.param_groups, state_dict["param_groups"]):
            group.update(loaded)
        state = self._network_state
        if state.moments:
            for moment, loaded in zip(state.moments, state_dict["moments"]):
                moment.copy_(loaded)
        else:
            state.moments = [moment.clone() for moment in state_dict["moments"]]
        state.n_updates = state_dict["n_updates"]


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


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Tell an interrupt of the user's from one that a callback raises to end training."""
    interrupted = threading.Event()
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield interrupted
        return

    def note(number: int, frame: Any) -> None:
        interrupted.set()
        handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, handler)


def plain_history(history: History) -> list[Any]:
    """Epochs with what can be pickled of what was recorded: numbers, text and batches of these."""
    return [
        {
            key: plain_history(value) if isinstance(value, list) else value
            for key, value in epoch.items()
            if value is None or isinstance(value, str | Number | np.generic | list)
        }
        for epoch in history
        if isinstance(epoch, dict)
    ]


def history_of(
    loss_curve: list[float], validation_curve: list[float], recorded: list[Any] | None = None
) -> History:
    """A history as it was recorded, or that of epochs that were trained without callbacks."""
    if recorded is not None:
        return History(recorded)
    history = History()
    for epoch, loss in enumerate(loss_curve, 1):
        history.new_epoch()
        history.record("epoch", epoch)
        history.record("train_loss", loss)
        if epoch <= len(validation_curve):
            history.record("valid_loss", validation_curve[epoch - 1])
    return history
