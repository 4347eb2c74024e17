"""What one network asks of the trainer, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from torch import Tensor

from ..networks import Network, pad16
from ..regularizers.base import Regularizer
from .schedules import Schedule, cycle_ends

#: Columns of theta, first and one past the last, and what the learning rate is multiplied by there.
Pace = tuple[int, int, float]
#: Loss and number of output units of each further task.
Kinds = tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples as the trainer wants them: one table, so that a batch is gathered at once.

    Attributes
    ----------
    table : Tensor of shape (n + 1, columns)
        Inputs, targets and weight side by side, inputs and the rest padded with zeros to multiples
        of 16. The last row is zero: it pads short batches. Weights have mean 1 over the n rows.
    n_inputs, n_targets : int
        Real numbers of columns.
    sparse : csr_array of shape (n + 1, columns), optional
        The inputs, padded likewise, where they are not in the table; a batch is made dense.
    n_shares : int
        Columns that say what each target's loss counts beside the row's weight; 0 if all alike.
    tasks : tuple of (str, int)
        Loss and output units of each further task; two columns a unit follow, all targets first.
    """

    table: Tensor
    n_inputs: int
    n_targets: int
    sparse: csr_array | None = None
    n_shares: int = 0
    tasks: Kinds = ()

    @property
    def n(self) -> int:
        return len(self.table) - 1

    @property
    def inputs(self) -> slice:
        return slice(0, 0 if self.sparse is not None else pad16(self.n_inputs))

    @property
    def targets(self) -> slice:
        return slice(self.inputs.stop, self.inputs.stop + self.n_targets)

    @property
    def weight(self) -> int:
        """Column of the weight."""
        return self.targets.stop

    @property
    def shares(self) -> slice:
        return slice(self.weight + 1, self.weight + 1 + self.n_shares)

    @property
    def of_tasks(self) -> slice:
        n_units = sum(units for _, units in self.tasks)
        return slice(self.shares.stop, self.shares.stop + 2 * n_units)

    def loss_weights(self) -> Tensor:
        """What the loss of each row, [1, n], or of each of its targets, [targets, n], weighs."""
        weight = self.table[None, :-1, self.weight]
        return weight * self.table[:-1, self.shares].T if self.n_shares else weight

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers that are held."""
        parts = () if self.sparse is None else (self.sparse.data, self.sparse.indices)
        return self.table.nbytes + sum(part.nbytes for part in parts)

    def equals(self, other: Rows) -> bool:
        """Whether another holds the same numbers."""
        ours, theirs = ((r.n_shares, r.tasks) for r in (self, other))
        if ours != theirs or not torch.equal(self.table, other.table):
            return False
        if self.sparse is None or other.sparse is None:
            return self.sparse is other.sparse
        return self.sparse.shape == other.sparse.shape and not (self.sparse != other.sparse).nnz

    def X(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Inputs (rows, n_inputs) of some rows, by default of all."""
        stop = self.n if stop is None else min(stop, self.n)
        if self.sparse is None:
            return self.table[start:stop, : self.n_inputs]
        return dense(self.sparse[start:stop]).to(self.table)[:, : self.n_inputs]

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        target: np.ndarray,
        weight: np.ndarray | None,
        dtype: torch.dtype,
        device: torch.device,
        shares: np.ndarray | None = None,
        tasks: tuple[Kinds, np.ndarray] | None = None,
    ) -> Rows:
        """Lay out arrays (n, inputs), (n, targets), (n,) and (n, targets); X may be sparse."""
        (n, n_inputs), n_targets = X.shape, target.shape[1]
        sparse = None
        if issparse(X):
            sparse = csr_array(X, copy=True)
            sparse.resize(n + 1, pad16(n_inputs))
        n_shares = 0 if shares is None else n_targets
        kinds, of_tasks = ((), np.empty((n, 0))) if tasks is None else tasks
        further = n_shares + of_tasks.shape[1]
        width = pad16(n_targets + 1 + further) + (pad16(n_inputs) if sparse is None else 0)
        table = torch.zeros(n + 1, width, dtype=dtype)
        rows = cls(table, n_inputs, n_targets, sparse, n_shares, kinds)
        numbers = table.numpy()
        if sparse is None:
            numbers[:n, :n_inputs] = X
        numbers[:n, rows.targets] = target
        numbers[:n, rows.weight] = 1.0 if weight is None else of_mean_one(weight)
        if shares is not None:
            numbers[:n, rows.shares] = shares
        numbers[:n, rows.of_tasks] = of_tasks
        return replace(rows, table=table.to(device))


def dense(X: Any) -> Tensor:
    """Make rows of a sparse matrix dense."""
    return torch.from_numpy(np.ascontiguousarray(X.toarray()))


def of_mean_one(weight: np.ndarray) -> np.ndarray:
    """Scale weights to mean 1."""
    with np.errstate(over="ignore"):
        mean = weight.mean()
    if not np.isfinite(mean):  # the sum has overflown
        return of_mean_one(weight / weight.max())
    return weight / mean


