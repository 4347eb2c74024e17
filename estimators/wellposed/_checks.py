"""Combinations of parameters that are refused, before any work is done."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch

from ._strengths import regularizers_on
from ._tasks import tasks_argument
from ._values import check_callbacks, check_device, hidden_sizes, off, schedule, shown
from ._warn import warn
from .regularizers import REGULARIZERS, Ramp, Regularizer

if TYPE_CHECKING:
    from ._parameters import Parameters


def check_combination(estimator: Parameters) -> dict[str, Regularizer]:
    """Refuse parameters that cannot be combined, and return the regularizers that are on.

    Raises
    ------
    ValueError
        Naming the two parameters, why they exclude each other and what to do.
    """
    if isinstance(estimator.network, torch.nn.Module):
        raise ValueError(
            f"network must be a function that builds a module, so that every fit has its own; got "
            f"a {type(estimator.network).__name__}. Pass `def network(n_inputs, n_outputs): return "
            "...` in its place."
        )
    on = regularizers_on(estimator)
    _check_pairs(estimator, on)
    _check_ramps(estimator, on)
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, on)
    if not callable(estimator.network) and not hidden_sizes(estimator.hidden_layer_sizes):
        for name, regularizer in on.items():
            if regularizer.needs_hidden:
                raise ValueError(
                    f"{shown(estimator, name)} acts on hidden units, and hidden_layer_sizes=() has "
                    f"none. Set {name}=0 or add a hidden layer."
                )
    _check_hidden_layers(estimator)
    _check_needs(estimator, on)
    if callable(estimator.network) and estimator.tied:
        raise ValueError(
            "tied=True ties layers of networks of this library, and network=callable builds a "
            "module of your own. Tie its parameters there: a parameter in two places is one."
        )
    if callable(estimator.network) and estimator.init != "auto":
        raise ValueError(
            f"init={estimator.init!r} is for networks of this library; a module from "
            "network=callable draws its own weights. Leave init='auto'."
        )
    if estimator.retrain is not None and not estimator.early_stopping:
        raise ValueError(
            f"retrain={estimator.retrain!r} trains again for as long as early stopping found "
            "best, and early_stopping is False. Set early_stopping=True or retrain=None."
        )
    if estimator.retrain is not None and estimator.callbacks:
        raise ValueError(
            f"retrain={estimator.retrain!r} trains twice, and callbacks follow one training. "
            "Set retrain=None or callbacks=None."
        )
    schedule(estimator)
    if estimator.callbacks:
        check_callbacks(estimator.callbacks)
    check_device(estimator.device)
    return on


def _check_hidden_layers(estimator: Parameters) -> None:
    """Refuse what is done to hidden layers where there are none to do it to."""
    options = {
        "normalization": estimator.normalization,
        "skip": bool(estimator.skip),
        "k_winners": estimator.k_winners,
    }
    for name in (name for name, value in options.items() if value):
        without = f"{name}={type(estimator).__dataclass_fields__[name].default}"
        given = f"{name}={options[name]!r}"
        if callable(estimator.network):
            raise ValueError(
                f"{given} is for networks of this library, and network=callable builds a module of "
                f"your own. Put such layers into the module, and set {without}."
            )
        sizes = hidden_sizes(estimator.hidden_layer_sizes)
        if not sizes:
            raise ValueError(
                f"{given} acts on hidden layers, and hidden_layer_sizes=() has none. Set {without} "
                "or add a hidden layer."
            )
        if name == "skip" and all(a != b for a, b in pairwise(sizes)):
            raise ValueError(
                f"skip=True adds a hidden layer's input to what it puts out, which takes two "
                f"neighbouring hidden layers of one size, and hidden_layer_sizes={sizes!r} has "
                "none. Make two neighbouring sizes equal, or set skip=False."
            )


def _check_needs(estimator: Parameters, on: dict[str, Regularizer]) -> None:
    """Refuse regularizers whose class needs other values of other parameters."""
    for name, regularizer in on.items():
        for other, (value, why) in regularizer.needs.items():
            given, without = shown(estimator, name), f"{name}={off(estimator, name)}"
            if callable(estimator.network):
                raise ValueError(
                    f"{given} {why}, and whether a module of your own does is not known. "
                    f"Set {without}."
                )
            if getattr(estimator, other) != value:
                raise ValueError(
                    f"{given} {why}, which takes {other}={value!r}, and {other} is "
                    f"{getattr(estimator, other)!r}. Set {other}={value!r} or {without}."
                )


def _check_ramps(estimator: Parameters, on: dict[str, Regularizer]) -> None:
    for name, r in on.items():
        ends = (r.strength.start, r.strength.end) if isinstance(r.strength, Ramp) else ()
        if r.is_bound and not all(ends):
            raise ValueError(
                f"{shown(estimator, name)} goes to 0, and {name} is a bound, of which 0 is none at "
                "all. Let both ends be larger than 0."
            )


def _check_pairs(estimator: Parameters, on: dict[str, Regularizer]) -> None:
    for name, regularizer in on.items():
        for other in regularizer.excludes.keys() & on.keys():
            raise ValueError(
                f"{shown(estimator, name)} cannot be combined with {shown(estimator, other)}: "
                f"{regularizer.excludes[other]}. Set one of them to 0."
            )


def uses_unlabeled(on: dict[str, Regularizer], X_unlabeled: Any = None) -> bool:
    """Whether a regularizer sees rows without labels; warns where such rows are given for none."""
    uses = any(regularizer.uses_unlabeled for regularizer in on.values())
    if X_unlabeled is not None and not uses:
        names = [name for name, r in REGULARIZERS.items() if r.uses_unlabeled]
        warn(
            "X_unlabeled was given, and no regularizer that uses it is on, so that it changes "
            f"nothing. Switch one on, {', '.join(names)}, or leave X_unlabeled out.",
            UserWarning,
        )
    return uses


def uses_tasks(estimator: Parameters, on: dict[str, Regularizer], given: Any = None) -> bool:
    """Whether further tasks are learned; refuses a weight without tasks, warns of the opposite."""
    for name in (name for name, r in on.items() if r.uses_tasks):
        if given is None:
            raise ValueError(
                f"{shown(estimator, name)} weighs further tasks, and there are none. Give them, "
                f"fit(X, y, {name}=T), or set {name}=0. partial_fit has none."
            )
        return True
    if given is not None:
        name = tasks_argument()
        warn(
            f"fit was given {name}=, and the parameter {name}, which weighs these tasks, is off: "
            f"they change nothing. Set {name}=1.0, or leave them out.",
            UserWarning,
        )
    return False


def _check_lbfgs(estimator: Parameters, on: dict[str, Regularizer]) -> None:
    reasons = {name: regularizer.why_not_lbfgs() for name, regularizer in on.items()}
    instead = {name: regularizer.instead.get("lbfgs", "") for name, regularizer in on.items()}
    if estimator.layer_rates is not None:
        reasons["layer_rates"] = "scales the steps of sgd or adam"
    if schedule(estimator) is not None:
        reasons["learning_rate_schedule"] = "plans the steps of sgd or adam"
        instead["learning_rate_schedule"] = "leave it 'constant'"
    if estimator.early_stopping:
        reasons["early_stopping"] = "stops the epochs of sgd or adam"
    if estimator.callbacks:
        reasons["callbacks"] = "follow the epochs of sgd or adam"
    if estimator.normalization == "batch":
        reasons["normalization"] = "follows the statistics of mini-batches with running ones"
        instead["normalization"] = "set normalization='layer'"
    if isinstance(estimator.batch_size, Integral):
        reasons["batch_size"] = "asks for mini-batches"
        instead["batch_size"] = "leave batch_size='auto'"
    if isinstance(estimator.unlabeled_batch_size, Integral):
        reasons["unlabeled_batch_size"] = "asks for mini-batches"
        instead["unlabeled_batch_size"] = "leave unlabeled_batch_size='auto'"
    for name, why in reasons.items():
        if not why:
            continue
        other = f" or {instead[name]}" if instead.get(name) else ""
        raise ValueError(
            f"solver='lbfgs' minimises one fixed objective on all rows, and "
            f"{shown(estimator, name)} {why}. Choose solver='adam' or 'sgd', or switch {name} off"
            f"{other}."
        )
