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
from contextlib import contextmanager
from typing import Any

import numpy as np
from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import LokyBackend, ParallelBackendBase
from joblib.parallel import get_active_backend
from scipy.sparse import issparse

from ._base import BaseNet
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
        with self.meeting.waiting(self._calls[-1].call):
            yield

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self.meeting.cancel(self._calls[-1].call)

    # ------------------------------------------------------------------ its tasks

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Task:
        ending = ending_task()  # which belongs to the call that goes on
        mine = ending is not None and any(ending.call is open_.call for open_ in self._calls)
        call = ending.call if ending and mine else self._calls[-1].call
        task = Task(self.meeting, call, func, callback, _n_bytes(func))
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
        # scikit-learn's tasks swap the warning filters of the process, each in its own time.
        self._filters = None if task else warnings.catch_warnings()
        if self._filters:
            self._filters.__enter__()
        meeting.join(self.call.caller)

    def close(self) -> None:
        self.call.wait(_GRACE)
        if not self._nested:
            self._meeting.leave(self.call.caller)
            self._meeting.disperse(_GRACE)
        if self._filters:
            self._filters.__exit__(None, None, None)


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
    with parallel_config(backend=backend, n_jobs=-1):
        yield backend.meeting


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
