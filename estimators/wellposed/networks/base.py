"""What a network is: K networks of one shape, whose parameters are one buffer ``theta`` [K, P]."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn


class Network(Protocol):
    """Networks of one shape, without their parameters, which are given to every method.

    ``theta`` [K, P] begins with the weights, W columns that are penalised. Inputs are
    [K, inputs, B] and outputs [K, outputs, B], both padded with zeros to multiples of 16.
    Networks that are equal (``==``) are trained side by side.
    """

    @property
    def n_inputs(self) -> int:
        """Real number of inputs."""
        ...

    @property
    def n_inputs_padded(self) -> int: ...

    @property
    def n_outputs(self) -> int:
        """Real number of outputs."""
        ...

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width) of the images that a row is taken for, if it is one."""
        ...

    @property
    def layers(self) -> Sequence[object]:
        """One item for each layer with weights."""
        ...

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """Padded sizes of the hidden layers: what dropout masks must cover."""
        ...

    @property
    def real_hidden_units(self) -> tuple[int, ...]:
        """Real sizes of the hidden layers."""
        ...

    @property
    def skips(self) -> tuple[bool, ...]:
        """Which hidden layers are added to their input; () if none is."""
        ...

    @property
    def n_weights(self) -> int:
        """W, the padded number of weights: the first columns of ``theta``."""
        ...

    @property
    def size(self) -> int:
        """P, the number of columns of ``theta``."""
        ...

    @property
    def real(self) -> Tensor:
        """Mask [P] of the entries of ``theta`` that are parameters, not padding."""
        ...

    @property
    def inputs_have_columns(self) -> bool:
        """Whether the first weights have a column for each input."""
        ...

    @property
    def exact_rows(self) -> bool:
        """Whether batches must not be padded with rows; such a network is a stack of one."""
        ...

    @property
    def compares_rows(self) -> bool:
        """Whether a row's output depends on the other rows of its batch."""
        ...

    @property
    def statistics(self) -> slice | None:
        """Columns of ``theta`` that are running statistics, which no gradient moves."""
        ...

    def count(self, theta: Tensor, statistics: Sequence[Tensor]) -> None:
        """Let the running statistics in ``theta`` [K, P] follow those of a batch, in place."""
        ...

    @property
    def names(self) -> list[str]:
        """Names of the layers that have parameters."""
        ...

    def columns(self, layer: int | str) -> list[slice]:
        """Columns of ``theta`` that hold the parameters of a layer with weights, or of this name.

        Raises
        ------
        IndexError, KeyError
            If there is none.
        """
        ...

    def parameters(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """View ``theta`` [K, P] as weights [K, out, in] and biases [K, out, 1] (none without)."""
        ...

    def weights(self, flat: Tensor) -> list[Tensor]:
        """View the first columns of ``theta``, [K, W], as weights [K, out, in]."""
        ...

    def forward(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        tape: list[Tensor] | None = None,
        hidden: list[Tensor] | None = None,
        training: bool = False,
        rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
    ) -> Tensor:
        """Map x [K, in, B] to the outputs [K, out, B].

        ``masks`` [K, units, B] multiply the hidden activations. ``tape`` takes down what the
        backward pass needs, ``hidden`` the activations before masks. With a tape, or `training`,
        a module is in training mode. With ``rows`` [K, 1, B], one over the number of real rows
        and 0 for padding, batch normalization takes the statistics of the batch, which
        ``statistics`` takes down, and running ones without.
        """
        ...

    def backward(
        self,
        weights: Sequence[Tensor],
        slope: Tensor,
        tape: list[Tensor],
        weight_grads: Sequence[Tensor],
        bias_grads: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        """Back-propagate dJ/dz [K, out, B] into the gradients, in place."""
        ...

    def init(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draw one network's parameters [P]."""
        ...

    def coefs(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Real weights and biases of one network, as views of ``theta`` [P].

        Raises
        ------
        AttributeError
            For a module of the user's own.
        """
        ...

    def module(self, theta: Tensor) -> nn.Module:
        """Return a PyTorch module whose parameters are views of one network's ``theta`` [P]."""
        ...

    def buffers(self) -> list[Tensor]:
        """Copies of what the network remembers besides: running statistics and the like."""
        ...

    def restore(self, buffers: Sequence[Tensor]) -> None:
        """Restore the buffers."""
        ...

    def uncounted(self, again: bool = False) -> AbstractContextManager[None]:
        """A block whose passes in training mode leave nothing behind.

        Running statistics and the random numbers of a module's own layers are those of before. A
        pass inside draws the numbers of the next pass outside or, if `again`, of the last one.
        """
        ...
