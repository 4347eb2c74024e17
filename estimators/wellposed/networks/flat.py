"""Networks as stacks: weights [K, out, in], activations [K, features, batch].

All parameters of K networks of one shape live in one flat buffer ``theta`` [K, P]: first every
layer's weights, then every layer's biases. Each dimension is padded with zeros to a multiple of 16,
so that matrix products take the same path whatever K is: a network computes the same bits alone and
in a stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

INITS = ("auto", "glorot", "he", "zeros")
_NOTHING: AbstractContextManager[None] = nullcontext()


def pad16(n: int) -> int:
    """Round n up to a multiple of 16."""
    return -(-n // 16) * 16


@dataclass(frozen=True)
class Layer:
    """Where one affine layer's parameters lie in the flat buffer.

    Attributes
    ----------
    n_in, n_out : int
        Real sizes; ``rows`` and ``cols`` are the padded ones.
    weight, bias : slice
        Columns of ``theta``; ``bias`` is None without intercept.
    """

    n_in: int
    n_out: int
    weight: slice
    bias: slice | None

    @property
    def rows(self) -> int:
        return pad16(self.n_out)

    @property
    def cols(self) -> int:
        return pad16(self.n_in)


def lay_out(shapes: Sequence[tuple[int, int]], fit_intercept: bool) -> tuple[Layer, ...]:
    """Place layers of (n_in, n_out) in one buffer: all weights first, then all biases."""
    sizes = [pad16(n_out) * pad16(n_in) for n_in, n_out in shapes]
    starts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    biases: list[slice | None] = [None] * len(shapes)
    if fit_intercept:
        at = starts[-1]
        for i, (_, n_out) in enumerate(shapes):
            biases[i] = slice(at, at + pad16(n_out))
            at += pad16(n_out)
    return tuple(
        Layer(n_in, n_out, slice(starts[i], starts[i + 1]), biases[i])
        for i, (n_in, n_out) in enumerate(shapes)
    )


class Flat:
    """Networks of affine ``layers``, whose parameters lie in one flat buffer."""

    exact_rows: ClassVar[bool] = False  # batches may be padded with rows
    compares_rows: ClassVar[bool] = False  # a row's output depends on no other row
    skips: ClassVar[Any] = ()  # no layer is added to its input
    statistics: ClassVar[slice | None] = None  # there are no running ones
    layers: tuple[Layer, ...]

    def __getstate__(self) -> dict[str, Any]:
        """What it was made of: the rest follows."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """What images a row is taken for: none."""
        return None

    @property
    def n_weights(self) -> int:
        """Padded number of weights: the first columns of ``theta``, those that are penalised."""
        return self.layers[-1].weight.stop

    @property
    def size(self) -> int:
        """P, the number of columns of ``theta``."""
        last = self.layers[-1].bias
        return self.n_weights if last is None else last.stop

    @property
    def names(self) -> list[str]:
        """Names of the layers: their places."""
        return [str(i) for i in range(len(self.layers))]

    def columns(self, layer: int | str) -> list[slice]:
        """Columns of ``theta`` that hold the parameters of a layer."""
        if isinstance(layer, str):
            layer = dict(zip(self.names, range(len(self.layers))))[layer]
        at = range(len(self.layers))[layer]
        return [part for part in (self.layers[at].weight, self.layers[at].bias) if part]

    def weights(self, flat: Tensor) -> list[Tensor]:
        """View the first columns of ``theta``, [K, W], as weights [K, out, in]."""
        return [
            flat[:, layer.weight].unflatten(1, (layer.rows, layer.cols)) for layer in self.layers
        ]

    def parameters(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """View ``theta`` [K, P] as weights [K, out, in] and biases [K, out, 1] (none without)."""
        weights = self.weights(theta)
        biases = [theta[:, layer.bias].unsqueeze(2) for layer in self.layers if layer.bias]
        return weights, biases

    def init(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draw one network's parameters [P]."""
        return self._draw(scheme, rng, dtype)

    def _draw(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        raise NotImplementedError

    def coefs(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Real weights and biases of one network, as views of ``theta`` [P]."""
        raise NotImplementedError

    def buffers(self) -> list[Tensor]:
        """What else a network remembers; none of these does."""
        return []

    def restore(self, buffers: Sequence[Tensor]) -> None:
        """Restore the buffers."""

    def count(self, theta: Tensor, statistics: Sequence[Tensor]) -> None:
        """Let running statistics follow those of a batch."""

    def uncounted(self, again: bool = False) -> AbstractContextManager[None]:
        """A block whose passes leave nothing behind; none of these does."""
        return _NOTHING

    @cached_property
    def real(self) -> Tensor:
        """Mask [P] of the entries of ``theta`` that are parameters, not padding."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        for parts in self.coefs(mask):
            for part in parts:
                part[...] = True
        return mask


def autograd_backward(
    tape: list[Tensor], slope: Tensor, weight_grads: Sequence[Tensor], bias_grads: Sequence[Tensor]
) -> None:
    """Back-propagate dJ/dz into the gradients, in place, through a tape of [z, *leaves]."""
    z, *leaves = tape
    grads = torch.autograd.grad(z, leaves, slope, allow_unused=True)
    for into, grad in zip((*weight_grads, *bias_grads), grads):
        into.zero_() if grad is None else into.copy_(grad)
