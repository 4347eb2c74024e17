"""The skorch net of an estimator: its epoch is the stack's epoch.

History, callbacks, checkpoints, saving and loading are skorch's. Its training is ours: `fit` and
`partial_fit` make the same regularized steps as the estimator.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Number
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.history import History
from torch import Tensor, nn

from ..objective import LOSSES
from .batches import Batch
from .request import Outcome, Request, Rows, State
from .stack import Stack, initial_theta
from .threads import one_thread


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


class SkorchNet(NeuralNet):
    """A skorch net around one network of a stack.

    Parameters
    ----------
    request : Request
        How to train.
    state : State
        Where the network is; shared with the estimator and changed in place.
    """

    def __init__(
        self,
        module: Any = nn.Module,
        criterion: Any = Criterion,
        *,
        request: Any = None,
        state: Any = None,
        train_split: Any = None,
        use_caching: Any = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module, criterion, train_split=train_split, use_caching=use_caching, **kwargs
        )
        self.request = request
        self.state = state

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]

    def initialize_module(self) -> Any:
        self.module_ = self.request.network.module(self.state.theta)
        return self

    def initialize_criterion(self) -> Any:
        self.criterion_ = Criterion(self.request.loss)
        return self

    def initialize_optimizer(self, triggered_directly: Any = None) -> Any:
        self.optimizer_ = StackOptimizer(self.module_.parameters(), self.request, self.state)
        return self

    def initialize_callbacks(self) -> Any:
        super().initialize_callbacks()
        for name, callback in self.callbacks_:
            if type(callback).on_grad_computed is not Callback.on_grad_computed:
                raise ValueError(
                    f"callbacks={name!r} ({type(callback).__name__}) acts on gradients before the "
                    "step, which a stack computes for all networks at once. Use max_norm or "
                    "norm_constraint to bound weights, or leave the callback out."
                )
        return self

    # ------------------------------------------------------------------ training

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Train afresh with the estimator's parameters on encoded targets."""
        self._forbid(fit_params)
        fresh = replace(self.request, rows=self._make_rows(X, y), start=None)
        self.state.theta.copy_(initial_theta(fresh))
        self.initialize()
        self.train(fresh)
        return self

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Any:
        """Go on training with the estimator's parameters on encoded targets."""
        self._forbid(fit_params)
        if not self.initialized_:
            self.initialize()
        self.train(replace(self.request, rows=self._make_rows(X, y), start=self.state))
        return self

    def _check_monitors(self, request: Request) -> None:
        for name, callback in self.callbacks_:
            monitor = getattr(callback, "monitor", None)
            if request.validation is None and monitor in ("valid_loss", "valid_loss_best"):
                raise ValueError(
                    f"callbacks={name!r} ({type(callback).__name__}) watches {monitor!r}, and "
                    "there are no validation rows. Give fit X_val and y_val, or let it watch "
                    "'train_loss'."
                )

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        raise RuntimeError("A stack has no step for one batch alone. Use partial_fit.")

    def _forbid(self, fit_params: dict[str, Any]) -> None:
        if fit_params:
            raise TypeError(
                f"net_ takes X and y only, got {sorted(fit_params)}. Use estimator.fit."
            )
        if self.request.solver == "lbfgs":
            raise RuntimeError("solver='lbfgs' trains by estimator.fit only, not through net_.")

    def _make_rows(self, X: Any, y: Any) -> Rows:
        theta, network = self.state.theta, self.request.network
        target = one_hot(self.request.loss, y, network.n_outputs)
        return Rows.from_arrays(
            np.asarray(X), target.numpy(force=True), None, theta.dtype, theta.device
        )

    def train(self, request: Request, abandoned: Callable[[], bool] | None = None) -> Outcome:
        """Run a request, telling the callbacks, and leave the result in ``state``.

        ``abandoned`` is asked before each step whether to give up, raising `Abandoned`.
        """
        self._check_monitors(request)
        state, start = self.state, request.start
        state.moments, state.n_updates = (start.moments, start.n_updates) if start else ([], 0)
        X, y = _arrays(request, request.rows)
        with one_thread(), _interrupts() as interrupted:
            outcome = Outcome(state)
            try:
                self.notify("on_train_begin", X=X, y=y)
                outcome = self._epochs(request, X, y, interrupted, abandoned)
                with torch.no_grad():
                    state.theta.copy_(outcome.state.theta)
                state.moments, state.n_updates = outcome.state.moments, outcome.state.n_updates
                self.notify("on_train_end", X=X, y=y)
            except KeyboardInterrupt:
                if interrupted.is_set():
                    raise
        outcome.state = state
        return outcome

    def _epochs(
        self,
        request: Request,
        X: np.ndarray,
        y: np.ndarray,
        interrupted: threading.Event,
        abandoned: Callable[[], bool] | None,
    ) -> Outcome:
        stack = Stack([replace(request, start=self.state)], abandoned)
        self.state.moments = [moment[0] for moment in stack.optimizer.moments]
        stack.adopt(self.state)
        stack.on_batch_begin, stack.on_batch_end = self._batch_begin, self._batch_end
        held_out = request.validation
        datasets = {
            "dataset_train": self.get_dataset(X, y),
            "dataset_valid": held_out and self.get_dataset(*_arrays(request, held_out)),
        }
        outcome = stack.progress[0]
        try:
            while stack.requests:
                self.notify("on_epoch_begin", **datasets)
                self._open_epoch()
                stack.advance()
                self._record(outcome)
                self.notify("on_epoch_end", **datasets)
                stack.retire()
        except KeyboardInterrupt:
            if interrupted.is_set():
                raise
            stack.stop()
        return outcome

    def _open_epoch(self) -> None:
        frozen = [p for p in self.module_.parameters() if not p.requires_grad]
        self._frozen = [(p, p.detach().clone()) for p in frozen]
        self._batch_count = 0

    def _batch_begin(self, stack: Stack, batch: Batch) -> None:
        stack.optimizer.set_learning_rate([self.optimizer_.param_groups[0]["lr"]])
        self.notify("on_batch_begin", batch=_shown(batch), training=True)

    @torch.no_grad()
    def _batch_end(self, stack: Stack, batch: Batch, J: Tensor) -> None:
        for parameter, value in self._frozen:
            parameter.copy_(value)
        self._batch_count += 1
        self.history.record_batch("train_loss", float(J[0]))
        self.history.record_batch("train_batch_size", int((batch.weight[0] > 0).sum()))
        y_pred = stack.gradient.z[0].T
        self.notify("on_batch_end", batch=_shown(batch), training=True, loss=J[0], y_pred=y_pred)

    def _record(self, outcome: Outcome) -> None:
        for name, curve in (
            ("train_loss", outcome.loss_curve),
            ("valid_loss", outcome.validation_curve),
        ):
            if curve:
                self.history.record(name, curve[-1])
                self.history.record(f"{name}_best", curve[-1] <= min(curve))
        self.history.record("train_batch_count", self._batch_count)

    # ------------------------------------------------------------------ prediction

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return outputs after the link: probabilities, or values."""
        z = torch.as_tensor(self.forward(X))
        if self.request.loss == "cross_entropy":
            return torch.softmax(z, 1).numpy(force=True)
        if self.request.loss == "logistic":
            return torch.sigmoid(z).numpy(force=True)
        return z.numpy(force=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return encoded predictions: class numbers, or values."""
        p = self.predict_proba(X)
        if self.request.loss == "cross_entropy":
            return p.argmax(1)
        if self.request.loss == "logistic":
            p = (p > 0.5).astype(int)
        return p[:, 0] if p.shape[1] == 1 else p


def _shown(batch: Batch) -> tuple[Tensor, Tensor]:
    return batch.x[0].T, batch.target[0].T


def _arrays(request: Request, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Real inputs and encoded targets, class numbers or values, of some rows."""
    X = rows.table[:-1, : rows.n_inputs].numpy(force=True)
    target = rows.table[:-1, rows.targets].numpy(force=True)
    if request.loss == "cross_entropy":
        return X, target.argmax(1)
    return X, target[:, 0] if rows.n_targets == 1 else target


def make_net(
    request: Request, state: State, callbacks: Any = None, verbose: int = 0, history: Any = None
) -> SkorchNet:
    """Wrap a network that is in this state."""
    net = SkorchNet(
        request=request,
        state=state,
        lr=request.learning_rate,
        max_epochs=request.max_epochs,
        batch_size=request.batch_size,
        callbacks=list(callbacks or []),
        verbose=verbose,
        device=str(state.theta.device),
        iterator_valid__generator=torch.Generator(),  # a DataLoader would draw from the global one
    )
    net.initialize()
    if history is not None:
        net.history_ = history
    return net


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
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
