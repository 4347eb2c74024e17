"""Parallel calls and their tasks, which are threads."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from .._threads import after_fork
from .._warn import users_line, working_for
from ..training.request import Outcome, Request

if TYPE_CHECKING:
    from .._execution import TrainAlone

_local = threading.local()


class TaskScheduler(Protocol):
    """What a task needs of the scheduler that it belongs to."""

    def train(self, task: Task, request: Request) -> Outcome:
        """Train a request of the task's beside others."""
        ...

    def slot(self, task: Task, request: Request) -> AbstractContextManager[Callable[[], bool]]:
        """Let the task train a request by itself."""
        ...

    def waiting(self, call: Call, who: object = None) -> AbstractContextManager[None]:
        """Count `who` as waiting for the tasks of a call."""
        ...

    def finish(self, task: Task) -> None:
        """Take note that the task has ended."""
        ...


class Cancelled(BaseException):
    """The call that this task belongs to has been cancelled."""


class Failure:
    """What a task raised, in place of its result."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        if isinstance(error, Exception) and not getattr(error, "__notes__", None):
            error.add_note("".join(["In a task:\n", *traceback.format_tb(error.__traceback__)]))
        error.__traceback__ = None  # which holds the task's samples


class Call:
    """One parallel call, whose tasks can be cancelled together with those they started.

    Parameters
    ----------
    caller : Task or Thread
    parent : Call or None
        What the caller is a task of.
    """

    def __init__(self, caller: Task | threading.Thread, parent: Call | None) -> None:
        self.caller, self.parent = caller, parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.tasks: set[Task] = set()
        self.line = users_line()  # that made the call, or the one it was made in
        self.n_bytes = 0  # of the largest table that its tasks, or theirs, train on
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        return self._cancelled or (self.parent is not None and self.parent.cancelled)

    def wait(self, timeout: float) -> None:
        """Wait until all its tasks have ended, at most so many seconds."""
        end = time.monotonic() + timeout
        while self.tasks and time.monotonic() < end:  # one that ends may submit another
            for task in list(self.tasks):
                try:
                    task.thread.join(max(0.0, end - time.monotonic()))
                except RuntimeError:  # not started yet
                    time.sleep(1e-3)


class Task:
    """One task of a call.

    Parameters
    ----------
    scheduler : TaskScheduler
        What trains its fits.
    call : Call
    function : callable
        What it does.
    callback : callable
        Called with the result, or the `Failure`.
    n_bytes : int
        Size of the arrays it is given.
    """

    def __init__(
        self,
        scheduler: TaskScheduler,
        call: Call,
        function: Callable[[], Any],
        callback: Callable[[Any], None],
        n_bytes: int,
    ) -> None:
        self.scheduler, self.call, self.n_bytes = scheduler, call, n_bytes
        self.has_submitted = self.has_started = False
        self._function, self._callback = function, callback
        self.thread = threading.Thread(target=self.run, name="wellposed-task", daemon=True)

    def run(self) -> None:
        """Run in this thread: the task's own, or one that runs tasks for want of threads."""
        before = current_task()
        _local.task = self
        try:
            if self.call.cancelled:
                raise Cancelled
            with working_for(self.call.line):
                result = self._function()
        except BaseException as error:
            result = Failure(error)
        # The callback may submit the next task, made by code of the caller's under a lock.
        _local.task = None
        try:
            self._finish(result)
        finally:
            _local.task = before

    def train(self, request: Request, alone: TrainAlone | None) -> Outcome:
        """Train a request of this task's: beside others, or by itself with `alone`."""
        if alone is None:
            return self.scheduler.train(self, request)
        with self.scheduler.slot(self, request) as abandoned:
            return alone(abandoned)

    def is_of(self, call: Call) -> bool:
        """Whether it is of this call, or of one that a task of this call has made."""
        its: Call | None = self.call
        while its is not None and its is not call:
            its = its.parent
        return its is call

    def fail(self, error: BaseException) -> None:
        """End before having begun."""
        self._finish(Failure(error))

    def _finish(self, result: Any) -> None:
        try:
            self._callback(result)
        finally:
            self.scheduler.finish(self)


def _reset() -> None:
    """The thread that goes on in a forked process is no task of the parent's scheduler."""
    _local.task = None


after_fork(_reset)


def current_task() -> Task | None:
    """Return the task that this thread is running."""
    return getattr(_local, "task", None)
