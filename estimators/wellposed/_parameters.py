"""The estimators' parameters: constraints, combinations that are refused, documentation."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions

from .networks import INITS
from .networks.activations import ACTIVATIONS
from .ranges import Range
from .regularizers import REGULARIZERS

CONSTRAINTS: dict[str, list[Any]] = {
    "network": [StrOptions({"mlp", "cnn"}), callable],
    "hidden_layer_sizes": ["array-like", Range(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "init": [StrOptions(set(INITS))],
    "fit_intercept": ["boolean"],
    "solver": [StrOptions({"adam", "sgd", "lbfgs"})],
    "learning_rate": [Range(Real, 0, None, closed="neither")],
    "momentum": [Range(Real, 0, 1, closed="left")],
    "batch_size": [StrOptions({"auto"}), Range(Integral, 1, None, closed="left"), None],
    "max_epochs": [Range(Integral, 1, None, closed="left")],
    "tol": [Range(Real, 0, None, closed="left")],
    **{name: [r.interval, None] for name, r in REGULARIZERS.items() if name != "label_smoothing"},
    "averaging": [Range(Real, 0, 1, closed="both"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Range(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Range(Integral, 1, None, closed="left")],
    "retrain": [StrOptions({"updates", "passes", "continue"}), None],
    "warm_start": ["boolean"],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "device": [str],
    "callbacks": [list, tuple, None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}

FOR_CLASSES: dict[str, list[Any]] = {
    "label_smoothing": [REGULARIZERS["label_smoothing"].interval, None],
    "class_weight": [dict, StrOptions({"balanced"}), None],
}


FOR_NUMBERS: dict[str, list[Any]] = {"loss": [StrOptions({"squared_error", "poisson"})]}


#: Regularizers that act on inputs, targets or units; all others act on weights.
ON_DATA_OR_UNITS = frozenset({"dropout", "input_dropout", "input_noise", "label_smoothing"})


def strengths(estimator: Any) -> dict[str, float]:
    """Return the strengths of the regularizers that are on."""
    values = {name: getattr(estimator, name, None) for name in REGULARIZERS}
    return {name: float(value) for name, value in values.items() if value}


def check_combination(estimator: Any) -> None:
    """Refuse parameters that cannot be combined, before any work is done.

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
    on = strengths(estimator)
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, on)
    if not callable(estimator.network) and not hidden_sizes(estimator.hidden_layer_sizes):
        for name in on:
            if REGULARIZERS[name].needs_hidden:
                raise ValueError(
                    f"{name}={on[name]:g} acts on hidden units, and hidden_layer_sizes=() has "
                    f"none. Set {name}=0 or add a hidden layer."
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
    if estimator.callbacks:
        _check_callbacks(estimator.callbacks)
    _check_device(estimator.device)


def check_module(estimator: Any, network: Any) -> None:
    """Refuse regularizers that have nothing to act on in a module of the user's own."""
    module = "the module that network=callable built has"
    if estimator.max_norm and len(network.layers) < 2:
        raise ValueError(
            f"max_norm={estimator.max_norm:g} acts on hidden units, and {module} one layer of "
            "weights. Set max_norm=None."
        )
    if estimator.dropout and not network.hidden_units:
        raise ValueError(
            f"dropout={estimator.dropout:g} acts on what each nn.Linear but the first is fed, and "
            f"{module} no such layer. Set dropout=0 and put nn.Dropout into the module."
        )
    weighty = set(strengths(estimator)) - ON_DATA_OR_UNITS
    if weighty and not network.n_weights:
        name = min(weighty)
        raise ValueError(
            f"{name}={getattr(estimator, name):g} acts on weights, and {module} none to train. "
            f"Set {name}=0."
        )


def _check_callbacks(callbacks: Any) -> None:
    from skorch.callbacks import Callback

    for given in callbacks:
        callback = given[1] if isinstance(given, tuple) and len(given) == 2 else given
        kind = callback if isinstance(callback, type) else type(callback)
        if callback is not None and not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks holds {given!r}; expected skorch callbacks such as "
                "skorch.callbacks.EpochScoring('accuracy'), or pairs of a name and one."
            )


def _check_device(name: str) -> None:
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


def _check_lbfgs(estimator: Any, on: dict[str, float]) -> None:
    reasons = {name: "draws random numbers at every step" for name in on if _is_random(name)}
    reasons |= {
        name: "acts after each step of sgd or adam"
        for name in on
        if REGULARIZERS[name].takes_part("project") or REGULARIZERS[name].takes_part("decay")
    }
    if estimator.averaging:
        reasons["averaging"] = "averages the steps of sgd or adam"
    if estimator.early_stopping:
        reasons["early_stopping"] = "stops the epochs of sgd or adam"
    if estimator.callbacks:
        reasons["callbacks"] = "follow the epochs of sgd or adam"
    if isinstance(estimator.batch_size, Integral):
        reasons["batch_size"] = "asks for mini-batches"
    for name, why in reasons.items():
        value = getattr(estimator, name)
        instead = {"weight_decay": " or use l2", "batch_size": " or leave batch_size='auto'"}
        raise ValueError(
            f"solver='lbfgs' minimises one fixed objective on all rows, and {name}={value!r} {why}."
            f" Choose solver='adam' or 'sgd', or switch {name} off{instead.get(name, '')}."
        )


def _is_random(name: str) -> bool:
    return REGULARIZERS[name].random


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


def check_size(estimator: Any, network: Any, width: int, itemsize: int) -> None:
    """Refuse a network that this machine's memory cannot hold."""
    units = network.n_inputs_padded + sum(network.hidden_units)
    n_bytes = itemsize * (5 * network.size + 3 * units * width)  # gradient and averages, too
    has = _physical_memory()
    if n_bytes > has:
        raise ValueError(
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} on {network.n_inputs} inputs "
            f"makes {network.size:.3g} parameters; training takes about {n_bytes / 1e9:.3g} GB and "
            f"this machine has {has / 1e9:.3g}. Make the layers or batch_size smaller."
        )


def _physical_memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on this system
        return 2.0**46
