"""The joblib backend that runs tasks in threads and has their fits trained side by side."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from joblib.parallel import FallbackToBackend, ParallelBackendBase
from scipy.sparse import issparse

from .scheduler import Scheduler
from .tasks import Call, Failure, Task, current_task
from .warning_filters import filters, without_filters

_N_JOBS = 128  # joblib submits twice as many tasks ahead
_JOIN_TIMEOUT = 5.0  # seconds that a cancelled call waits for its threads


class TogetherBackend(ParallelBackendBase):
    """The joblib backend named "wellposed": a thread a task, and a scheduler for their fits.

    ``n_jobs`` means nothing to it: how many tasks are in flight is decided by what trains fast and
    fits into memory.

    Parameters
    ----------
    max_memory : float, default=2e9
        Bytes that the samples of the tasks in flight may take.
    scheduler : Scheduler, optional
        What trains the fits; a new one by default.
    nesting_level, inner_max_num_threads : int, optional
        joblib's.
    """

    supports_retrieve_callback = True
    supports_sharedmem = True
    uses_threads = True

    def __init__(
        self,
        max_memory: float = 2e9,
        *,
        scheduler: Scheduler | None = None,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
    ) -> None:
        super().__init__(nesting_level, inner_max_num_threads)
        self.scheduler = scheduler or Scheduler(max_memory)
        self._for_all = True
        self._open: _OpenCall | None = None

    def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
        """Let each `Parallel` have a backend of its own, which knows whose call it is to abort.

        A consumer of one's results may start another, and an interrupt may leave them open in any
        order.
        """
        if self._for_all:
            own = TogetherBackend(scheduler=self.scheduler, nesting_level=self.nesting_level)
            own._for_all = False
            raise FallbackToBackend(own)
        return self.effective_n_jobs(n_jobs)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        return _N_JOBS

    def get_nested_backend(self) -> tuple[TogetherBackend, None]:
        level = (self.nesting_level or 0) + 1
        return TogetherBackend(scheduler=self.scheduler, nesting_level=level), None

    # ------------------------------------------------------------------ a call

    def start_call(self) -> None:
        self._open = _OpenCall(self.scheduler)

    def stop_call(self) -> None:
        if self._open is not None:
            self._open.close()

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        assert self._open is not None
        with self._open.waiting():
            yield

    def abort_everything(self, ensure_ready: bool = True) -> None:
        if self._open is not None:
            self.scheduler.cancel(self._open.call)

    # ------------------------------------------------------------------ its tasks

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Task:
        assert self._open is not None
        task = Task(
            self.scheduler, self._open.call, without_filters(func), callback, _n_bytes(func)
        )
        self.scheduler.submit(task)
        return task

    def retrieve_result_callback(self, out: Any) -> Any:
        if isinstance(out, Failure):
            raise out.error
        return out


class _OpenCall:
    """A parallel call between its start and its end."""

    def __init__(self, scheduler: Scheduler) -> None:
        task = current_task()
        self._scheduler = scheduler
        self._nested = False
        caller: Task | threading.Thread = threading.current_thread()
        if task is not None and task.scheduler is scheduler:
            caller, self._nested = task, True
        self.call = Call(caller, task.call if task else None)
        self._task, self._outermost = task, task is None
        if self._outermost:
            filters.save(self.call)
        if not self._nested:
            scheduler.open_call(self.call)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the caller as waiting, for the scheduler of an enclosing block as well."""
        task = self._task
        elsewhere = task is not None and task.scheduler is not self._scheduler
        outer = task.scheduler.waiting(self.call, task) if task and elsewhere else nullcontext()
        with outer, self._scheduler.waiting(self.call):
            yield

    def close(self) -> None:
        with self.waiting():
            if self.call.cancelled:  # what an interrupt has left undone
                self._scheduler.cancel(self.call)
            self.call.wait(_JOIN_TIMEOUT)
        if not self._nested:
            self._scheduler.close_call(self.call)
            self._scheduler.join_threads(_JOIN_TIMEOUT)
        if self._outermost:
            filters.restore(self.call)


def _n_bytes(func: Any) -> int:
    """Bytes of the arrays that a task is given, as numbers that can be trained on."""
    calls = getattr(func, "items", [])
    return max((sum(map(_size, (*args, *kw.values()))) for _, args, kw in calls), default=0)


def _size(value: Any) -> int:
    if issparse(value):
        return int(value.nnz) * value.dtype.itemsize
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple):
        return 0
    return math.prod(shape) * (4 if getattr(value, "dtype", None) == np.float32 else 8)
