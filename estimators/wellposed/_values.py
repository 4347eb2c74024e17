"""Values of single parameters: how they were given, what they are read as, which are refused."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import validate_parameter_constraints

from .training.schedules import SCHEDULES, Schedule

if TYPE_CHECKING:
    from ._parameters import Parameters


def shown(estimator: Parameters, name: str) -> str:
    """How a parameter was given."""
    if name in estimator.get_params(deep=False):
        value = getattr(estimator, name)
        return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value!r}"
    return f"regularizers={[pair for pair in estimator.regularizers or () if pair[0] == name]!r}"


def off(estimator: Parameters, name: str) -> str:
    """How a regularizer is switched off."""
    return "None" if getattr(type(estimator), name, 0) is None else "0"


def schedule(estimator: Parameters) -> Schedule | None:
    """Return the schedule of the learning rate, None if it is constant.

    Raises
    ------
    ValueError
        For options outside their range, naming what was given.
    """
    given = estimator.learning_rate_schedule
    if isinstance(given, str):
        return None if given == "constant" else SCHEDULES[given]()
    if type(given).factors is Schedule.factors:
        raise ValueError(
            f"learning_rate_schedule={given!r} has no method `factors`. Give an object of Cosine, "
            "Step, WarmRestarts, OneCycle, or of a subclass of your own with that method."
        )
    validate_parameter_constraints(
        given._parameter_constraints, given.get_params(deep=False), type(given).__name__
    )
    return clone(given)


def number(value: Any) -> float | None:
    """A number of NumPy as one of Python, an integer staying one."""
    if value is None:
        return None
    return int(value) if isinstance(value, Integral) else float(value)


def hidden_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return the hidden layers' sizes as a tuple of positive integers."""
    if isinstance(hidden_layer_sizes, Integral) or np.ndim(hidden_layer_sizes) == 0:
        hidden_layer_sizes = (hidden_layer_sizes,)
    sizes = tuple(
        size.item() if isinstance(size, np.ndarray) and size.ndim == 0 else size
        for size in hidden_layer_sizes
    )
    if isinstance(hidden_layer_sizes, str | set | frozenset | dict) or any(
        not isinstance(size, Integral) or isinstance(size, bool) or size < 1 for size in sizes
    ):
        raise ValueError(
            f"hidden_layer_sizes must be positive integers, one a hidden layer (() for the linear "
            f"model), got {hidden_layer_sizes!r}."
        )
    return tuple(int(size) for size in sizes)


def check_callbacks(callbacks: Any) -> None:
    from skorch.callbacks import Callback

    for given in callbacks:
        callback = given[1] if isinstance(given, tuple) and len(given) == 2 else given
        kind = callback if isinstance(callback, type) else type(callback)
        if callback is not None and not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks holds {given!r}; expected skorch callbacks such as "
                "skorch.callbacks.EpochScoring('accuracy'), or pairs of a name and one."
            )


def check_device(name: str) -> None:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"device={name!r} is not a torch device. Give 'cpu', 'cuda' or 'cuda:0'."
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={name!r} was asked for and torch finds no CUDA device. Set device='cpu', or "
            "install a CUDA build of torch."
        )
    try:
        if device.type == "meta":
            raise RuntimeError("its tensors hold no numbers")
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(
            f"device={name!r} cannot be computed on: {reason}. Set device='cpu'."
        ) from error
