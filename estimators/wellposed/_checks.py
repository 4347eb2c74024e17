"""Combinations of parameters that are refused, before any work is done."""

from __future__ import annotations

import os
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import validate_parameter_constraints

from ._strengths import regularizers_on
from ._tasks import tasks_argument
from ._warn import warn
from .networks import Network
from .regularizers import REGULARIZERS, Ramp, Regularizer
from .regularizers.base import PER_LAYER
from .training.schedules import SCHEDULES, Schedule


def shown(estimator: Any, name: str) -> str:
    """How a parameter was given."""
    if name in estimator.get_params(deep=False):
        value = getattr(estimator, name)
        return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value!r}"
    return f"regularizers={[pair for pair in estimator.regularizers if pair[0] == name]!r}"


def _off(estimator: Any, name: str) -> str:
    """How a regularizer is switched off."""
    return "None" if getattr(type(estimator), name, 0) is None else "0"


def check_combination(estimator: Any) -> dict[str, Regularizer]:
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
        _check_callbacks(estimator.callbacks)
    _check_device(estimator.device)
    return on


def _check_hidden_layers(estimator: Any) -> None:
    """Refuse what is done to hidden layers where there are none to do it to."""
    options = {
        "normalization": estimator.normalization,
        "skip": bool(estimator.skip),
        "k_winners": estimator.k_winners,
    }
    for name in (name for name, value in options.items() if value):
        off = f"{name}={type(estimator).__dataclass_fields__[name].default}"
        given = f"{name}={options[name]!r}"
        if callable(estimator.network):
            raise ValueError(
                f"{given} is for networks of this library, and network=callable builds a module of "
                f"your own. Put such layers into the module, and set {off}."
            )
        sizes = hidden_sizes(estimator.hidden_layer_sizes)
        if not sizes:
            raise ValueError(
                f"{given} acts on hidden layers, and hidden_layer_sizes=() has none. Set {off} or "
                "add a hidden layer."
            )
        if name == "skip" and all(a != b for a, b in pairwise(sizes)):
            raise ValueError(
                f"skip=True adds a hidden layer's input to what it puts out, which takes two "
                f"neighbouring hidden layers of one size, and hidden_layer_sizes={sizes!r} has "
                "none. Make two neighbouring sizes equal, or set skip=False."
            )


def _check_needs(estimator: Any, on: dict[str, Regularizer]) -> None:
    """Refuse regularizers whose class needs other values of other parameters."""
    for name, regularizer in on.items():
        for other, (value, why) in regularizer.needs.items():
            given, off = shown(estimator, name), f"{name}={_off(estimator, name)}"
            if callable(estimator.network):
                raise ValueError(
                    f"{given} {why}, and whether a module of your own does is not known. Set {off}."
                )
            if getattr(estimator, other) != value:
                raise ValueError(
                    f"{given} {why}, which takes {other}={value!r}, and {other} is "
                    f"{getattr(estimator, other)!r}. Set {other}={value!r} or {off}."
                )


def check_batches(estimator: Any, network: Network, rows: int) -> None:
    """Refuse batches of one row where a network normalises by the statistics of a batch."""
    if network.statistics is not None and rows == 1:
        raise ValueError(
            f"normalization='batch' normalises over the rows of a batch, and batch_size="
            f"{estimator.batch_size!r} leaves 1 sample in each. Make batches larger (give more "
            "rows), or set normalization='layer'."
        )


def _check_ramps(estimator: Any, on: dict[str, Regularizer]) -> None:
    for name, r in on.items():
        ends = (r.strength.start, r.strength.end) if isinstance(r.strength, Ramp) else ()
        if r.is_bound and not all(ends):
            raise ValueError(
                f"{shown(estimator, name)} goes to 0, and {name} is a bound, of which 0 is none at "
                "all. Let both ends be larger than 0."
            )


def _check_pairs(estimator: Any, on: dict[str, Regularizer]) -> None:
    for name, regularizer in on.items():
        for other in regularizer.excludes.keys() & on.keys():
            raise ValueError(
                f"{shown(estimator, name)} cannot be combined with {shown(estimator, other)}: "
                f"{regularizer.excludes[other]}. Set one of them to 0."
            )


def _check_layers(estimator: Any, on: dict[str, Regularizer], network: Network) -> None:
    """Refuse lists of strengths that have another length than the network."""
    for name, regularizer in on.items():
        if estimator.tied and regularizer.per_layer == "hidden weights":
            raise ValueError(
                f"{shown(estimator, name)} acts on the weights that lead into hidden units, and of "
                f"tied=True they lead out of them, too. Set {name}={_off(estimator, name)} or "
                "tied=False."
            )
        if not isinstance(regularizer.strength, tuple):
            continue
        layer, count = PER_LAYER[regularizer.per_layer]
        n, given = count(network), len(regularizer.strength)
        if given != n:
            raise ValueError(
                f"{shown(estimator, name)} has {given} number{'s' * (given > 1)}, one a {layer}, "
                f"and the network has {n}. Give {n}, 0 where it should be off, or one number for "
                "all layers."
            )


def check_tied(estimator: Any, sizes: tuple[int, ...], others: dict[str, Any]) -> None:
    """Refuse to tie weights of layers that do not mirror each other."""
    for name, value in {"network": estimator.network == "cnn", **others}.items():
        if value:
            raise ValueError(
                f"tied=True is for plain layers that mirror each other, and "
                f"{shown(estimator, name)} makes others. Leave it out, or set tied=False."
            )
    if len(sizes) % 2 == 0 or sizes != sizes[::-1]:
        raise ValueError(
            f"tied=True makes the second half of the layers the transposes of the first, and the "
            f"sizes from inputs to outputs, {sizes}, do not mirror each other around one in the "
            "middle. Give y as many columns as X, and hidden_layer_sizes such as (32, 8, 32)."
        )


def check_module(estimator: Any, network: Network) -> None:
    """Refuse regularizers that have nothing to act on in a module of the user's own."""
    for name, regularizer in regularizers_on(estimator).items():
        why = _nothing_in_module(regularizer, network)
        if why:
            instead = regularizer.instead.get("module")
            raise ValueError(
                f"{shown(estimator, name)} acts on {why}. Set {name}={_off(estimator, name)}"
                f"{f' and {instead}' if instead else ''}."
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


def uses_tasks(estimator: Any, on: dict[str, Regularizer], given: Any = None) -> bool:
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


def check_network(estimator: Any, request: Any) -> None:
    """Refuse regularizers that have no meaning for this network, loss and training."""
    for name, r in request.regularizers.items():
        why = r.why_not(request.network, request.loss) or r.why_not_training(request)
        if why:
            raise ValueError(f"{shown(estimator, name)} {why}")
    _check_layers(estimator, request.regularizers, request.network)


def _nothing_in_module(regularizer: Regularizer, network: Network) -> str:
    """What a regularizer acts on and is not there, or ""."""
    module = "the module that network=callable built has"
    if regularizer.needs_hidden and regularizer.acts_on == "hidden units":
        if not network.hidden_units:
            return f"what each nn.Linear but the first is fed, and {module} no such layer"
    elif regularizer.needs_hidden and len(network.layers) < 2:
        return f"hidden units, and {module} one layer of weights"
    elif regularizer.acts_on == "weights" and not network.n_weights:
        return f"weights, and {module} none to train"
    return ""


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


def schedule(estimator: Any) -> Schedule | None:
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


def _check_lbfgs(estimator: Any, on: dict[str, Regularizer]) -> None:
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


def check_size(estimator: Any, network: Network, width: int, itemsize: int) -> None:
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
