"""Convergence warnings: what the training came to, what it should be, and what to change."""

from __future__ import annotations

from statistics import fmean, pvariance
from typing import TYPE_CHECKING

import torch
from sklearn.exceptions import ConvergenceWarning

from ._warn import warn
from .training.evaluation import constant_losses, evaluate
from .training.request import Outcome, Request

if TYPE_CHECKING:
    from ._parameters import Parameters

_NOTHING_LEARNED = 1.1  # times the loss of a constant prediction
_FAR = 1e3  # likewise, of a network without biases
_UNIT = 0.2, 5.0  # root mean squares of columns that need no scaling
_SOME = 10**5  # numbers that are looked at for it
_FALLING = 0.01  # of the loss of a constant prediction, in a tenth of the epochs


def warn_of_lbfgs(estimator: Parameters, request: Request, outcome: Outcome) -> None:
    """Say why lbfgs stopped above its tolerance."""
    spent = outcome.n_epochs >= request.max_epochs
    advice = "Raise max_epochs or tol" if spent else "Raise tol, use dtype='float64'"
    warn(
        f"lbfgs stopped after {outcome.n_epochs} iterations at an optimality of "
        f"{outcome.optimality:.2g}, above tol={estimator.tol:g}"
        f"{'' if spent else ': rounding allows no further progress'}. {advice}"
        f"{_scaling('or', _unscaled_X(request))}.",
        ConvergenceWarning,
    )


def warn_of_result(
    estimator: Parameters, request: Request, outcome: Outcome, final: Outcome
) -> None:
    """Say so where a network has learned nothing, or was still learning when its epochs ended.

    It has learned nothing where its loss on the training rows is more than 1.1 times that of the
    best constant prediction, or, of a target that is a constant, of that of predicting zero. A
    network without biases is told of where its loss is a thousand times that of a constant, or more
    than that of predicting zero. It was still learning where the mean objective of the last tenth
    of ``max_epochs`` epochs is below that of the tenth before by more than 1 % of the constant
    prediction's loss, and by more than two standard errors; with ``warm_start``, where one may go
    on, nothing is said.

    ``final`` is the outcome that the model is made of: of the retraining, if there was one.
    """
    network, rows = request.network, request.rows
    zero, constant = constant_losses(request.loss, rows)
    rounding = 8 * torch.finfo(rows.table.dtype).eps
    if zero == 0.0:  # and so is the target
        return
    is_constant = constant <= rounding**2 * zero
    limit = _NOTHING_LEARNED * (zero if is_constant else constant)
    has_biases = network.size > network.n_weights
    if not has_biases and not is_constant:
        limit = min(_NOTHING_LEARNED * zero, _FAR * constant)
    # What is known already is of noisy steps and of one batch; it is seldom above for no reason.
    known = max(outcome.loss_curve[-1], final.loss_curve[-1], final.final_loss)
    if known > limit or request.patience is not None:
        loss, _ = evaluate(network, request.loss, final.state.theta, rows)
        if loss > limit:
            warn(
                f"The training loss is {loss:.3g} at the end, more than the {constant:.3g} of a "
                f"prediction that is the same for all rows: the network has learned nothing from "
                f"X. {_advice(estimator, request, final, loss > zero)}.",
                ConvergenceWarning,
            )
            return
    in_steps = estimator.warm_start or request.solver == "lbfgs"  # whose end the caller judges
    if outcome.n_epochs == request.max_epochs and not in_steps and not is_constant:
        _warn_if_falling(request, outcome, constant if has_biases else zero)


def _warn_if_falling(request: Request, outcome: Outcome, constant: float) -> None:
    m = max(1, outcome.n_epochs // 10)
    before, last = outcome.loss_curve[-2 * m : -m], outcome.loss_curve[-m:]
    if not before:
        return
    fall = fmean(before) - fmean(last)
    error = ((pvariance(before) + pvariance(last)) / m) ** 0.5
    if fall <= max(_FALLING * constant, 2 * error):
        return
    # One text for all fits of a search, so that it is shown once.
    scaling = _scaling("and", _unscaled_X(request), _unscaled_y(request))
    warn(
        f"The objective was still falling when max_epochs={request.max_epochs} ended, by more than "
        f"{100 * _FALLING:g} % of a constant prediction's loss in the last tenth of the epochs. "
        f"Raise max_epochs or learning_rate{scaling}.",
        ConvergenceWarning,
    )


def _advice(estimator: Parameters, request: Request, final: Outcome, above_zero: bool) -> str:
    rate = estimator.learning_rate
    overshoots = [r.overshoots(rate, request.solver) for r in request.regularizers.values()]
    if any(overshoots):
        advice = f"{next(filter(None, overshoots))}: lower one of them"
    elif final.loss_curve[-1] > final.loss_curve[0]:
        advice = f"It has risen: lower learning_rate={rate:g}"
    elif request.patience is not None:
        advice = "Change learning_rate, or raise n_iter_no_change"
    elif above_zero:
        advice = f"Lower learning_rate={rate:g}, or raise max_epochs"
    else:
        advice = "Raise max_epochs or learning_rate"
    about = ""
    if request.loss == "squared_error" and request.rows.n_targets == 1:
        y = request.rows.table[:-1, request.rows.targets]
        mean, deviation = float(y.mean()), float(y.std(unbiased=False))
        about = f", which has mean {mean:.3g} and standard deviation {deviation:.3g}"
    return advice + _scaling("and", _unscaled_X(request), _unscaled_y(request, about))


def _scaling(joined_by: str, *wanted: str) -> str:
    """The advice to scale what is not of about unit scale."""
    names = " and ".join(filter(None, wanted))
    return f", {joined_by} scale {names}" if names else ""


def _unscaled_X(request: Request) -> str:
    some = request.rows.X(stop=1 + _SOME // request.rows.n_inputs)
    return "" if _of_unit_scale(some) else "X (StandardScaler)"


def _unscaled_y(request: Request, about: str = "") -> str:
    y = request.rows.table[:-1, request.rows.targets]
    if request.loss != "squared_error" or _of_unit_scale(y):
        return ""
    return f"y{about} (TransformedTargetRegressor)"


def _of_unit_scale(columns: torch.Tensor) -> bool:
    """Whether the root mean square of each column that is not zero is near one."""
    size = columns.square().mean(0).sqrt()
    low, high = _UNIT
    return bool(((size == 0) | ((size > low) & (size < high))).all())
