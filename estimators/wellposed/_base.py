"""What both estimators share: from validated arrays to a trained network and its outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import _parameters
from .networks import MLP
from .training.evaluation import evaluate, outputs
from .training.request import Outcome, Request, Rows, State
from .training.stack import initial_theta, train
from .training.streams import generator
from .training.threads import one_thread

Arrays = tuple[np.ndarray, np.ndarray, "np.ndarray | None"]  # X, target, sample weight


def all_or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Leave the estimator as it was when `method` raises, be it an error or an interrupt."""

    @wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapped


class BaseNet(BaseEstimator):
    """Fit, warm start and outputs of a network; labels and losses are the subclasses'."""

    _parameter_constraints: dict[str, Any] = _parameters.CONSTRAINTS

    # ------------------------------------------------------------------ fitting

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0, scaled to mean 1. Rows of weight zero are left out.
        X_val, y_val : array-like, optional
            Validation rows. With `early_stopping` they replace the split of `validation_fraction`;
            without, the loss on them is recorded.

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
        _parameters.check_combination(self)
        warm = self.warm_start and self.__sklearn_is_fitted__()
        arrays = self._validate(X, y, sample_weight, reset=not warm)
        held_out = self._validate_held_out(X_val, y_val)
        start = None
        if warm:
            self._check_same_network(arrays[1])
            start = State(self._state.theta, [], 0)
        seed = self._draw_seed()
        if self.early_stopping and held_out is None:
            arrays, held_out = self._split(arrays, seed)
        request = self._request(arrays, held_out, seed, start)
        outcome = self._run(request)
        final = outcome
        if self.retrain is not None:
            assert held_out is not None
            final = self._retrain(outcome, request, arrays, held_out)
        self._set_fitted(request, outcome, final)
        return self

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, first: bool) -> Any:
        _parameters.check_combination(self)
        for name in ("early_stopping", "averaging", "callbacks"):
            if getattr(self, name):
                raise ValueError(
                    f"partial_fit makes one pass over the rows it is given and "
                    f"{name}={getattr(self, name)!r} needs a whole training. Switch it off, or "
                    f"use fit."
                )
        if self.solver == "lbfgs":
            raise ValueError(
                "partial_fit makes one pass of small steps, and solver='lbfgs' needs all rows at "
                "once. Choose solver='adam' or 'sgd', or use fit."
            )
        arrays = self._validate(X, y, sample_weight, reset=first)
        if first:
            seed, start = self._draw_seed(), None
        else:
            self._check_same_network(arrays[1])
            seed, start = self._seed, self._state
        request = self._request(arrays, None, seed, start)
        request.max_epochs = 1
        before = [] if first else self.loss_curve_
        outcome = self._run(request)
        outcome.loss_curve = before + outcome.loss_curve
        outcome.n_epochs = len(outcome.loss_curve)
        self._set_fitted(request, outcome, outcome)
        return self

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _numpy_dtype(self, X: Any) -> list[type]:
        if self.dtype == "auto":
            return [np.float64, np.float32]
        return [np.dtype(self.dtype).type]

    def _validate(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> Arrays:
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            dtype=self._numpy_dtype(X),
            multi_output=True,
            y_numeric=self._y_numeric,
        )
        target = self._encode(y, X.dtype, reset)
        weight = self._weigh(X, y, sample_weight)
        if weight is not None:
            used = weight > 0
            if not used.any():
                raise ValueError(
                    "All sample weights are zero, so there is nothing to fit. Give at least one "
                    "row a positive weight."
                )
            X, target, weight = X[used], target[used], weight[used]
        return X, target, weight

    def _weigh(self, X: np.ndarray, y: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)

    def _validate_held_out(self, X_val: Any, y_val: Any) -> Arrays | None:
        if (X_val is None) != (y_val is None):
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{given} was given without {missing}. Give both, or neither.")
        if X_val is None:
            return None
        X_val, y_val = validate_data(
            self,
            X_val,
            y_val,
            reset=False,
            dtype=self._numpy_dtype(X_val),
            multi_output=True,
            y_numeric=self._y_numeric,
        )
        return X_val, self._encode(y_val, X_val.dtype, False), None

    def _split(self, arrays: Arrays, seed: int) -> tuple[Arrays, Arrays]:
        """Hold out `validation_fraction` of the rows for early stopping."""
        X, target, weight = arrays
        rng = generator(seed, "validation split")
        indices = np.arange(len(X))
        try:
            kept, held = train_test_split(
                indices,
                test_size=self.validation_fraction,
                random_state=rng.initial_seed() % 2**32,
                stratify=self._strata(target),
            )
        except ValueError as error:
            raise ValueError(
                f"validation_fraction={self.validation_fraction:g} of {len(X)} rows cannot be held "
                f"out: {error} Give more rows, another validation_fraction, or X_val and y_val."
            ) from error
        parts = [
            (X[rows], target[rows], None if weight is None else weight[rows])
            for rows in (kept, held)
        ]
        return parts[0], parts[1]

    def _request(
        self, arrays: Arrays, held_out: Arrays | None, seed: int, start: State | None
    ) -> Request:
        X, target, _ = arrays
        full = self.solver == "lbfgs" or self.batch_size is None
        batch_size = len(X) if full else 200 if self.batch_size == "auto" else self.batch_size
        early = self.early_stopping
        return Request(
            network=self._make_network(X.shape[1], target.shape[1]),
            loss=self._loss(target.shape[1]),
            rows=self._rows(arrays),
            seed=seed,
            solver=self.solver,
            learning_rate=float(self.learning_rate),
            momentum=float(self.momentum) if self.solver == "sgd" else 0.0,
            batch_size=int(batch_size),
            max_epochs=int(self.max_epochs),
            tol=float(self.tol),
            init=self.init,
            strengths=_parameters.strengths(self),
            averaging=float(self.averaging or 0.0),
            validation=None if held_out is None else self._rows(held_out),
            patience=int(self.n_iter_no_change) if early else None,
            start=start,
        )

    def _rows(self, arrays: Arrays) -> Rows:
        dtype = torch.float32 if arrays[0].dtype == np.float32 else torch.float64
        return Rows.from_arrays(*arrays, dtype, torch.device(self.device))

    def _make_network(self, n_inputs: int, n_outputs: int) -> Any:
        return MLP(
            n_inputs,
            n_outputs,
            _parameters.hidden_sizes(self.hidden_layer_sizes),
            self.activation,
            bool(self.fit_intercept),
        )

    def _run(self, request: Request) -> Outcome:
        vars(self).pop("_net", None)
        if self.callbacks or (self.verbose and request.solver != "lbfgs"):
            outcome = self._run_with_callbacks(request)
        else:
            (outcome,) = train([request])
        if outcome.error is not None:
            raise outcome.error
        if request.solver == "lbfgs" and not outcome.reached:
            spent = outcome.n_epochs >= request.max_epochs
            advice = "Raise max_epochs or tol" if spent else "Raise tol, use dtype='float64'"
            warnings.warn(
                f"lbfgs stopped after {outcome.n_epochs} iterations at an optimality of "
                f"{outcome.optimality:.2g}, above tol={self.tol:g}"
                f"{'' if spent else ': rounding allows no further progress'}. {advice}, or scale X "
                "(StandardScaler).",
                ConvergenceWarning,
                stacklevel=3,
            )
        return outcome

    def _run_with_callbacks(self, request: Request) -> Outcome:
        from .training.skorch_net import make_net

        state = State(initial_theta(request).clone(), [], 0)
        self._net = make_net(request, state, self.callbacks, self.verbose)
        return self._net.train(request)

    def _retrain(
        self, outcome: Outcome, request: Request, arrays: Arrays, held_out: Arrays
    ) -> Outcome:
        """Use all rows after early stopping (section 7.8, algorithms 7.2 and 7.3)."""
        together = (
            np.concatenate([arrays[0], held_out[0]]),
            np.concatenate([arrays[1], held_out[1]]),
            _join_weights(arrays, held_out),
        )
        if self.retrain != "continue":
            again = self._request(together, None, request.seed, request.start)
            if self.retrain == "passes":
                again.max_epochs = outcome.best_epoch or 1
            else:
                again.max_updates = outcome.state.n_updates - request.updates_before
                again.max_epochs = again.max_updates
            return self._run(again)
        target, _ = evaluate(request.network, request.loss, outcome.state.theta, request.rows)
        again = self._request(together, held_out, request.seed, outcome.state)
        again.patience, again.validation_target = None, target
        final = self._run(again)
        if not final.reached:
            warnings.warn(
                f"retrain='continue' stopped after max_epochs={self.max_epochs} more epochs: the "
                f"loss on the former validation rows is {final.validation_curve[-1]:.3g}, above "
                f"the training loss {target:.3g} at which it should stop (algorithm 7.3 need not "
                "terminate). Raise max_epochs, or use retrain='passes'.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return final

    def _check_same_network(self, target: np.ndarray) -> None:
        if self._make_network(self.n_features_in_, target.shape[1]) != self._network:
            raise ValueError(
                "A warm start goes on with the fitted network, and the parameters or the number of "
                "outputs now describe another one. Set warm_start=False, or clone the estimator."
            )

    def _set_fitted(self, request: Request, outcome: Outcome, final: Outcome) -> None:
        self._network, self._seed, self._state = request.network, request.seed, final.state
        self._made_by = replace(request, rows=None, validation=None, start=None)
        self.n_iter_ = final.n_epochs
        self.loss_curve_ = final.loss_curve
        self.loss_ = final.loss_curve[-1]
        self.n_outputs_ = request.rows.n_targets
        self.n_layers_ = len(request.network.layers) + 1
        self.t_ = final.state.n_updates
        for name in ("validation_loss_curve_", "validation_scores_", "best_epoch_"):
            vars(self).pop(name, None)
        if request.validation is not None:
            self.validation_loss_curve_ = outcome.validation_curve
            self.validation_scores_ = outcome.validation_scores
            self.best_epoch_ = outcome.best_epoch

    @property
    def net_(self) -> Any:
        """The fitted network as a skorch net, which shares its parameters."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("net_ is there once the model is fitted. Call fit first.")
        if "_net" not in vars(self):
            from .training.skorch_net import history_of, make_net

            history = history_of(self.loss_curve_, getattr(self, "validation_loss_curve_", []))
            self._net = make_net(self._made_by, self._state, self.callbacks, self.verbose, history)
        return self._net

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights (n_in, n_out) of each layer."""
        return [weight.T.numpy(force=True).copy() for weight in self._parameters()[0]]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases (n_out,) of each layer."""
        return [bias.numpy(force=True).copy() for bias in self._parameters()[1]]

    def _parameters(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        if not self.__sklearn_is_fitted__():
            raise AttributeError("A network has weights once it is fitted. Call fit first.")
        return self._network.coefs(self._state.theta)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the skorch net out: it is made again when it is asked for."""
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_net"}

    # ------------------------------------------------------------------ outputs

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def _outputs(self, X: Any) -> np.ndarray:
        """Outputs [n, outputs] before the link function, as float64 for float64 X."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        dtype = self._state.theta.dtype
        with one_thread():
            z = outputs(
                self._network,
                self._state.theta,
                torch.as_tensor(X, dtype=dtype, device=self._state.theta.device),
            )
        return z.numpy(force=True)

    @property
    def coef_(self) -> np.ndarray:
        """Weights (n_outputs, n_features) of the linear model, or (n_features,) for one target."""
        self._check_linear("coef_")
        return self._squeeze(self.coefs_[0].T)

    @property
    def intercept_(self) -> np.ndarray | float:
        """Intercept (n_outputs,) of the linear model, or a number for one target."""
        self._check_linear("intercept_")
        if not self.intercepts_:
            return self._squeeze(np.zeros(self.n_outputs_))
        return self._squeeze(self.intercepts_[0])

    def _check_linear(self, name: str) -> None:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{name} is there once the model is fitted. Call fit first.")
        if len(self.coefs_) != 1:
            raise AttributeError(
                f"{name} belongs to the linear model, hidden_layer_sizes=(). This network has "
                f"{len(self.coefs_) - 1} hidden layers: see coefs_ and intercepts_."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def _join_weights(arrays: Arrays, held_out: Arrays) -> np.ndarray | None:
    weights = [
        np.ones(len(X), dtype=X.dtype) if weight is None else weight
        for X, _, weight in (arrays, held_out)
    ]
    return None if arrays[2] is None and held_out[2] is None else np.concatenate(weights)
