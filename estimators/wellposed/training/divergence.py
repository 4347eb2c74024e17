"""Whether training has diverged: in each epoch, and in the network that is handed back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..exceptions import DivergenceError
from ..regularizers import REGULARIZERS
from .evaluation import constant_losses, evaluate
from .request import Outcome, Request

_SUSPICIOUS = 1e3  # times the loss of the first epoch: worth a look at all rows
_LARGE = 1e6  # largest parameter times largest input, likewise: outputs may overflow
_EXPLODED = 1e6  # times the loss of the first epoch, and of outputs of zero


def check_epoch(loss: float, theta: Tensor, epoch: int, request: Request) -> DivergenceError | None:
    """Return the error of a network whose loss or parameters are no longer finite."""
    if math.isfinite(loss) and bool(torch.isfinite(theta).all()):
        return None
    return _error(f"the loss is {loss:g} in epoch {epoch}", request)


def check_result(loss: float, outcome: Outcome, request: Request) -> DivergenceError | None:
    """Return the error of a network whose last updates have ruined it.

    ``loss`` is its loss on the last batch. The loss of an epoch is that before its updates, so that
    it says nothing of the last one.
    """
    first = outcome.loss_curve[0]
    if loss <= _SUSPICIOUS * first and not _is_large(outcome.state.theta, request):
        return None
    loss, _ = evaluate(request.network, request.loss, outcome.state.theta, request.rows)
    zero, _ = constant_losses(request.loss, request.rows)
    if loss <= _EXPLODED * max(first, zero):
        return None
    return _error(f"the loss is {first:.3g} in epoch 1 and {loss:.3g} after the last", request)


def _is_large(theta: Tensor, request: Request) -> bool:
    rows = request.rows
    X = rows.table[:, rows.inputs] if rows.sparse is None else torch.from_numpy(rows.sparse.data)
    largest = float(X.abs().max()) if X.numel() else 0.0
    return not float(theta.abs().max()) * max(1.0, largest) <= _LARGE


def check_validation(outcome: Outcome, request: Request) -> DivergenceError:
    """Return the error of a network that has never had a finite loss on the validation rows."""
    return _error(
        f"the validation loss is {outcome.validation_curve[-1]:g} in epoch {outcome.n_epochs} and "
        "was never finite before",
        request,
    )


def _error(what: str, request: Request) -> DivergenceError:
    rate = request.learning_rate
    overshoots = [r.overshoots(rate, request.solver) for r in request.regularizers.values()]
    cause = f"learning_rate={rate:g} is too large for this problem, or X is not scaled"
    cause = next(filter(None, overshoots), cause)
    return DivergenceError(
        f"Training diverged: {what}. Likely cause: {cause}{or_own(request)}. "
        f"Lower learning_rate, scale X (StandardScaler), or use solver='lbfgs'."
    )


def or_own(request: Request) -> str:
    """Name the regularizers of the user's own as a further cause, if there are any."""
    own = [n for n, r in request.regularizers.items() if REGULARIZERS.get(n) is not type(r)]
    return f", or {', '.join(own)} of your own is not finite" if own else ""
