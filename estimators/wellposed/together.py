"""fit_together(): every fit inside the block is trained side by side with the others.

Unmodified scikit-learn code (searches, cross-validation, curves, ensembles) runs its tasks in
threads; the fits of `NetClassifier` and `NetRegressor` meet and are trained as stacks. Results are
those of the ordinary loop, to the bit.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import LokyBackend, ParallelBackendBase
from joblib.parallel import get_active_backend
from scipy.sparse import issparse
from sklearn import config_context

from ._base import BaseNet
from ._threads import after_fork
from .training.meeting import Meeting
from .training.tasks import Call, Failure, Task, current_task, ending_task

_N_JOBS = 128  # joblib submits twice as many tasks ahead
_GRACE = 5.0  # seconds that a given-up call waits for its threads


class TogetherBackend(ParallelBackendBase):
    """The joblib backend named "wellposed": a thread a task, and a meeting point for their fits.

    ``n_jobs`` means nothing to it: how many tasks are in flight is decided by what trains fast and
    fits into memory.

    Parameters
    ----------
    max_memory : float, default=2e9
        Bytes that the samples of the tasks in flight may take.
    meeting : Meeting, optional
        Where to meet; a new one by default.
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
        meeting: Meeting | None = None,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
    ) -> None:
        super().__init__(nesting_level, inner_max_num_threads)
        self.meeting = meeting or Meeting(max_memory)
        self._calls: list[_OpenCall] = []  # a consumer of one's results may start another

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        return _N_JOBS

    def get_nested_backend(self) -> tuple[TogetherBackend, None]:
        level = (self.nesting_level or 0) + 1
        return TogetherBackend(meeting=self.meeting, nesting_level=level), None

    # ------------------------------------------------------------------ a call

    def start_call(self) -> None:
        self._calls.append(_OpenCall(self.meeting))

    def stop_call(self) -> None:
        self._calls[-1].close()
        self._calls.pop()

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        with self._calls[-1].waiting():
            yield

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self.meeting.cancel(self._calls[-1].call)

    # ------------------------------------------------------------------ its tasks

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Task:
        ending = ending_task()  # which belongs to the call that goes on
        mine = ending is not None and any(ending.call is open_.call for open_ in self._calls)
        call = ending.call if ending and mine else self._calls[-1].call
        task = Task(self.meeting, call, _without_filters(func), callback, _n_bytes(func))
        self.meeting.submit(task)
        return task

    def retrieve_result_callback(self, out: Any) -> Any:
        if isinstance(out, Failure):
            raise out.error
        return out


class _OpenCall:
    """A parallel call between its start and its end."""

    def __init__(self, meeting: Meeting) -> None:
        task = current_task()
        self._meeting = meeting
        self._nested = False
        caller: Task | threading.Thread = threading.current_thread()
        if task is not None and task.meeting is meeting:
            caller, self._nested = task, True
        self.call = Call(caller, task.call if task else None)
        self._task, self._outermost = task, task is None
        if self._outermost:
            _filters.keep()
        meeting.join(self.call.caller)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the caller as waiting, at the meeting of a block around this one as well."""
        task = self._task
        elsewhere = task is not None and task.meeting is not self._meeting
        outer = task.meeting.waiting(self.call, task) if task and elsewhere else nullcontext()
        with outer, self._meeting.waiting(self.call):
            yield

    def close(self) -> None:
        with self.waiting():
            self.call.wait(_GRACE)
        if not self._nested:
            self._meeting.leave(self.call.caller)
            self._meeting.disperse(_GRACE)
        if self._outermost:
            _filters.release()


class _Filters:
    """The process's warning filters: those of before once no block and no call is open any more.

    ``warnings.catch_warnings``, which scikit-learn itself uses, is for one thread at a time: the
    last one to leave would leave the filters of another's inside behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_open = 0  # blocks and calls
        self._list: Any = warnings.filters
        self._filters: list[Any] = []

    def keep(self) -> None:
        """Note the filters, or that one more needs them."""
        with self._lock:
            if not self._n_open:
                self._list, self._filters = warnings.filters, list(warnings.filters)
            self._n_open += 1

    def release(self) -> None:
        """Restore the filters after the last one."""
        with self._lock:
            self._n_open -= 1
            if not self._n_open and (
                warnings.filters is not self._list or list(warnings.filters) != self._filters
            ):
                self._list[:] = self._filters
                warnings.filters = self._list
                with warnings.catch_warnings():
                    pass  # which makes Python look at the filters again


