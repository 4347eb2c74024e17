"""What the moments of a step return, checked: the regularizer may be a user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..regularizers.base import Regularizer
from .model import Batch, Model, Weights
from .paces import Paced


def term(r: Regularizer, model: Model, batch: Batch) -> Tensor:
    """Part of the objective, [K]."""
    with _left_alone(r, "term", batch):
        return _of_networks(r, "term", r.term(model, batch))


def value(r: Regularizer, weights: Weights) -> Tensor:
    """Penalty of the weights, [K]."""
    with _left_alone(r, "value", weights.flat):
        return _of_networks(r, "value", r.value(weights))


def gradient(r: Regularizer, weights: Weights) -> Tensor:
    """Gradient of the penalty, [K, W]."""
    with _left_alone(r, "gradient", weights.flat):
        return _like(r, "gradient", r.gradient(weights), weights.flat)


def mask(r: Regularizer, layer: int) -> Tensor:
    """What a hidden layer is multiplied by, [K, units, B] or what is broadcast to it."""
    found, setting = r.mask(layer), r.setting
    shape = len(r.strength), setting.network.hidden_units[layer], setting.width
    fits = isinstance(found, Tensor) and found.ndim <= 3
    if fits and all(a in (1, b) for a, b in zip(reversed(found.shape), reversed(shape))):
        return found
    hint = "They are networks, units of the hidden layer with padding, and rows."
    raise _error(r, "mask", f"a tensor of shape {shape}", found, hint)


def shown(r: Regularizer, batch: Batch, model: Model) -> Batch:
    """What the networks are shown: the batch's shapes with other numbers."""
    with _left_alone(r, "batch", batch):
        found = r.batch(batch, model)
    if not isinstance(found, Batch):
        raise _error(r, "batch", "a Batch", found, "Return batch._replace(x=...).")
    for name in ("x", "target", "weight"):
        _like(r, f"batch(...).{name}", getattr(found, name), getattr(batch, name))
    return found


def perturbed(r: Regularizer, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
    """Where the gradient is taken, [K, P]."""
    with _left_alone(r, "perturb", theta):
        return _like(r, "perturb", r.perturb(theta, gradient), theta)


def result(r: Regularizer | Paced, k: int, theta: Tensor, n_updates: int) -> Tensor:
    """Parameters of network k that are kept, [P]."""
    if not isinstance(r, Regularizer):
        return r.result(k, theta, n_updates)
    with _left_alone(r, "result", theta):
        return _like(r, "result", r.result(k, theta, n_updates), theta)


def in_place(moment: Any, changed: Tensor | Weights, *args: Any) -> None:
    """Call a moment that changes its first argument; another tensor would have no effect."""
    found = moment(changed, *args)
    if found is None or found is changed:
        return
    tensor = changed.flat if isinstance(changed, Weights) else changed
    if not isinstance(found, Tensor) or found.data_ptr() != tensor.data_ptr():
        hint = "Change its first argument in place, as in weights.flat.clamp_(min=0)."
        raise _error(moment.__self__, moment.__name__, "nothing", found, hint)


def padding(regularizers: Sequence[Regularizer], theta: Tensor) -> None:
    """Refuse parameters [K, P] whose padding is no longer zero: it would become hidden units."""
    if not regularizers:
        return
    padded = theta[:, regularizers[0].setting.padding]
    if ((padded != 0) & padded.isfinite()).any():
        names = ", ".join(repr(r.setting.name) for r in regularizers)
        raise ValueError(
            f"After the first update the padding of the parameters is not zero: one of the "
            f"regularizers {names} has written into it. Multiply what it adds to parameters or "
            "gradients by ~self.setting.padding, [P], in which the weights come first, and leave "
            "x[:, self.setting.network.n_inputs:] zero."
        )


def _of_networks(r: Regularizer, moment: str, found: Any) -> Tensor:
    shape = r.strength.shape[:1]
    if isinstance(found, Tensor) and found.shape == shape:
        return found
    hint = "Sum over all dimensions but the first, which counts the networks of the stack."
    raise _error(r, moment, f"one number a network, shape {tuple(shape)}", found, hint)


def _like(r: Regularizer, moment: str, found: Any, given: Tensor) -> Tensor:
    """What is returned, of the shape and dtype of what was given."""
    hint = "The first dimension counts the networks of the stack." if given.ndim > 1 else ""
    if not isinstance(found, Tensor) or found.shape != given.shape:
        raise _error(r, moment, f"a tensor of shape {tuple(given.shape)}", found, hint)
    if found.dtype != given.dtype:
        raise _error(r, moment, f"{given.dtype}", found.dtype, "Convert it by .to(dtype).")
    return found


@contextmanager
def _left_alone(r: Regularizer, moment: str, given: Tensor | Batch) -> Iterator[None]:
    """Refuse changes in place to what later steps, and other regularizers, are given as well."""
    before = _version(given)
    yield
    if _version(given) != before:
        raise ValueError(
            f"{type(r).__name__}.{moment} of {r.setting.name!r} has changed what it was given in "
            "place, from which later steps go on. Return new tensors: x * 2, not x.mul_(2), or "
            "work on x.clone()."
        )


def _version(given: Tensor | Batch | None) -> int:
    """A number that torch raises with each change in place."""
    if given is None or isinstance(given, Tensor):
        return 0 if given is None else given._version
    return sum(map(_version, given))


def _error(r: Regularizer, moment: str, expected: str, found: Any, hint: str) -> ValueError:
    got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
    if found is None or isinstance(found, int | float | torch.dtype):
        got = repr(found)
    return ValueError(
        f"{type(r).__name__}.{moment} of {r.setting.name!r} must return {expected}, and returned "
        f"{got}. {hint}".strip()
    )
