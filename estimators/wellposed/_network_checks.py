"""Parameters that do not suit the network, its loss, its batches or this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._strengths import regularizers_on
from ._values import off, shown
from .networks import Network
from .regularizers import Regularizer
from .regularizers.base import PER_LAYER
from .training.request import Request

if TYPE_CHECKING:
    from ._parameters import Parameters


def check_tied(estimator: Parameters, sizes: tuple[int, ...], others: dict[str, Any]) -> None:
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


def check_module(estimator: Parameters, network: Network) -> None:
    """Refuse regularizers that have nothing to act on in a module of the user's own."""
    for name, regularizer in regularizers_on(estimator).items():
        why = _nothing_in_module(regularizer, network)
        if why:
            instead = regularizer.instead.get("module")
            raise ValueError(
                f"{shown(estimator, name)} acts on {why}. Set {name}={off(estimator, name)}"
                f"{f' and {instead}' if instead else ''}."
            )


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


def check_network(estimator: Parameters, request: Request) -> None:
    """Refuse regularizers that have no meaning for this network, loss and training."""
    for name, r in request.regularizers.items():
        why = r.why_not(request.network, request.loss) or r.why_not_training(request)
        if why:
            raise ValueError(f"{shown(estimator, name)} {why}")
    _check_layers(estimator, request.regularizers, request.network)


def _check_layers(estimator: Parameters, on: dict[str, Regularizer], network: Network) -> None:
    """Refuse lists of strengths that have another length than the network."""
    for name, regularizer in on.items():
        if estimator.tied and regularizer.per_layer == "hidden weights":
            raise ValueError(
                f"{shown(estimator, name)} acts on the weights that lead into hidden units, and of "
                f"tied=True they lead out of them, too. Set {name}={off(estimator, name)} or "
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


def check_batches(estimator: Parameters, network: Network, rows: int) -> None:
    """Refuse batches of one row where a network normalises by the statistics of a batch."""
    if network.statistics is not None and rows == 1:
        raise ValueError(
            f"normalization='batch' normalises over the rows of a batch, and batch_size="
            f"{estimator.batch_size!r} leaves 1 sample in each. Make batches larger (give more "
            "rows), or set normalization='layer'."
        )


def check_size(estimator: Parameters, network: Network, width: int, itemsize: int) -> None:
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
