"""A meeting point: fits that run at the same time wait for each other and train as stacks.

Each `fit` posts its request and waits. When enough compatible requests are there, or nobody is
left who could post another one, a stack of them is trained, in the thread of the first of them;
then all go on. Who could still post is counted, never guessed by time: a thread is *busy* from the
moment its task is submitted until it ends, except while it waits for a training or for tasks of
its own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

import torch

from .request import Abandoned, Outcome, Request, Rows
from .stack import train

logger = logging.getLogger("wellposed")

_CACHE_BYTES = 8 << 20  # working set of one stack, to stay in a core's caches
_MAX_STACK = 128
_local = threading.local()


class Cancelled(BaseException):
    """The call that this task belongs to has been given up."""


class Call:
    """One parallel call, whose tasks can be given up together with those they started."""

    def __init__(self, parent: Call | None) -> None:
        self._parent, self._cancelled = parent, False

    def cancel(self) -> None:
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        return self._cancelled or (self._parent is not None and self._parent.cancelled)


class _Post:
    """A request on the board."""

    def __init__(self, request: Request, call: Call, alone: Callable[[], Outcome] | None) -> None:
        self.request, self.call, self.alone = request, call, alone
        self.size = 1 if alone else stack_size(request)
        self.news = threading.Event()
        self.stack: list[_Post] | None = None  # those this post's thread has to train
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None


def stack_size(request: Request) -> int:
    """How many such networks train well side by side: as many as the caches hold."""
    network = request.network
    if network.exact_rows:
        return 1
    units = network.n_inputs_padded + sum(network.hidden_units)
    numbers = 4 * network.size + 3 * units * request.width
    fit = _CACHE_BYTES // (numbers * request.rows.table.element_size())
    return max(1, min(_MAX_STACK, fit))


class Meeting:
    """Where the fits of one `fit_together` block meet.

    Parameters
    ----------
    max_memory : int
        Bytes that the samples of tasks in flight may take.
    n_trainers : int, default: number of CPUs
        Stacks that are trained at the same time.
    """

    def __init__(self, max_memory: int, n_trainers: int | None = None) -> None:
        self.max_memory = max_memory
        self.stack_sizes: list[int] = []  # of the stacks trained so far
        self._free = n_trainers or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._board: dict[Hashable, list[_Post]] = {}
        self._busy = 0
        self._seats = threading.Condition(self._lock)
        self._seated, self._task_bytes = 0, 0
        self._rows: WeakValueDictionary[Hashable, Rows] = WeakValueDictionary()

    # ------------------------------------------------------------------ who is busy

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the calling thread as waiting inside the block."""
        self.add_busy(-1)
        try:
            yield
        finally:
            self.add_busy(+1)

    def add_busy(self, n: int) -> None:
        """Count n more busy threads."""
        with self._lock:
            self._busy += n
            self._train_what_is_ready()

    @contextmanager
    def task(self, call: Call) -> Iterator[None]:
        """Take a seat for a task that has been counted as busy, and leave it at the end.

        Seats are as many as their samples fit into `max_memory`; how much a task takes is known
        from those before it.
        """
        with self.waiting(), self._seats:
            self._seats.wait_for(lambda: call.cancelled or self._has_seat())
            self._seated += 1
        before = getattr(_local, "place", None)
        _local.place = self, call
        try:
            if call.cancelled:
                raise Cancelled
            yield
        finally:
            _local.place = before
            with self._seats:
                self._seated -= 1
                self._seats.notify_all()

    def _has_seat(self) -> bool:
        if self._seated == 0:
            return True
        # Until the first task has told how much it takes, only a few are let in.
        if self._task_bytes == 0:
            return self._seated < 2
        return (self._seated + 1) * self._task_bytes <= self.max_memory

    def cancel(self, call: Call) -> None:
        """Give up a call: its tasks that wait here raise `Cancelled`."""
        with self._lock:
            call.cancel()
            self._seats.notify_all()
            for key, posts in list(self._board.items()):
                for post in [post for post in posts if post.call.cancelled]:
                    posts.remove(post)
                    post.error = Cancelled()
                    post.news.set()
                if not posts:
                    del self._board[key]

    # ------------------------------------------------------------------ the board

    def post(self, request: Request, alone: Callable[[], Outcome] | None = None) -> Outcome:
        """Wait until the request has been trained, and return what became of it.

        ``alone`` trains it by itself, where it cannot be part of a stack.
        """
        _, call = _local.place
        if call.cancelled:
            raise Cancelled
        post = _Post(request, call, alone)
        with self._lock:
            request.rows = self._same_rows(request.rows)
            if request.validation is not None:
                request.validation = self._same_rows(request.validation)
            table = request.rows.table
            self._task_bytes = max(self._task_bytes, 2 * table.nbytes)
            self._seats.notify_all()
            self._board.setdefault(id(post) if alone else request.structure, []).append(post)
            self._busy -= 1
            self._train_what_is_ready()
        try:
            post.news.wait()
            if post.stack is not None:
                self._train(post.stack)
        finally:
            with self._lock:
                self._busy += 1
        if post.error is not None:
            raise post.error
        assert post.outcome is not None
        return post.outcome

    def _same_rows(self, rows: Rows) -> Rows:
        """Return equal rows that are here already: folds are cut once for each candidate."""
        table = rows.table
        key = (*table.shape, table.dtype, rows.n_inputs, float(table.sum()))
        known = self._rows.get(key)
        if known is not None and torch.equal(known.table, table):
            return known
        self._rows[key] = rows
        return rows

    def _train_what_is_ready(self) -> None:
        """Hand full stacks, or all there is when nobody is busy, to free trainers."""
        while self._free and self._board:
            full = [key for key, posts in self._board.items() if len(posts) >= posts[0].size]
            if not full and self._busy > 0:
                return
            key = max(full or self._board, key=lambda key: len(self._board[key]))
            posts = self._board.pop(key)
            posts.sort(key=lambda post: post.request.n_updates)  # those of a length together
            stack, rest = posts[: posts[0].size], posts[posts[0].size :]
            if rest:
                self._board[key] = rest
            self._free -= 1
            stack[0].stack = stack
            stack[0].news.set()

    def _train(self, stack: list[_Post]) -> None:
        """Train a stack and tell its posts."""
        self.stack_sizes.append(len(stack))
        try:
            for post, outcome in zip(stack, self._outcomes(stack)):
                if isinstance(outcome, Outcome):
                    post.outcome = outcome
                else:
                    post.error = outcome
        except BaseException as error:
            for post in stack:
                post.error = error
        finally:
            with self._lock:
                self._free += 1
                self._train_what_is_ready()
            for post in stack:
                post.news.set()

    def _outcomes(self, stack: list[_Post]) -> list[Outcome | BaseException]:
        def abandoned() -> bool:
            return all(post.call.cancelled for post in stack)

        try:
            alone = stack[0].alone
            if alone is not None:
                return [alone()]
            return list(train([post.request for post in stack], abandoned))
        except Abandoned:
            return [Cancelled() for _ in stack]
        except Exception as error:
            if len(stack) == 1:
                return [error]
            logger.debug("a stack of %d failed (%s); training one by one", len(stack), error)
            return [self._outcomes([post])[0] for post in stack]


def run(request: Request, alone: Callable[[], Outcome] | None = None) -> Outcome:
    """Train a request: at the meeting point if this thread is at one, by itself otherwise."""
    place = getattr(_local, "place", None)
    if place is not None:
        meeting, _ = place
        return meeting.post(request, alone)
    return alone() if alone else train([request])[0]


def current_place() -> tuple[Meeting, Call] | None:
    """Return the meeting and call that this thread's task belongs to."""
    return getattr(_local, "place", None)