@dataclass
class Request:
    """One network to train.

    What is in ``structure`` must be equal for two requests to be trained side by side; everything
    else may differ.
    """

    network: Network
    loss: str
    rows: Rows  # of what a fitted model keeps, None: see `without_rows`
    seed: int
    solver: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    batch_size: int = 64
    max_epochs: int = 100
    max_updates: int | None = None  # stop within an epoch
    tol: float = 1e-6
    init: str = "auto"
    regularizers: dict[str, Regularizer] = field(default_factory=dict)  # those that are on
    n_task_units: int = 0
    unlabeled: Rows | None = None
    unlabeled_batch_size: int = 200
    validation: Rows | None = None
    patience: int | None = None  # epochs without a better validation loss; None watches only
    validation_target: float | None = None  # stop once the validation loss is at most this
    start: State | None = None  # go on from here
    verbose: bool = False
    schedule: Schedule | None = None  # of the learning rate
    paces: tuple[Pace, ...] = ()  # columns of theta with a rate of their own
    origin: np.ndarray | None = None  # parameters [P] to be pulled to, if not those of the start
    plan: tuple[int, int] | None = None  # if schedules are laid out for a longer training

    @property
    def n_outputs(self) -> int:
        """Outputs that y is of; the network's others are those of further tasks."""
        return self.network.n_outputs - self.n_task_units

    def without_rows(self) -> Request:
        """How the network is trained, which a fitted model keeps."""
        none: Any = None
        return replace(self, rows=none, unlabeled=None, validation=None, start=None)

    def of_unlabeled(self) -> Request:
        """A request for the rows without labels, by which their batches are made."""
        assert self.unlabeled is not None
        size = self.unlabeled_batch_size
        return replace(self, rows=self.unlabeled, batch_size=size, unlabeled=None)

    @property
    def width(self) -> int:
        """Padded rows of a batch."""
        return pad16(min(self.batch_size + self.joins_last_row, self.rows.n))

    @property
    def n_batches(self) -> int:
        return -(-self.rows.n // self.batch_size) - self.joins_last_row

    @property
    def joins_last_row(self) -> bool:
        """Whether a last batch of one row is left to the batch before it.

        A network that normalises by the statistics of its batches needs two rows.
        """
        left = self.rows.n % self.batch_size
        return self.network.compares_rows and self.rows.n > self.batch_size > 1 and left == 1

    @property
    def n_updates(self) -> int:
        """Updates to make unless something stops it."""
        updates = self.max_epochs * self.n_batches
        return updates if self.max_updates is None else min(updates, self.max_updates)

    @property
    def planned(self) -> tuple[int, int]:
        """Updates that schedules are laid out for, and those of an epoch."""
        return self.plan or (self.n_updates, self.n_batches)

    @property
    def cycle_ends(self) -> list[int] | None:
        """After how many updates whole cycles of the learning rate end; None if it has none."""
        return None if self.schedule is None else cycle_ends(self.schedule, *self.planned)

    @property
    def updates_before(self) -> int:
        return 0 if self.start is None else self.start.n_updates

    @property
    def structure(self) -> tuple[Any, ...]:
        """What requests of one stack have in common."""
        return (
            self.network,
            self.loss,
            self.solver,
            self.rows.table.dtype,
            self.rows.table.device,
            self.rows.sparse is not None,
            self.width,
            self.n_batches == 1,
            tuple((name, *r.structure) for name, r in self.regularizers.items()),
            self.momentum > 0,
            self.validation is not None,
            self.updates_before,
            self.schedule is not None,
            self.paces,
            self._structure_of_unlabeled,
            self.rows.n_shares,
            self.rows.tasks,
        )

    @property
    def _structure_of_unlabeled(self) -> tuple[Any, ...] | None:
        if self.unlabeled is None:
            return None
        request = self.of_unlabeled()
        return request.width, request.n_batches == 1, request.rows.sparse is not None


@dataclass
class State:
    """Where a network is: all that training needs to go on.

    Attributes
    ----------
    theta : Tensor of shape (P,)
    slots : list of Tensor of shape (P,)
        The optimiser's running averages.
    n_updates : int
        Updates made since the parameters were fresh.
    buffers : list of Tensor
        What a module of the user's own remembers besides: running statistics and the like.
    """

    theta: Tensor
    slots: list[Tensor]
    n_updates: int
    buffers: list[Tensor] = field(default_factory=list)

    def __getstate__(self) -> dict[str, Any]:
        """Plain arrays: what is saved needs no torch, and is the same for equal numbers."""
        return {
            "theta": _array(self.theta),
            "slots": [_array(slot) for slot in self.slots],
            "n_updates": self.n_updates,
            "buffers": [_array(buffer) for buffer in self.buffers],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.theta = torch.from_numpy(state["theta"])
        self.slots = [torch.from_numpy(slot) for slot in state["slots"]]
        self.n_updates = state["n_updates"]
        self.buffers = [torch.from_numpy(buffer) for buffer in state["buffers"]]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.numpy(force=True).copy()


@dataclass
class Outcome:
    """What became of a request.

    Attributes
    ----------
    loss_curve : list of float
        Objective of each epoch: mean loss of its updates plus the penalties at its end.
    parts : dict of str to list of float
        What each penalty and term adds to the objective of each epoch, by name.
    validation_curve : list of float
        Loss J on the validation rows after each epoch.
    validation_scores : list of float
        Accuracy or R^2 on the validation rows after each epoch.
    best_epoch : int or None
        1-based epoch of the smallest validation loss, the earliest of equals, whose parameters are
        in ``state``.
    members : list of State
        Networks of the training whose mean prediction is that of this one, if there are any.
    reached : bool
        The solver's tolerance or the validation target was reached.
    final_loss : float
        J of the network in ``state`` on the last batch; not known of lbfgs.
    optimality : float
        lbfgs's largest entry of the objective's gradient, at the end.
    error : Exception or None
    """

    state: State
    n_epochs: int = 0
    loss_curve: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    validation_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    reached: bool = False
    members: list[State] = field(default_factory=list)
    final_loss: float = 0.0
    optimality: float = float("nan")
    error: Exception | None = None


class Abandoned(BaseException):
    """Nobody waits for this training any more."""
