"""A skorch net around one network of a stack.

History, callbacks, checkpoints, saving and loading are skorch's. Its training is ours: `fit` and
`partial_fit` make the same regularized steps as the estimator.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.utils import to_tensor
from torch import Tensor, nn

from .._threads import in_one_thread, one_thread
from ..networks.losses import OF_CLASSES
from ..training.evaluation import outputs
from ..training.model import Batch
from ..training.request import Outcome, Request, Rows
from ..training.setup import initial_theta
from ..training.stack import Stack
from .interrupts import interrupts
from .optimizer import StackOptimizer
from .targets import Criterion, arrays_of, codes, one_hot, shown

_SETTABLE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lr": (lambda value: isinstance(value, Real) and float(value) > 0, "a positive number"),
    "max_epochs": (
        lambda value: isinstance(value, Integral) and int(value) >= 1,
        "a positive integer",
    ),
    "batch_size": (
        lambda value: isinstance(value, Integral) and (int(value) >= 1 or value == -1),
        "a positive integer, or -1 for all rows in one batch",
    ),
}
_OBEYED = ("lr", "max_epochs", "batch_size", "callbacks", "verbose", "iterator_valid", "dataset")


class SkorchNet(NeuralNet):
    """A skorch net around one network of a stack.

    ``lr``, ``max_epochs``, ``batch_size`` and callbacks can be set; all else of its training is the
    estimator's. Targets are encoded: class numbers from 0 on, or values.

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
        request = replace(self.request, learning_rate=self.lr)
        self.optimizer_ = StackOptimizer(self.module_.parameters(), request, self.state)
        return self

    def initialize_callbacks(self) -> Any:
        super().initialize_callbacks()
        for name, callback in self.callbacks_:
            if type(callback).on_grad_computed is not Callback.on_grad_computed:
                raise ValueError(
                    f"callbacks={name!r} ({type(callback).__name__}) acts on gradients before the "
                    "step, which a stack computes for all networks at once. Regularize by "
                    "the estimator's parameters, or leave the callback out."
                )
        return self

    def set_params(self, **params: Any) -> Any:
        """Set what this net obeys; all else is refused.

        Raises
        ------
        ValueError
            For a parameter that is the estimator's, or that the training of a stack has no use for.
        """
        known = self.get_params(deep=False)
        for name, value in params.items():
            of_net = name in known or "__" in name  # skorch names what it does not know
            obeyed = name.split("__")[0] in _OBEYED
            if of_net and not obeyed and known.get(name, nn) is not value:
                raise ValueError(
                    f"net_ trains as its estimator does and has no use for {name!r}. Set what you "
                    f"want on the estimator and fit it; net_ obeys {', '.join(_OBEYED)}."
                )
        return super().set_params(**params)

    # ------------------------------------------------------------------ training

    @in_one_thread
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Train afresh with the estimator's parameters on encoded targets."""
        self._forbid(fit_params)
        fresh = replace(self._planned(X, y), start=None)
        self.state.theta.copy_(initial_theta(fresh))
        self.initialize()
        return self._finish(self.train(fresh))

    @in_one_thread
    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Any:
        """Go on training with the estimator's parameters on encoded targets."""
        self._forbid(fit_params)
        if not self.initialized_:
            self.initialize()
        self._tie()
        return self._finish(self.train(replace(self._planned(X, y), start=self.state)))

    def _finish(self, outcome: Outcome) -> Any:
        if outcome.error is not None:
            raise outcome.error
        return self

    def _planned(self, X: Any, y: Any) -> Request:
        """The estimator's request for these rows, with what has been set here."""
        for name, (right, what) in _SETTABLE.items():
            if not right(value := getattr(self, name)):
                raise ValueError(f"{name}={value!r} must be {what}.")
        rows, size = self._make_rows(X, y), self.batch_size
        return replace(
            self.request,
            rows=rows,
            learning_rate=float(self.lr),
            max_epochs=int(self.max_epochs),
            batch_size=rows.n if size == -1 else int(size),
        )

    def _tie(self) -> None:
        """Take over parameters that are no views of ``state``, as after ``module_.float()``."""
        storage = self.state.theta.untyped_storage().data_ptr()
        trained = [p for p in self.module_.parameters() if p.requires_grad]
        if all(p.untyped_storage().data_ptr() == storage for p in trained):
            return
        values = {name: value.clone() for name, value in self.module_.state_dict().items()}
        self.initialize_module()
        self.module_.load_state_dict(values)
        self.initialize_optimizer()

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
        theta = self.state.theta
        self._check_encoded(y)
        target = one_hot(self.request.loss, y, self.request.n_outputs)
        X = X if issparse(X) else np.asarray(X)
        return Rows.from_arrays(X, target.numpy(force=True), None, theta.dtype, theta.device)

    def _check_encoded(self, y: Any) -> None:
        loss, values = self.request.loss, np.asarray(y)
        if loss not in OF_CLASSES and values.dtype.kind in "biuf":
            return
        K = 2 if loss == "logistic" else self.request.n_outputs
        if values.dtype.kind not in "biuf" or not np.isin(values, np.arange(K)).all():
            what = f"class numbers from 0 to {K - 1}" if loss in OF_CLASSES else "numbers"
            raise ValueError(
                f"y of net_ must be encoded, {what}, and holds {values.ravel()[:3].tolist()!r}. "
                "Give labels to the estimator's own fit."
            )

    def train(self, request: Request, abandoned: Callable[[], bool] | None = None) -> Outcome:
        """Run a request, telling the callbacks, and leave the result in ``state``.

        ``abandoned`` is asked before each step whether to give up, raising `Abandoned`.
        """
        self._check_monitors(request)
        state, start = self.state, request.start
        state.slots, state.n_updates = (start.slots, start.n_updates) if start else ([], 0)
        X, y = arrays_of(request, request.rows)
        with one_thread(), interrupts() as interrupted:
            outcome = Outcome(state)
            try:
                self.notify("on_train_begin", X=X, y=y)
                outcome = self._epochs(request, X, y, interrupted, abandoned)
                with torch.no_grad():
                    state.theta.copy_(outcome.state.theta)
                state.slots, state.n_updates = outcome.state.slots, outcome.state.n_updates
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
        start = replace(self.state)  # which stays, while `state` goes on
        stack = Stack([replace(request, start=start)], abandoned)
        self.state.slots = [slot[0] for slot in stack.optimizer.slots]
        stack.adopt(self.state)
        stack.on_batch_begin, stack.on_batch_end = self._batch_begin, self._batch_end
        held_out = request.validation
        datasets = {
            "dataset_train": self.get_dataset(X, y),
            "dataset_valid": held_out and self.get_dataset(*arrays_of(request, held_out)),
        }
        outcome = stack.progress[0]
        try:
            while stack.requests:
                self.notify("on_epoch_begin", **datasets)
                self._open_epoch()
                stack.advance()
                if held_out is not None:
                    self._show_validation(stack, request)
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
        stack.rates.base = [self.optimizer_.param_groups[0]["lr"]]
        stack.optimizer.set_learning_rate(stack.rates.at(stack.n_updates))
        self._shown = shown(stack.requests[0], batch)
        self.notify("on_batch_begin", batch=self._shown, training=True)

    @torch.no_grad()
    def _batch_end(self, stack: Stack, batch: Batch, J: Tensor) -> None:
        for parameter, value in self._frozen:
            parameter.copy_(value)
        self._batch_count += 1
        self.state.n_updates += 1
        n = len(self._shown[0])
        self.history.record_batch("train_loss", float(J[0]))
        self.history.record_batch("train_batch_size", n)
        y_pred = stack.gradient.z[0, :, :n].T
        self.notify("on_batch_end", batch=self._shown, training=True, loss=J[0], y_pred=y_pred)

    @torch.no_grad()
    def _show_validation(self, stack: Stack, request: Request) -> None:
        """Announce the validation rows batch by batch, as the network of this epoch sees them."""
        rows = request.validation
        assert rows is not None
        theta = stack.judged(0)
        y = codes(request.loss, rows.table[:-1, rows.targets])
        starts = range(0, rows.n, request.batch_size)
        self._valid_batch_count = len(starts)
        for start in starts:
            stop = start + request.batch_size
            batch = rows.X(start, stop), y[start:stop]
            self.notify("on_batch_begin", batch=batch, training=False)
            y_pred = outputs(request.network, theta, batch[0])
            loss = self.criterion_(y_pred, batch[1])
            self.history.record_batch("valid_loss", float(loss))
            self.history.record_batch("valid_batch_size", len(y_pred))
            self.notify("on_batch_end", batch=batch, training=False, loss=loss, y_pred=y_pred)

    def _record(self, outcome: Outcome) -> None:
        for name, curve in (
            ("train_loss", outcome.loss_curve),
            ("valid_loss", outcome.validation_curve),
        ):
            if curve:
                self.history.record(name, curve[-1])
                best = curve[-1] < min(curve[:-1], default=math.inf)
                self.history.record(f"{name}_best", best)
        self.history.record("train_batch_count", self._batch_count)
        if outcome.validation_curve:
            self.history.record("valid_batch_count", self._valid_batch_count)

    # ------------------------------------------------------------------ prediction

    @in_one_thread
    def forward(self, X: Any, training: bool = False, device: Any = "cpu") -> Any:
        return super().forward(X, training=training, device=device)

    @in_one_thread
    def evaluation_step(self, batch: Any, training: bool = False) -> Any:
        return super().evaluation_step(batch, training=training)

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return the module's outputs on a batch, in the module's precision."""
        x = to_tensor(x, device=self.device)
        like = next(self.module_.parameters(), None)
        if like is not None and x.is_floating_point():
            x = x.to(like.dtype)
        return super().infer(x, **fit_params)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return outputs after the link: probabilities of the classes, or values."""
        z = torch.as_tensor(self.forward(X))[:, : self.request.n_outputs]
        loss = self.request.loss
        if loss == "cross_entropy":
            z = torch.softmax(z, 1)
        elif loss == "poisson":
            z = z.exp()
        elif loss == "logistic":
            z = torch.sigmoid(torch.cat([-z, z], 1) if z.shape[1] == 1 else z)
        return z.numpy(force=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return encoded predictions: class numbers, or values."""
        p = self.predict_proba(X)
        if self.request.loss not in OF_CLASSES:
            return p[:, 0] if p.shape[1] == 1 else p
        several = self.request.loss == "logistic" and self.request.n_outputs > 1
        return (p > 0.5).astype(int) if several else p.argmax(1)
