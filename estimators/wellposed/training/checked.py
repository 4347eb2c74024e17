"""What the moments of a step return, checked: the regularizer may be a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ..regularizers.base import Regularizer
from .model import Batch, Model, Weights
from .paces import Paced


def term(r: Regularizer, model: Model, batch: Batch) -> Tensor:
    """Part of the objective, [K]."""
    return _of_networks(r, "term", r.term(model, batch))


def value(r: Regularizer, weights: Weights) -> Tensor:
    """Penalty of the weights, [K]."""
    return _of_networks(r, "value", r.value(weights))


def gradient(r: Regularizer, weights: Weights) -> Tensor:
    """Gradient of the penalty, [K, W]."""
    return _shaped(r, "gradient", r.gradient(weights), weights.flat.shape)


def shown(r: Regularizer, batch: Batch, model: Model) -> Batch:
    """What the networks are shown: the batch's shapes with other numbers."""
    found = r.batch(batch, model)
    if not isinstance(found, Batch):
        raise _error(r, "batch", "a Batch", found, "Return batch._replace(x=...).")
    for name in ("x", "target", "weight"):
        _shaped(r, f"batch(...).{name}", getattr(found, name), getattr(batch, name).shape)
    return found


def perturbed(r: Regularizer, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
    """Where the gradient is taken, [K, P]."""
    return _shaped(r, "perturb", r.perturb(theta, gradient), theta.shape)


def result(r: Regularizer | Paced, k: int, theta: Tensor, n_updates: int) -> Tensor:
    """Parameters of network k that are kept, [P]."""
    found = r.result(k, theta, n_updates)
    return _shaped(r, "result", found, theta.shape) if isinstance(r, Regularizer) else found


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


def _shaped(r: Regularizer, moment: str, found: Any, shape: Sequence[int]) -> Tensor:
    if isinstance(found, Tensor) and found.shape == shape:
        return found
    hint = "The first dimension counts the networks of the stack." if len(shape) > 1 else ""
    raise _error(r, moment, f"a tensor of shape {tuple(shape)}", found, hint)


def _error(r: Regularizer, moment: str, expected: str, found: Any, hint: str) -> ValueError:
    got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else repr(found)
    return ValueError(
        f"{type(r).__name__}.{moment} of {r.setting.name!r} must return {expected}, and returned "
        f"{got}. {hint}".strip()
    )
