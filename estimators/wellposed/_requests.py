"""From validated arrays and an estimator's parameters to what is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from . import _transfer
from ._arrays import Arrays
from ._network_checks import check_batches, check_module, check_network, check_size, check_tied
from ._tasks import check_task_weights, shares, table_of
from ._values import hidden_sizes, number, schedule
from .networks import MLP, Network
from .regularizers import Regularizer
from .training.request import Request, Rows, State
from .training.schedules import factors

if TYPE_CHECKING:
    from ._base import BaseNet


def make_request(
    estimator: BaseNet,
    on: dict[str, Regularizer],
    arrays: Arrays,
    held_out: Arrays | None,
    seed: int,
    start: State | None,
    network: Network | None = None,
) -> Request:
    """Return what is trained, going on from `start` or from what the parameter of that name says.

    Raises
    ------
    ValueError
        For parameters that do not suit the network, which is made unless it is given.
    """
    full = estimator.solver == "lbfgs" or estimator.batch_size is None
    given: Any = 200 if estimator.batch_size == "auto" else estimator.batch_size
    size = arrays.n if full else int(given)
    unlabeled, n_unlabeled = None, 0
    if arrays.unlabeled is not None:
        n_unlabeled = arrays.unlabeled.shape[0]
        unlabeled = _rows(estimator, Arrays(arrays.unlabeled, np.zeros((n_unlabeled, 0)), None))
    network = network or make_network(estimator, arrays, seed)
    check_batches(estimator, network, min(size, arrays.n))
    check_size(estimator, network, min(size, arrays.n), arrays.X.dtype.itemsize)
    request = Request(
        network=network,
        loss=estimator._targets.loss(arrays.target.shape[1]),
        rows=_rows(estimator, arrays),
        seed=seed,
        solver=estimator.solver,
        learning_rate=float(estimator.learning_rate),
        momentum=float(estimator.momentum) if estimator.solver == "sgd" else 0.0,
        batch_size=size,
        max_epochs=int(estimator.max_epochs),
        tol=float(estimator.tol),
        init=estimator.init,
        regularizers=on,
        n_task_units=0 if arrays.tasks is None else arrays.tasks.n_units,
        unlabeled=unlabeled,
        unlabeled_batch_size=_size_of_unlabeled(estimator, n_unlabeled, full, size),
        validation=None if held_out is None else _rows(estimator, held_out),
        patience=int(estimator.n_iter_no_change) if estimator.early_stopping else None,
        start=start,
        schedule=schedule(estimator),
        paces=_transfer.paces(estimator, network),
    )
    check_network(estimator, request)
    if request.schedule is not None:
        factors(request.schedule, *request.planned)
    request.start = start or _transfer.start(estimator.start, request)
    if start and estimator.start is not None and any(r.uses_origin for r in on.values()):
        request.origin = _transfer.origin(estimator.start, request)
    return request


def _size_of_unlabeled(estimator: BaseNet, n: int, full: bool, size: int) -> int:
    given = estimator.unlabeled_batch_size
    if given is None or (given == "auto" and full):
        return max(n, 1)
    return size if given == "auto" else int(given)


def _rows(estimator: BaseNet, arrays: Arrays) -> Rows:
    task_weights = None
    if arrays.target.shape[1]:  # but for rows without labels
        n_tasks = estimator._targets.n_tasks(arrays.target.shape[1])
        task_weights = check_task_weights(estimator.task_weights, n_tasks)
    counts = shares(arrays.there, arrays.weight, task_weights, arrays.n)
    tasks = None if arrays.tasks is None else table_of(arrays.tasks, arrays.weight)
    place = torch_dtype(arrays.X), torch.device(estimator.device)
    return Rows.from_arrays(*arrays[:3], *place, counts, tasks)


def make_network(estimator: BaseNet, arrays: Arrays, seed: int) -> Network:
    """Return the network that the parameters describe; a module of a user's own draws by `seed`."""
    X, n_inputs, n_outputs = arrays.X, arrays.X.shape[1], arrays.n_outputs
    if callable(estimator.network):
        from .networks.module import ModuleNetwork

        network = ModuleNetwork(estimator.network, n_inputs, n_outputs, seed, torch_dtype(X))
        check_module(estimator, network)
        return network
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    how = hidden, estimator.activation, bool(estimator.fit_intercept)
    more: dict[str, Any] = {
        "normalization": estimator.normalization,
        "skip": bool(estimator.skip),
        "k_winners": number(estimator.k_winners),
    }
    if estimator.tied:
        from .networks.tied import TiedMLP

        check_tied(estimator, (n_inputs, *hidden, n_outputs), more)
        return TiedMLP(n_inputs, n_outputs, *how)
    if estimator.network == "cnn":
        from .networks.conv import ConvNet, image_shape

        return ConvNet(image_shape(n_inputs), n_outputs, *how, **more)
    if any(more.values()):
        from .networks.residual import ResidualMLP

        return ResidualMLP(n_inputs, n_outputs, *how, **more)
    return MLP(n_inputs, n_outputs, *how)


def torch_dtype(X: np.ndarray) -> torch.dtype:
    """The precision of a network that is trained on X."""
    return torch.float32 if X.dtype == np.float32 else torch.float64
