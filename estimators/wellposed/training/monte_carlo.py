"""Monte-Carlo prediction: sub-models drawn by the masks of the training (section 7.12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import mul
from typing import Any

import torch
from torch import Tensor

from ..networks import Network, pad16
from ..regularizers.base import Regularizer
from ..regularizers.ramps import Ramp
from .evaluation import dense
from .model import Batch
from .setting import Setting

_ROWS = 256  # predicted at once
_NUMBERS = 1 << 24  # of masks, held at once


def drawn(regularizers: dict[str, Regularizer]) -> dict[str, Regularizer]:
    """Those that draw sub-models."""
    return {name: r for name, r in regularizers.items() if r.acts("mask") or r.draws_sub_models}


@torch.no_grad()
def sub_model_outputs(
    network: Network,
    theta: Tensor,
    X: Any,
    regularizers: dict[str, Regularizer],
    seeds: Sequence[int],
) -> Tensor:
    """Outputs [draws, n, outputs] of one network [P] on rows X under the masks of each seed."""
    units = network.n_inputs_padded + sum(network.hidden_units)
    at_once = max(1, _NUMBERS // (_ROWS * units + network.size))
    parts = [seeds[i : i + at_once] for i in range(0, len(seeds), at_once)]
    return torch.cat([_outputs(network, theta, X, regularizers, part) for part in parts])


def _outputs(
    network: Network,
    theta: Tensor,
    X: Any,
    regularizers: dict[str, Regularizer],
    seeds: Sequence[int],
) -> Tensor:
    K, n = len(seeds), X.shape[0]
    width = pad16(min(n, _ROWS))
    made = [
        r.in_stack([_last(r.strength)] * K, _setting(name, network, theta, width, seeds))
        for name, r in regularizers.items()
    ]
    masking = [r for r in made if r.acts("mask")]
    found = theta.new_empty(K, n, network.n_outputs)
    for start, x in _chunks(network, theta, X, width):
        batch, at = Batch(x.expand(K, -1, -1), *(x[:, :0],) * 2), theta.expand(K, -1)
        for r in made:
            if r.acts("batch"):
                batch = r.batch(batch, None)  # type: ignore[arg-type]
            if r.acts("perturb"):
                at = r.perturb(at, torch.zeros_like)
        layers = range(len(network.hidden_units))
        masks = [reduce(mul, [r.mask(i) for r in masking]) for i in layers] if masking else None
        z = network.forward(*network.parameters(at), batch.x, masks)
        rows = min(width, n - start)
        found[:, start : start + rows] = z[:, : network.n_outputs, :rows].mT
    return found


def _chunks(network: Network, theta: Tensor, X: Any, width: int) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, X.shape[0], width):
        chunk = X[start : start + width]
        padded = theta.new_zeros(width, network.n_inputs_padded)
        chunk = chunk if isinstance(chunk, Tensor) else dense(chunk)
        padded[: chunk.shape[0], : chunk.shape[1]] = chunk
        yield start, padded[None].mT.contiguous()


def _last(strength: Any) -> Any:
    """The strength at the end of the training."""
    return strength.at(1.0) if isinstance(strength, Ramp) else strength


def _setting(
    name: str, network: Network, theta: Tensor, width: int, seeds: Sequence[int]
) -> Setting:
    return Setting(
        name=name,
        network=network,
        width=width,
        strengths=[0.0] * len(seeds),
        n_updates=[0] * len(seeds),
        has_prox=False,
        seeds=[(seed, 0) for seed in seeds],
        dtype=theta.dtype,
        device=theta.device,
    )
