"""What a regularizer sees of one step: the batch, the weights and the networks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..networks import Network
from ..networks.losses import differentiable

Parameters = tuple[Sequence[Tensor], Sequence[Tensor]]


class Batch(NamedTuple):
    """One step of K networks: x [K, inputs, B], target [K, outputs, B], weight [K, 1, B].

    ``weight`` is the sample weight over the number of rows in the batch, 0 for padding, so that
    ``(loss * weight).sum()`` is J of the batch. ``unlabeled`` holds the step's rows without labels,
    [K, inputs, U], where there are some; its target is empty. ``shares`` [K, outputs, B] are what
    each target's loss counts, where not all do alike: 0 where it is missing. ``tasks`` are targets
    and shares of further tasks, [K, 2 units, B].
    """

    x: Tensor
    target: Tensor
    weight: Tensor
    unlabeled: Batch | None = None
    shares: Tensor | None = None
    tasks: Tensor | None = None

    @property
    def loss_weight(self) -> Tensor:
        """What each row's loss weighs, [K, 1, B], or each of its targets', [K, outputs, B]."""
        return self.weight if self.shares is None else self.weight * self.shares

    def of(self, rows: Any) -> Batch:
        """The batch of these networks of the stack."""
        parts = (self.x[rows], self.target[rows], self.weight[rows])
        shares = None if self.shares is None else self.shares[rows]
        tasks = None if self.tasks is None else self.tasks[rows]
        return Batch(*parts, self.unlabeled and self.unlabeled.of(rows), shares, tasks)


class Weights:
    """The weights of K networks, without biases.

    Attributes
    ----------
    flat : Tensor of shape (K, W)
        Padding included, which is zero.
    layers : list of Tensor of shape (K, out, in)
        Views of ``flat``.
    """

    def __init__(self, network: Network, flat: Tensor) -> None:
        self.network = network
        self.flat = flat
        self.layers = network.weights(flat)

    def at(self, flat: Tensor) -> Weights:
        """The same networks with other weights."""
        return Weights(self.network, flat)


@dataclass
class Model:
    """K networks as they are in one step, differentiable in their parameters and in x.

    The masks of dropout, and the random layers of a module of the user's own, are those of the
    step. Passes that are made here leave nothing behind: running statistics and random layers count
    the pass of the step alone.

    Attributes
    ----------
    network : Network
    loss : str
    n_outputs : int
    parameters : (weights, biases)
        Tensors [K, out, in] and [K, out, 1].
    masks : list of Tensor of shape (K, units, B), optional
        What each hidden layer's activations are multiplied by.
    n_rows : int, optional
        Real rows of the batch, of a network that must not be shown others.
    rows : Tensor of shape (K, 1, B), optional
        One over the number of real rows, and 0 for padding, for batch normalization.
    statistics : list of Tensor
        What batch normalization found in the pass that counts.
    """

    network: Network
    loss: str
    n_outputs: int
    parameters: Parameters
    masks: Sequence[Tensor] | None = None
    n_rows: int | None = None
    rows: Tensor | None = None
    statistics: list[Tensor] = field(default_factory=list, repr=False)
    _pass: tuple[Tensor, Tensor, list[Tensor]] | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs [K, outputs, B] of inputs [K, inputs, B], before any link."""
        return self._passed(x)[0][:, : self.n_outputs]

    def all_outputs(self, x: Tensor) -> Tensor:
        """Outputs as `__call__` has them, those of further tasks after those of y."""
        return self._passed(x)[0]

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Activations [K, units, B] of each hidden layer, before dropout."""
        found = self._passed(x)[1]
        if len(found) != len(self.network.hidden_units):
            raise ValueError(
                "Regularizers of hidden units act on what each nn.Linear is fed, one sample a row, "
                "and this module feeds some of them otherwise. Switch them off."
            )
        return found

    def J(self, batch: Batch) -> Tensor:
        """Mean loss on a batch, [K]."""
        return differentiable(self.loss, self(batch.x), batch.target, batch.loss_weight)

    def at(self, theta: Tensor) -> Model:
        """The same networks with other parameters, theta [K, P]."""
        return replace(self, parameters=self.network.parameters(theta), _pass=None)

    def input_gradient(self, batch: Batch, create_graph: bool = False) -> Tensor:
        """Gradient of J with respect to the batch's inputs, [K, inputs, B].

        A constant, unless `create_graph`.
        """
        with torch.enable_grad():
            x = batch.x.detach().requires_grad_()
            J = self.J(batch._replace(x=x)).sum()
            return torch.autograd.grad(J, x, create_graph=create_graph)[0]

    def derivative(self, x: Tensor, v: Tensor) -> Tensor:
        """Derivative [K, outputs, B] of the outputs at x along v [K, inputs, B].

        Differentiable itself: it is the derivative of a vector-Jacobian product.
        """
        return self.derivatives(x, [v])[0]

    def derivatives(self, x: Tensor, directions: Sequence[Tensor]) -> list[Tensor]:
        """The same along each of several directions, by one pass forward."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            z = self(x)
            u = torch.zeros_like(z, requires_grad=True)
            (g,) = torch.autograd.grad(z, x, u, create_graph=True)
            return [torch.autograd.grad(g, u, v, create_graph=True)[0] for v in directions]

    def without_labels(self, batch: Batch) -> tuple[Model, Tensor, Tensor]:
        """The networks as they are for the rows without labels, these, and what each weighs.

        x is [K, inputs, U] and the weights [K, 1, U] are one over their number; where there are no
        such rows, these are the batch's own. Masks are those of the labelled rows, in turn.
        """
        rows = batch.unlabeled
        if rows is None:
            return self, batch.x, batch.weight
        width = rows.x.shape[2]
        masks = self.masks and [
            mask.repeat(1, 1, -(-width // mask.shape[2]))[..., :width] for mask in self.masks
        ]
        model = replace(self, masks=masks, statistics=[], _pass=None)
        if self.n_rows is not None:
            model.n_rows = int((rows.weight[0] > 0).sum())
        if self.rows is not None:
            model.rows = rows.weight
        return model, rows.x, rows.weight

    def with_other_masks(self) -> Model:
        """The same networks, where each row has the masks of another one."""
        return replace(self, masks=self.masks and [mask.roll(1, 2) for mask in self.masks])

    def counted_J(self, batch: Batch) -> Tensor:
        """J by the pass that counts; outputs and activations for the same x are not made again."""
        self.statistics = []
        self._pass = (batch.x, *self._forward(batch.x, self.statistics))
        return self.J(batch)

    def _passed(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        if self._pass is not None and self._pass[0] is x:
            return self._pass[1:]
        with self.network.uncounted(again=self._pass is not None):
            return self._forward(x)

    def _forward(
        self, x: Tensor, statistics: list[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        width = x.shape[2]
        hidden: list[Tensor] = []
        if self.n_rows is not None:
            x = x[..., : self.n_rows]
        z = self.network.forward(
            *self.parameters,
            x,
            self.masks,
            hidden=hidden,
            training=True,
            rows=self.rows,
            statistics=statistics,
        )[:, : self.network.n_outputs]
        if self.n_rows is None:
            return z, hidden
        widen = (0, width - self.n_rows)
        return F.pad(z, widen), [F.pad(h, widen) for h in hidden]