_filters = _Filters()
after_fork(lambda: _filters.__init__())  # type: ignore[misc]


class _WithConfig:
    """A task of scikit-learn's with its configuration, and with the filters of the process.

    scikit-learn's own wrapper empties the filters of the process and fills them again, which is
    meant for tasks in other processes: in threads, a warning that another task gives in between
    is shown although the user filters it.
    """

    def __init__(self, wrapper: Any) -> None:
        self._function, self._config = wrapper.function, wrapper.config

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with config_context(**self._config):
            return self._function(*args, **kwargs)


def _without_filters(func: Any) -> Any:
    """Take scikit-learn's handling of warning filters out of a batch of calls."""
    names = {"function", "config", "warning_filters"}
    items = getattr(func, "items", None)
    if isinstance(items, list):
        func.items = [
            (_WithConfig(call) if names <= vars(call).keys() else call, *rest)
            if hasattr(call, "__dict__")
            else (call, *rest)
            for call, *rest in items
        ]
    return func


def _n_bytes(func: Any) -> int:
    """Bytes of the arrays that a task is given, as numbers that can be trained on."""
    calls = getattr(func, "items", [])
    return max((sum(map(_size, (*args, *kw.values()))) for _, args, kw in calls), default=0)


def _size(value: Any) -> int:
    if issparse(value):
        return int(value.data.nbytes)
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple):
        return 0
    return math.prod(shape) * (4 if getattr(value, "dtype", None) == np.float32 else 8)


register_parallel_backend("wellposed", TogetherBackend)


@contextmanager
def fit_together(max_memory: float = 2e9, n_trainers: int | None = None) -> Iterator[Meeting]:
    """Train every fit inside the block side by side with the others, with unchanged results.

    Parameters
    ----------
    max_memory : float, default=2e9
        Bytes that the samples of the tasks in flight may take.
    n_trainers : int, default: number of CPUs
        Stacks that are trained at the same time. Long work is shared with processes, which are
        kept for later blocks and end with the interpreter or after five minutes without work.

    Yields
    ------
    Meeting
        Its ``stack_sizes`` tell how many networks each stack held.

    Notes
    -----
    Inside, ``n_jobs`` means nothing: how many tasks are in flight is decided by what trains fast
    and fits into memory. What cannot be part of a stack (a module of your own, a fit with
    callbacks, an estimator of another library) is fitted as usual.

    Warning filters that are set inside end with the block, as in ``warnings.catch_warnings``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from wellposed import NetClassifier, fit_together
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"l2": [1e-3, 1e-2, 1e-1]}
    >>> with fit_together() as meeting:
    ...     search = GridSearchCV(NetClassifier((), learning_rate=0.1, random_state=0), grid)
    ...     search = search.fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True
    >>> meeting.stack_sizes  # 3 strengths x 5 folds
    [15]
    """
    backend = TogetherBackend(meeting=Meeting(max_memory, n_trainers))
    _filters.keep()
    try:
        with parallel_config(backend=backend, n_jobs=-1):
            yield backend.meeting
    finally:
        _filters.release()


@contextmanager
def together_by_default(estimators: Iterable[Any], n_jobs: int | None) -> Iterator[None]:
    """Fit together what holds a network of ours, where nobody has said how to run tasks."""
    backend, number = get_active_backend()
    nobody_said = (
        n_jobs is None
        and number in (None, 1)
        and isinstance(backend, LokyBackend)
        and not backend.nesting_level
    )
    if nobody_said and any(map(_holds_a_network, estimators)):
        with fit_together():
            yield
    else:
        yield


def _holds_a_network(estimator: Any) -> bool:
    parts = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    return any(isinstance(part, BaseNet) for part in (estimator, *parts))
