"""Which rows each network of a stack is shown at each step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.sparse import vstack
from torch import Tensor

from .._streams import generator
from .model import Batch
from .request import Request, dense

_BLOCK = 1 << 16  # indices drawn at once


class _Order:
    """The row order of a network's epochs, as batches [batches, width]; ``n`` marks padding."""

    def __init__(self, request: Request, stream: str) -> None:
        self.n, self.width = request.rows.n, request.width
        self.batch_size = min(request.batch_size, self.n)
        self.n_batches = request.n_batches
        self.joins_last_row = request.joins_last_row
        self._rng = generator(request.seed, stream, request.updates_before)
        self._block = torch.empty(0, self.width, dtype=torch.long)
        self._made = 0  # batches so far; the block holds the last of them

    def block(self, start: int, n_steps: int) -> Tensor:
        """Return the batches of steps start .. start + n_steps, [n_steps, width]."""
        missing = start + n_steps - self._made
        if missing > 0:
            held = self._block[max(0, start - (self._made - len(self._block))) :]
            epochs = [self._epoch() for _ in range(-(-missing // self.n_batches))]
            self._block = torch.cat([held, *epochs])
            self._made += len(epochs) * self.n_batches
        first = start - (self._made - len(self._block))
        return self._block[first : first + n_steps]

    def _epoch(self) -> Tensor:
        order = torch.randperm(self.n, generator=self._rng)
        padded = torch.full((self.n_batches * self.batch_size,), self.n)
        in_batches = min(self.n, len(padded))
        padded[:in_batches] = order[:in_batches]
        epoch = torch.full((self.n_batches, self.width), self.n)
        epoch[:, : self.batch_size] = padded.view(self.n_batches, -1)
        if self.joins_last_row:
            epoch[-1, self.batch_size] = order[-1]
        return epoch


class Batches:
    """The batches of a stack, step after step.

    Rows of one source are held once. Networks with equal seeds and equal numbers of rows share
    their order. A full batch is never shuffled: its rows are gathered once.

    Parameters
    ----------
    requests : sequence of Request
    stream : str, default="batches"
        Name of the random stream that orders the rows.
    """

    def __init__(self, requests: Sequence[Request], stream: str = "batches") -> None:
        self._requests, self._stream = list(requests), stream
        like = requests[0].rows
        self._columns = like.inputs, like.targets, slice(like.weight, like.weight + 1)
        self._shares = like.shares if like.n_shares else None
        self._tasks = like.of_tasks if like.tasks else None
        self._width = requests[0].width
        sources = {id(request.rows): request.rows for request in requests}
        starts, n = {}, 0
        for key, rows in sources.items():
            starts[key] = n
            n += len(rows.table)
        self._starts = [starts[id(request.rows)] for request in requests]
        tables = [rows.table for rows in sources.values()]
        self._pool = tables[0] if len(tables) == 1 else torch.cat(tables)
        self._sparse = None
        if like.sparse is not None:
            self._sparse = vstack([rows.sparse for rows in sources.values()], format="csr")
        self._full = requests[0].n_batches == 1
        self._orders: dict[tuple[int, ...], _Order] = {}
        self._step = self._first = 0
        self._index: Tensor | None = None  # [T, K, B], steps _first .. _first + T
        self._share: Tensor | None = None  # [T, K, 1, 1], one over the rows of each batch
        self._all: Batch | None = None

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self._requests = [self._requests[k] for k in rows]
        self._starts = [self._starts[k] for k in rows]
        if self._all is not None:
            self._all = self._all.of(rows)
        if self._index is not None and self._share is not None:
            self._index, self._share = self._index[:, rows], self._share[:, rows]

    def next(self) -> Batch:
        """Return the next step's batch."""
        if self._full:
            if self._all is None:
                self._locate(torch.stack([self._all_rows(r) for r in self._requests])[None])
                self._all = self._gather(0)
            return self._all
        if self._index is None or self._step == self._first + len(self._index):
            to_come = max(request.n_updates for request in self._requests) - self._step
            n_steps = max(1, min(to_come, _BLOCK // (len(self._requests) * self._width)))
            orders = [self._order(request) for request in self._requests]
            blocks = {order: order.block(self._step, n_steps) for order in set(orders)}
            self._locate(torch.stack([blocks[order] for order in orders], 1))
            self._first = self._step
        self._step += 1
        return self._gather(self._step - 1 - self._first)

    def _order(self, request: Request) -> _Order:
        key = (request.seed, request.rows.n, request.batch_size)
        if key not in self._orders:
            self._orders[key] = _Order(request, self._stream)
        return self._orders[key]

    def _all_rows(self, request: Request) -> Tensor:
        index = torch.full((self._width,), request.rows.n)
        index[: request.rows.n] = torch.arange(request.rows.n)
        return index

    def _locate(self, index: Tensor) -> None:
        """Turn own row numbers [T, K, B] into rows of the pool."""
        n_rows = torch.tensor([request.rows.n for request in self._requests])
        counts = (index < n_rows[:, None]).sum(2)[..., None, None].to(self._pool)
        self._share = 1.0 / counts
        self._index = (index + torch.tensor(self._starts)[:, None]).to(self._pool.device)

    def _gather(self, at: int) -> Batch:
        assert self._index is not None
        assert self._share is not None
        inputs, targets, weight = self._columns
        index = self._index[at].view(-1)
        rows = self._pool.index_select(0, index)
        rows = rows.view(-1, self._width, self._pool.shape[1]).mT
        x = rows[:, inputs]
        if self._sparse is not None:
            x = dense(self._sparse[index.numpy(force=True)]).to(rows)
            x = x.view(-1, self._width, x.shape[1]).mT
        shares = None if self._shares is None else rows[:, self._shares]
        tasks = None if self._tasks is None else rows[:, self._tasks]
        weights = rows[:, weight] * self._share[at]
        return Batch(x, rows[:, targets], weights, shares=shares, tasks=tasks)
