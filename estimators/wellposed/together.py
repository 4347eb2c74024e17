"""fit_together(): every fit inside the block is trained side by side with the others.

Unmodified scikit-learn code (searches, cross-validation, curves, ensembles) runs its tasks in
threads; the fits of `NetClassifier` and `NetRegressor` meet and are trained as stacks. Results are
those of the ordinary loop, to the bit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import ParallelBackendBase

from .training.meeting import Call, Meeting, current_place

_IN_FLIGHT = 64  # joblib submits twice as many tasks ahead


class _Failure:
    """What a task raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class TogetherBackend(ParallelBackendBase):
    """The joblib backend named "wellposed": a thread a task, and a meeting point for their fits.

    ``n_jobs`` means nothing to it: how many tasks are in flight is decided by what trains fast and
    fits into memory.
    """

    supports_retrieve_callback = True
    supports_sharedmem = True
    uses_threads = True

    def __init__(self, meeting: Meeting | None = None, max_memory: float = 2e9, **kwargs: Any):
        super().__init__(**kwargs)
        self.meeting = meeting or Meeting(int(max_memory))
        self._threads: set[threading.Thread] = set()
        self._call: Call | None = None

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        return _IN_FLIGHT

    def get_nested_backend(self) -> tuple[TogetherBackend, None]:
        level = (self.nesting_level or 0) + 1
        return TogetherBackend(self.meeting, nesting_level=level), None

    def start_call(self) -> None:
        place = current_place()
        self._inside = place is not None
        self._call = Call(place[1] if place else None)
        if not self._inside:
            self.meeting.add_busy(+1)

    def stop_call(self) -> None:
        if not self._inside:
            self.meeting.add_busy(-1)

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        with self.meeting.waiting():
            yield

    def submit(self, func: Callable[[], Any], callback: Any = None) -> threading.Thread:
        self.meeting.add_busy(+1)
        thread = threading.Thread(
            target=self._run, args=(func, callback, self._call), name="wellposed-task", daemon=True
        )
        self._threads.add(thread)
        thread.start()
        return thread

    def _run(self, func: Callable[[], Any], callback: Any, call: Call) -> None:
        try:
            try:
                with self.meeting.task(call):
                    result = func()
            except BaseException as error:
                result = _Failure(error)
            callback(result)
        finally:
            self._threads.discard(threading.current_thread())
            self.meeting.add_busy(-1)

    def retrieve_result_callback(self, out: Any) -> Any:
        if isinstance(out, _Failure):
            raise out.error
        return out

    def abort_everything(self, ensure_ready: bool = True) -> None:
        if self._call is not None:
            self.meeting.cancel(self._call)
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join()
        if ensure_ready:
            self.start_call_again()

    def start_call_again(self) -> None:
        place = current_place()
        self._call = Call(place[1] if place else None)


register_parallel_backend("wellposed", TogetherBackend)


@contextmanager
def fit_together(max_memory: float = 2e9) -> Iterator[Meeting]:
    """Train every fit inside the block side by side with the others, with unchanged results.

    Parameters
    ----------
    max_memory : float, default=2e9
        Bytes that the samples of the tasks in flight may take.

    Yields
    ------
    Meeting
        ``stack_sizes`` tells how many networks each stack held.

    Notes
    -----
    Inside, ``n_jobs`` means nothing. What cannot be part of a stack (a module of your own, a fit
    with callbacks, an estimator of another library) is fitted as usual.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from wellposed import NetClassifier, fit_together
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"l2": [1e-3, 1e-2, 1e-1]}
    >>> with fit_together():
    ...     search = GridSearchCV(NetClassifier((), learning_rate=0.1, random_state=0), grid)
    ...     search = search.fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True
    """
    meeting = Meeting(int(max_memory))
    with parallel_config(backend=TogetherBackend(meeting), n_jobs=-1):
        yield meeting
