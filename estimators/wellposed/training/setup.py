"""What a stack begins with: first parameters and regularizers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from .._streams import generator
from ..networks.flat import Flat
from ..regularizers.base import MOMENTS, Regularizer
from .request import Request
from .setting import Setting


def initial_theta(request: Request) -> Tensor:
    """Return where a request starts, [P]: its own fresh draw or the state it goes on from."""
    if request.start is not None:
        return request.start.theta
    rng = generator(request.seed, "init")
    theta = request.network.init(request.init, rng, request.rows.table.dtype)
    theta = theta.to(request.rows.table.device)
    network = request.network
    if request.init == "auto" and isinstance(network, Flat) and network.hidden_units:
        _begin_at_the_scale_of_y(theta, request, network)
    return theta


def _begin_at_the_scale_of_y(theta: Tensor, request: Request, network: Flat) -> None:
    """Let the outputs of fresh parameters [P] have about y's mean and spread, where y is numbers.

    An optimiser whose steps are of one size would take thousands of them to get there.
    """
    if request.loss not in ("squared_error", "poisson"):
        return
    rows, last = request.rows, network.layers[-1]
    y, weight = rows.table[:-1, rows.targets].T, rows.loss_weights()
    total = weight.sum(1).clamp_min(torch.finfo(y.dtype).tiny)  # a target may be missing throughout
    mean = (weight * y).sum(1) / total
    spread = ((weight * (y - mean[:, None]).square()).sum(1) / total).sqrt()
    if request.loss == "poisson":  # the output is the logarithm
        mean, spread = mean.log(), torch.ones_like(spread)
    if all(layer.weight != last.weight for layer in network.layers[:-1]):  # untied
        theta[last.weight].view(last.rows, last.cols)[: len(spread)].mul_(
            torch.where(spread > 0, spread, 1.0)[:, None]
        )
    if last.bias is not None:
        theta[last.bias][: len(mean)] = mean.nan_to_num(neginf=0.0)


def origin(requests: Sequence[Request]) -> Tensor:
    """Return the parameters [K, P] that networks are pulled to."""
    like = requests[0].rows.table
    return torch.stack(
        [
            initial_theta(r) if r.origin is None else torch.from_numpy(r.origin).to(like)
            for r in requests
        ]
    )


def make_regularizers(requests: Sequence[Request]) -> list[Regularizer]:
    """Build the regularizers of a stack, which are on in every request, each with its strength."""
    first = requests[0]
    has_prox = any(r.acts("prox") for r in first.regularizers.values())
    made = []
    for name, regularizer in first.regularizers.items():
        strengths = [request.regularizers[name].strength for request in requests]
        setting = Setting(
            name=name,
            network=first.network,
            width=first.width,
            strengths=strengths,
            n_updates=[request.n_updates for request in requests],
            epoch_lengths=[request.n_batches for request in requests],
            cycle_ends=[request.cycle_ends for request in requests],
            origin=partial(origin, requests),
            has_prox=has_prox,
            seeds=[(request.seed, request.updates_before) for request in requests],
            dtype=first.rows.table.dtype,
            device=first.rows.table.device,
            rows=[request.rows for request in requests],
            unlabeled_width=first.of_unlabeled().width if first.unlabeled else first.width,
        )
        made.append(regularizer.in_stack(strengths, setting))
    return made


def by_moment(regularizers: Sequence[Regularizer]) -> dict[str, list[Regularizer]]:
    """Return who takes part in each moment of a step."""
    found = {moment: [r for r in regularizers if r.acts(moment)] for moment in MOMENTS}
    # A penalty with a proximal step has no gradient besides.
    found["gradient"] = [r for r in found["value"] if not r.acts("prox")]
    return found
