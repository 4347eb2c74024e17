"""Warnings where a training has not arrived: its value, what it should be, and what to change."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from .training.evaluation import constant_losses, evaluate
from .training.request import Outcome, Request


def warn_of_lbfgs(estimator: Any, request: Request, outcome: Outcome) -> None:
    """Say why lbfgs stopped above its tolerance."""
    spent = outcome.n_epochs >= request.max_epochs
    advice = "Raise max_epochs or tol" if spent else "Raise tol, use dtype='float64'"
    warnings.warn(
        f"lbfgs stopped after {outcome.n_epochs} iterations at an optimality of "
        f"{outcome.optimality:.2g}, above tol={estimator.tol:g}"
        f"{'' if spent else ': rounding allows no further progress'}. {advice}, or scale X "
        "(StandardScaler).",
        ConvergenceWarning,
        stacklevel=6,  # of fit
    )


def warn_if_nothing_learned(
    estimator: Any, request: Request, outcome: Outcome, final: Outcome
) -> None:
    """Say so where the trained network's loss is above that of a constant prediction.

    ``final`` is the outcome that the model is made of: of the retraining, if there was one.
    """
    if request.solver == "lbfgs":
        return
    network, rows = request.network, request.rows
    zero, constant = constant_losses(request.loss, rows)
    if constant <= 1e-12 * zero:  # the target is a constant
        return
    if network.n_weights == network.size:  # no biases
        constant = zero
    # The curve holds penalties and noise; it is cheap, and seldom above for no reason.
    if max(outcome.loss_curve[-1], final.loss_curve[-1]) <= 1.1 * constant:
        return
    loss, _ = evaluate(network, request.loss, final.state.theta, rows)
    if loss <= 1.1 * constant:
        return
    warnings.warn(
        f"The training loss is {loss:.3g} at the end, more than the {constant:.3g} of a "
        f"prediction that is the same for all rows: the network has learned nothing from X. "
        f"{_advice(estimator, request, final, loss > zero)}.",
        ConvergenceWarning,
        stacklevel=5,  # of fit
    )


def _advice(estimator: Any, request: Request, final: Outcome, above_zero: bool) -> str:
    rate = estimator.learning_rate
    decay = rate * (estimator.weight_decay or 0.0)
    if decay > 1:
        advice = f"learning_rate * weight_decay = {decay:g} > 1: lower one of them"
    elif final.loss_curve[-1] > final.loss_curve[0]:
        advice = f"It has risen: lower learning_rate={rate:g}"
    elif request.patience is not None:
        advice = "Change learning_rate, or raise n_iter_no_change"
    elif above_zero:
        advice = f"Lower learning_rate={rate:g}, or raise max_epochs"
    else:
        advice = "Raise max_epochs or learning_rate"
    advice += ", and scale X (StandardScaler)"
    if request.loss != "squared_error":
        return advice
    y = request.rows.table[:-1, request.rows.targets]
    about = ""
    if request.rows.n_targets == 1:
        mean, deviation = float(y.mean()), float(y.std(unbiased=False))
        about = f", which has mean {mean:.3g} and standard deviation {deviation:.3g}"
    return f"{advice} and y{about} (TransformedTargetRegressor)"
