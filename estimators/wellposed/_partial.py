"""What guards the methods that fit: all or nothing, and when one pass has a meaning."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from ._strengths import regularizers_on
from ._values import shown
from .regularizers import Ramp

if TYPE_CHECKING:
    from ._parameters import Parameters


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


def can_fit_partially(estimator: Parameters) -> bool:
    """Whether one pass over some rows is a meaningful part of a training; raises the reason."""
    whole = {
        "early_stopping": estimator.early_stopping,
        "callbacks": estimator.callbacks,
        "bootstrap": estimator.bootstrap,
        "class_weight": getattr(estimator, "class_weight", None) == "balanced",
        "solver": estimator.solver == "lbfgs",
        "learning_rate_schedule": estimator.learning_rate_schedule != "constant",
    }
    try:
        on = regularizers_on(estimator)
    except (TypeError, ValueError):  # which the call itself will explain
        on = {}
    whole |= {n: r.needs_all_updates or isinstance(r.strength, Ramp) for n, r in on.items()}
    for name in (name for name, needed in whole.items() if needed):
        raise AttributeError(
            f"partial_fit makes one pass over the rows it is given, and "
            f"{shown(estimator, name)} needs all rows or a whole training. Change "
            f"{name}, or use fit."
        )
    return True
