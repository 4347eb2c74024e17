"""Starting from another network: its parameters, and which layers are trained at what rate."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from .networks import Network
from .training.request import Pace, Request, State
from .training.setup import initial_theta

if TYPE_CHECKING:
    from ._parameters import Parameters


def paces(estimator: Parameters, network: Network) -> tuple[Pace, ...]:
    """Return the columns of theta that have a rate of their own.

    Raises
    ------
    ValueError
        For layers that the network does not have, and if none is left to train.
    """
    n = len(network.layers)
    factors: dict[tuple[int, int], float] = {}
    given = estimator.layer_rates
    if given is not None:
        numbers = list(given)
        if len(numbers) != n or not all(_is_rate(number) for number in numbers):
            raise ValueError(
                f"layer_rates={given!r} must be {n} numbers > 0, one a layer of weights, by which "
                "learning_rate is multiplied there. For layers that stay as they are use freeze."
            )
        for i, number in enumerate(numbers):
            factors |= {_key(part): float(number) for part in network.columns(i)}
    for layer in _frozen_layers(estimator.freeze, network):
        if isinstance(layer, bool) or not isinstance(layer, Integral | str):
            raise ValueError(
                f"freeze={estimator.freeze!r} holds {layer!r}; layers are numbers from 0 to "
                f"{n - 1}, or, of a module of your own, names. Give these, freeze='all_but_last' "
                "or None."
            )
        try:
            parts = network.columns(layer if isinstance(layer, str) else int(layer))
        except (IndexError, KeyError):
            raise ValueError(
                f"freeze={estimator.freeze!r} names the layer {layer!r}, and the network has "
                f"{network.names}. Name some of these, or give numbers from 0 to {n - 1}."
            ) from None
        factors |= {_key(part): 0.0 for part in parts}
    found = [(start, stop, factor) for (start, stop), factor in factors.items() if factor != 1.0]
    trained = network.real.clone()
    if network.statistics is not None:
        trained[network.statistics] = False
    for start, stop, factor in found:
        trained[start:stop] &= bool(factor)
    if not trained.any():
        raise ValueError(
            f"freeze={estimator.freeze!r} leaves no layer to train. Freeze fewer layers."
        )
    return tuple(sorted(found))


def _key(part: slice) -> tuple[int, int]:
    return part.start, part.stop


def _is_rate(number: Any) -> bool:
    return isinstance(number, Real) and 0 < float(number) < np.inf


def _frozen_layers(freeze: Any, network: Network) -> list[Any]:
    if freeze is None:
        return []
    if isinstance(freeze, str) and freeze == "all_but_last":
        last = network.columns(len(network.layers) - 1)
        return [name for name in network.names if network.columns(name) != last]
    return list(freeze) if isinstance(freeze, list | tuple) else [freeze]


def start(given: Any, request: Request) -> State | None:
    """Return the parameters that `start` tells a request to begin with, None if it is None.

    Raises
    ------
    TypeError
        For what holds no parameters.
    ValueError
        For parameters of another network.
    """
    if given is None:
        return None
    theta, network = initial_theta(request).clone(), request.network
    fresh = theta.clone()
    module = network.module(theta)
    own = module.state_dict()
    given = _matched(_state_dict(given), own)
    last = _last_layer(module)
    _refuse_what_has_no_place(given, own, last)
    with torch.no_grad():
        for name, into in own.items():
            value = given.get(name)
            if value is not None and value.shape == into.shape:
                into.copy_(value)
            elif name.rpartition(".")[0] != last:
                found = "nothing" if value is None else f"shape {tuple(value.shape)}"
                raise ValueError(
                    f"start= has {found} for {name}, which is of shape {tuple(into.shape)} here. "
                    "Give the same hidden_layer_sizes and inputs as the network has that start= "
                    "is of; only the last layer may be another, and is then drawn afresh."
                )
        if not theta.isfinite().all():
            raise ValueError(
                "start= has parameters that are not finite (NaN, inf), with which no network can "
                "go on. Give those of a training that has not diverged."
            )
        _refuse_what_was_overwritten(given, own)
        if not _fits(given, own, last):  # weights alone would be half of a layer
            for part in network.columns(len(network.layers) - 1):
                theta[part] = fresh[part]
    return State(theta, [], 0, network.buffers())


def origin(given: Any, request: Request) -> np.ndarray:
    """Return the parameters [P] of `start` for a request that goes on; what it lacks, as it is."""
    buffers = request.network.buffers()
    try:
        state = start(given, request)
    finally:  # which are the fitted network's
        request.network.restore(buffers)
    assert state is not None
    return state.theta.numpy(force=True)


def _fits(given: Mapping[str, Tensor], own: Mapping[str, Tensor], last: str) -> bool:
    names = [name for name in {**own, **given} if name.rpartition(".")[0] == last]
    return all(
        name in own and name in given and given[name].shape == own[name].shape for name in names
    )


def _refuse_what_has_no_place(
    given: Mapping[str, Tensor], own: Mapping[str, Tensor], last: str
) -> None:
    """Refuse layers that would not be taken, but for the one that puts out."""
    output = _last_weights(given)
    for name, value in given.items():
        layer = name.rpartition(".")[0]
        if layer == output or (name in own and (layer != last or value.shape == own[name].shape)):
            continue
        raise ValueError(
            f"start= has {name}, of shape {tuple(value.shape)}, which has no place in this "
            "network: a part of the network that start= is of would do the work of the whole. "
            "Give the same hidden_layer_sizes, normalization and fit_intercept as it has, or a "
            "state_dict without what is not meant to be taken; only the last layer may be another."
        )


def _refuse_what_was_overwritten(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Refuse unequal numbers for parameters that are one."""
    for name, into in own.items():
        value = given.get(name)
        if value is None or value.shape != into.shape:
            continue
        if not torch.allclose(into, value.to(into), rtol=0, atol=0, equal_nan=True):
            raise ValueError(
                f"start= has numbers of its own for {name}, which is tied to other weights of this "
                "network. Give a start whose weights are tied in the same way, or set tied=False."
            )


def _last_weights(parameters: Mapping[str, Tensor]) -> str | None:
    """Name of the last layer that has weights, None if none has."""
    names = [name for name, p in parameters.items() if p.ndim >= 2]
    return names[-1].rpartition(".")[0] if names else None


def _last_layer(module: nn.Module) -> str:
    """Name of the last layer that has weights."""
    return _last_weights(dict(module.named_parameters())) or ""


def _state_dict(source: Any) -> dict[str, Tensor]:
    if isinstance(source, nn.Module):
        return source.state_dict()
    if isinstance(source, Mapping):
        return {str(name): _tensor(name, value) for name, value in source.items()}
    if hasattr(source, "_network"):
        check_is_fitted(source)
        return source.net_.module_.state_dict()
    if hasattr(source, "hidden_layer_sizes"):
        check_is_fitted(source)
    raise TypeError(
        f"start= must be a fitted NetClassifier or NetRegressor, a torch module or its state_dict, "
        f"got {type(source).__name__}. Give one of these, or None."
    )


def _tensor(name: Any, value: Any) -> Tensor:
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"start= has {value!r} for {name!r}, which is no array of numbers. Give a state_dict: "
            "tensors or arrays by the names of a module's parameters."
        ) from error


def _matched(given: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters under our names: those they have, or, of a network named otherwise, by place."""
    if given.keys() & own.keys() or len(given) != len(own):
        return given
    return dict(zip(own, given.values()))
