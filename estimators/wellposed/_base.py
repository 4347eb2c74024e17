"""What both estimators share: from validated arrays to a trained network."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ._arrays import Arrays, all_apart, hold_out, validate, validate_held_out
from ._checks import check_combination, uses_tasks, uses_unlabeled
from ._convergence import warn_of_lbfgs, warn_of_result
from ._ensemble import check_going_on, fit_members, forget_members, is_ensemble
from ._execution import run
from ._fitted import FittedNet
from ._partial import all_or_nothing
from ._requests import make_network, make_request, torch_dtype
from ._targets import Targets
from ._tasks import refuse_callbacks, tasks_argument, warn_of_unseen
from ._threads import in_one_thread
from ._warn import warn
from .training.evaluation import evaluate
from .training.request import Outcome, Request, State
from .training.setup import initial_theta


class BaseNet(FittedNet):
    """Fit and warm start of a network; what y is, is the subclasses' business."""

    y_numeric: ClassVar[bool]

    def _read_targets(self, y: np.ndarray, reset: bool) -> Targets:
        """Return what y is, learning it if `reset`."""
        raise NotImplementedError

    # ------------------------------------------------------------------ fitting

    @all_or_nothing
    @in_one_thread
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        X_unlabeled: Any = None,
        auxiliary: Any = None,
    ) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            A sparse one is made dense batch by batch if it is large.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Of several columns, NaN, None and NA are missing: a column's loss is the mean over the
            rows where it is there. Rows without any are left out.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0, scaled to mean 1. Rows of weight zero are left out.
        X_val, y_val : array-like, optional
            Validation rows. With `early_stopping` they replace the split of `validation_fraction`;
            without, the loss on them is recorded. They weigh as their classes do, and in a
            retraining as much as the mean of the other rows. In a search, scikit-learn cuts them to
            the folds if they happen to be as many as the rows of X.
        X_unlabeled : array-like or Unlabeled of shape (n_unlabeled, n_features), optional
            Rows without labels, for the regularizers that use them (section 7.6). While one of
            these is on, rows of X whose y is NaN, None, NA or, beside two classes, -1 are such
            rows, too; their weights mean nothing. Each step sees a batch of both kinds.
        auxiliary : array-like of shape (n_samples,) or (n_samples, n_tasks), optional
            Targets of further tasks, which the parameter of this name weighs.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For input or parameters that make no sense, naming what was given and what to do.
        DivergenceError
            If the loss stops being finite.
        """
        on = check_combination(self)
        if is_ensemble(self):
            given = {"sample_weight": sample_weight, "X_val": X_val, "y_val": y_val}
            given |= {"X_unlabeled": X_unlabeled, tasks_argument(): auxiliary}
            fit_members(self, "fit", *all_apart(self, on, X, y, given))
            return self
        warm = self.warm_start and self.__sklearn_is_fitted__()
        if warm:
            check_going_on(self)
        forget_members(self)
        dtype, uses = self._numpy_dtype(warm), uses_unlabeled(on, X_unlabeled)
        tasks = auxiliary if uses_tasks(self, on, auxiliary) else None
        further = X_unlabeled, uses, tasks
        arrays = validate(self, X, y, sample_weight, dtype, not warm, *further)
        warn_of_unseen(arrays.there)
        refuse_callbacks(self.callbacks, arrays.there, arrays.tasks)
        held_out = validate_held_out(self, X_val, y_val, arrays, sample_weight)
        start = self._go_on(arrays, afresh=True) if warm else None
        network = self._network if warm else None
        seed = self._draw_seed()
        if self.early_stopping and held_out is None:
            strata = self._targets.strata(arrays.target)
            arrays, held_out = hold_out(arrays, self.validation_fraction, strata, seed)
        request = make_request(self, on, arrays, held_out, seed, start, network)
        outcome = self._run(request)
        final = outcome
        if self.retrain is not None:
            assert held_out is not None
            final = self._retrain(outcome, request, arrays, held_out)
        warn_of_result(self, request, outcome, final)
        self._set_fitted(request, outcome, final)
        return self

    @in_one_thread
    @_fit_context(prefer_skip_nested_validation=True)
    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        on = check_combination(self)
        if is_ensemble(self):
            given = {"sample_weight": sample_weight}
            if "_named_classes" in vars(self):
                given["classes"] = self.__dict__.pop("_named_classes")
            fit_members(self, "partial_fit", X, y, given)
            return self
        first = not self.__sklearn_is_fitted__()
        if not first:
            check_going_on(self)
        forget_members(self)
        dtype, uses = self._numpy_dtype(not first), uses_unlabeled(on)
        uses_tasks(self, on)
        arrays = validate(self, X, y, sample_weight, dtype, first, uses_unlabeled=uses)
        if first:
            request = make_request(self, on, arrays, None, self._draw_seed(), None)
        else:
            start = self._go_on(arrays, afresh=False)
            request = make_request(self, on, arrays, None, self._seed, start, self._network)
        request.max_epochs = 1
        outcome = self._run(request)
        if not first:
            outcome.loss_curve = self.loss_curve_ + outcome.loss_curve
            before = self.objective_parts_
            outcome.parts = {n: before.get(n, []) + part for n, part in outcome.parts.items()}
        outcome.n_epochs = len(outcome.loss_curve)
        self._set_fitted(request, outcome, outcome)
        return self

    def _draw_seed(self) -> int:
        if self.random_state is None:  # scikit-learn would draw from NumPy's global generator
            return secrets.randbits(31)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _numpy_dtype(self, going_on: bool) -> Any:
        """Return what X may be: under "auto", a network that goes on keeps its precision."""
        if self.dtype != "auto":
            return np.dtype(self.dtype)
        if going_on:
            return np.float32 if self._state.theta.dtype == torch.float32 else np.float64
        return [np.float64, np.float32]

    def _go_on(self, arrays: Arrays, afresh: bool) -> State:
        """Return where training goes on, with the optimiser's running averages unless `afresh`."""
        self._check_same_network(arrays)
        state = self._state
        place: dict[str, Any] = {"dtype": torch_dtype(arrays.X), "device": self.device}
        if afresh:
            return State(state.theta.to(**place), [], 0, state.buffers)
        slots = state.slots if self.solver == self._made_by.solver else []
        slots = [slot.to(**place) for slot in slots]
        return State(state.theta.to(**place), slots, state.n_updates, state.buffers)

    def _run(self, request: Request) -> Outcome:
        self.__dict__.pop("_net", None)
        self.__dict__.pop("_history", None)
        before = request.network.buffers()
        try:
            if self.callbacks or (self.verbose and request.solver != "lbfgs"):
                outcome = self._run_with_callbacks(request)
            else:
                outcome = run(request)
            if outcome.error is not None:
                raise outcome.error
            if not outcome.loss_curve:
                raise KeyboardInterrupt("training was stopped before its first epoch had ended")
        except BaseException:
            request.network.restore(before)  # the fitted model may be of the same module
            raise
        if request.solver == "lbfgs" and not outcome.reached:
            warn_of_lbfgs(self, request, outcome)
        return outcome

    def _run_with_callbacks(self, request: Request) -> Outcome:
        from .skorch_net import make_net

        state = State(initial_theta(request).clone(), [], 0)
        net = self._net = make_net(request, state, self.callbacks, self.verbose)
        return run(request, alone=lambda abandoned: net.train(request, abandoned))

    def _retrain(
        self, outcome: Outcome, request: Request, arrays: Arrays, held_out: Arrays
    ) -> Outcome:
        """Use all rows after early stopping (section 7.8, algorithms 7.2 and 7.3)."""
        together, on = arrays.join(held_out), request.regularizers
        if self.retrain != "continue":
            network = request.network if request.start else None
            again = make_request(self, on, together, None, request.seed, request.start, network)
            again.plan = again.planned
            if self.retrain == "passes":
                again.max_epochs = outcome.best_epoch or 1
            else:
                again.plan = request.planned
                again.max_updates = outcome.state.n_updates - request.updates_before
                again.max_epochs = again.max_updates
            return self._run(again)
        target, _ = evaluate(request.network, request.loss, outcome.state.theta, request.rows)
        start, network = outcome.state, request.network
        again = make_request(self, on, together, held_out, request.seed, start, network)
        again.patience, again.validation_target = None, target
        first = request.origin
        again.origin = initial_theta(request).numpy(force=True) if first is None else first
        final = self._run(again)
        if not final.reached:
            warn(
                f"retrain='continue' stopped after max_epochs={self.max_epochs} more epochs: the "
                f"loss on the former validation rows is {final.validation_curve[-1]:.3g}, above "
                f"the training loss {target:.3g} at which it should stop (algorithm 7.3 need not "
                "terminate). Raise max_epochs, or use retrain='passes'.",
                ConvergenceWarning,
            )
        return final

    def _check_same_network(self, arrays: Arrays) -> None:
        n_outputs = arrays.n_outputs
        if callable(self.network):
            same = getattr(self._network, "same_as", None)
            go_on = same is not None and same(self.network, self.n_features_in_, n_outputs)
        else:
            go_on = make_network(self, arrays, 0) == self._network
        if not go_on:
            raise ValueError(
                "A warm start goes on with the fitted network, and the parameters or the number of "
                "outputs now describe another one. Set warm_start=False, or clone the estimator."
            )

    def _set_fitted(self, request: Request, outcome: Outcome, final: Outcome) -> None:
        self._network, self._seed, self._state = request.network, request.seed, final.state
        self._made_by = request.without_rows()
        self.n_iter_ = final.n_epochs
        self.loss_curve_ = final.loss_curve
        self.loss_ = final.loss_curve[-1]
        self.objective_parts_ = final.parts
        self.n_outputs_ = request.rows.n_targets
        self.n_layers_ = len(request.network.layers) + 1
        self.t_ = final.state.n_updates
        for name in ("validation_loss_curve_", "validation_scores_", "best_epoch_"):
            self.__dict__.pop(name, None)
        if request.validation is not None:
            self.validation_loss_curve_ = outcome.validation_curve
            self.validation_scores_ = outcome.validation_scores
            self.best_epoch_ = outcome.best_epoch
        if final.members:
            params = self.get_params(deep=False)
            learned = {name: value for name, value in vars(self).items() if name not in params}
            self._members = [{**learned, "_state": member} for member in final.members]
