"""The scheduler of a block: it has fits that run at the same time trained as stacks.

Each `fit` submits its request as a job and waits. When enough compatible jobs are in the queue, or
nobody is busy who could submit another one, a trainer takes a stack of them; then their tasks go
on. Who is busy is counted, not guessed by time: see `admission`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from .._execution import register
from .._threads import after_fork
from ..training.request import Abandoned, Outcome, Request, Rows
from .admission import Admission
from .queue import Job, Queue
from .tasks import Call, Cancelled, Task, current_task
from .trainers import MAX_THREADS, Trainers

logger = logging.getLogger("wellposed")

_MAX_FINISHED = 256  # threads about to end that are kept before those that have are dropped
_RETRY_INTERVAL = 0.01  # seconds between attempts to run a task where there are no more threads
_STALL_TIMEOUT = 3.0  # seconds without a new job after which busy tasks are not waited for


def _check(max_memory: Any, n_trainers: Any) -> None:
    if not isinstance(max_memory, Real) or not float(max_memory) > 0:
        raise ValueError(f"max_memory={max_memory!r} must be a positive number of bytes.")
    if n_trainers is not None and (not isinstance(n_trainers, Integral) or int(n_trainers) < 1):
        raise ValueError(
            f"n_trainers={n_trainers!r} must be a positive integer, or None for the number of CPUs."
        )


class Scheduler:
    """What trains the fits of one `fit_together` block.

    Parameters
    ----------
    max_memory : float
        Bytes that the samples of the admitted tasks may take. One task is always admitted.
    n_trainers : int, default: number of CPUs
        Stacks that are trained at the same time, by threads and by processes.

    Attributes
    ----------
    stack_sizes : list of int
        Networks in each stack trained so far.
    """

    def __init__(self, max_memory: float, n_trainers: int | None = None) -> None:
        _check(max_memory, n_trainers)
        self.max_memory = float(max_memory)
        self.stack_sizes: list[int] = []
        self._trainers = Trainers(n_trainers)
        self._reset()
        _schedulers.add(self)

    def _reset(self) -> None:
        """Begin without tasks and threads."""
        n_trainers = self._trainers.n_trainers
        self._lock = threading.Lock()
        self._admission = Admission(self.max_memory, n_trainers)
        self._queue = Queue()
        self._changed = threading.Condition(self._lock)  # what trainer threads wait for
        self._active: set[threading.Thread | Job] = set()  # trainers; a job's task without threads
        self._finished: set[threading.Thread] = set()  # threads with nothing more to do
        self._n_stacks = self._n_networks = 0  # in training
        self._slots = threading.Semaphore(min(MAX_THREADS, n_trainers))
        self._rows: WeakValueDictionary[Hashable, Rows] = WeakValueDictionary()

    # ------------------------------------------------------------------ who is busy

    def open_call(self, call: Call) -> None:
        """Count who makes a call as busy."""
        with self._lock:
            self._admission.open_call(call)

    def close_call(self, call: Call) -> None:
        """No longer count who made a call as busy."""
        with self._lock:
            self._admission.close_call(call)
            self._reschedule()

    def join_threads(self, timeout: float) -> None:
        """Wait for threads that have nothing more to do, at most so many seconds.

        At the exit of the interpreter, a thread that is still freeing tensors would abort it.
        """
        with self._lock:
            trainers = set() if self._admission.admitted else self._active
            finished = self._finished | {t for t in trainers if isinstance(t, threading.Thread)}
            finished.discard(threading.current_thread())
            self._finished.clear()
        end = time.monotonic() + timeout
        for thread in finished:
            thread.join(max(0.0, end - time.monotonic()))

    @contextmanager
    def waiting(self, call: Call, who: object = None) -> Iterator[None]:
        """Count a call's caller as waiting for its tasks inside the block, or somebody else."""
        who = who or call.caller
        try:
            with self._lock:
                self._admission.begin_wait(who, call)
                refused = self._reschedule()
            if refused:
                self._run_inline(call)
            yield
        finally:
            with self._lock:
                self._admission.end_wait(who, call)
                if who in self._admission.waiting:
                    self._reschedule()

    def _reschedule(self) -> bool:
        """Admit tasks and wake a trainer, if there is reason to.

        Returns whether a task that may be admitted was refused a thread.
        """
        refused = self._admission.admit()
        if self._is_ready():
            self._changed.notify()
        return refused

    # ------------------------------------------------------------------ tasks

    def submit(self, task: Task) -> None:
        """Run a task as soon as there is room."""
        with self._lock:
            task.call.tasks.add(task)
            self._admission.add(task)
            self._admission.admit()  # if refused a thread, it runs where its call is waited for

    def finish(self, task: Task) -> None:
        """Unregister a finished task."""
        with self._lock:
            call, waiting = task.call, self._admission.waiting
            call.tasks.discard(task)
            self._admission.remove(task)
            if len(self._finished) > _MAX_FINISHED:
                self._finished = {thread for thread in self._finished if thread.is_alive()}
            if task.thread.ident is not None:
                self._finished.add(task.thread)
            if not call.tasks and waiting.get(call.caller) is call:
                del waiting[call.caller]  # it is about to see that they are over
            refused = self._reschedule()
        if refused and task.thread.ident is not None:
            self._run_inline()

    def _run_inline(self, call: Call | None = None) -> None:
        """Run tasks in this thread, for as long as the system gives no other to them.

        Of a call that is waited for, all tasks until none is left to start.
        """
        while task := self._next_inline(call):
            task.run()

    def _next_inline(self, call: Call | None) -> Task | None:
        while True:
            with self._lock:
                refused = self._reschedule()
                pending = self._admission.pending_of(call)
                if refused and (task := self._admission.admit_inline(pending)):
                    return task
                if call is None or not pending:
                    return None
            time.sleep(_RETRY_INTERVAL)

    def cancel(self, call: Call) -> None:
        """Cancel a call: its tasks raise `Cancelled`, or never begin."""
        with self._lock:
            call.cancel()
            for job in [job for job in self._queue.unfinished if job.task.call.cancelled]:
                self._resolve(job, Cancelled())
            self._queue.remove_finished()
            self._changed.notify_all()
        while task := self._next_never_begun(call):
            task.fail(Cancelled())

    def _next_never_begun(self, call: Call) -> Task | None:
        """Take out one task of a cancelled call that has not begun.

        One by one, so that an interrupt in between leaves the others where they are found again.
        """
        with self._lock:
            if task := self._admission.take_cancelled():
                return task
            # An interrupt may have struck after a task was submitted and before it was started.
            tasks = (*self._admission.admitted, *call.tasks)
            lost = (t for t in tasks if t.thread.ident is None and not t.has_started)
            return next((task for task in lost if task.call.cancelled), None)

    # ------------------------------------------------------------------ jobs

    def train(self, task: Task, request: Request) -> Outcome:
        """Submit a task's request, wait until it has been trained, and return its outcome."""
        request.rows = self._deduplicated(request.rows)
        if request.unlabeled is not None:
            request.unlabeled = self._deduplicated(request.unlabeled)
        if request.validation is not None:
            request.validation = self._deduplicated(request.validation)
        job = Job(task, request)
        with self._lock:
            if task.call.cancelled:
                raise Cancelled
            self._record_memory(task, request)
            self._queue.add(job)
            self._admission.unregister(task)
            self._reschedule()
            self._start_trainer()
            self._ensure_trainer()
        while not job.wait():
            self._run_trainer(job)
        with self._lock:
            self._active.discard(job)
            self._ensure_trainer()
        return job.result()

    @contextmanager
    def slot(self, task: Task, request: Request) -> Iterator[Callable[[], bool]]:
        """Let a task train its request by itself; gives the function that says when to give up."""
        with self._lock:
            self._record_memory(task, request)
            self._admission.unregister(task)
            self._reschedule()
        try:
            with self._slots:
                if task.call.cancelled:
                    raise Cancelled
                self.stack_sizes.append(1)
                yield lambda: task.call.cancelled
        except Abandoned:
            raise Cancelled from None
        finally:
            with self._lock:
                self._admission.register(task)

    def _record_memory(self, task: Task, request: Request) -> None:
        """Record how much memory tasks like this one take."""
        task.has_submitted = True
        call: Call | None = task.call
        while call is not None:
            call.n_bytes = max(call.n_bytes, request.rows.nbytes)
            call = call.parent

    def _deduplicated(self, rows: Rows) -> Rows:
        """Return equal rows that are here already: folds are cut once for each candidate."""
        table = rows.table
        some = table[:: max(1, len(table) // 64)].numpy(force=True)
        sparse = rows.sparse is not None
        kind = (table.shape, table.dtype, table.device, rows.n_inputs, rows.n_targets, sparse)
        key = (*kind, hash(some.tobytes()))
        with self._lock:
            known = self._rows.setdefault(key, rows)
        return known if known.equals(rows) else rows

    def _resolve(self, job: Job, outcome: Outcome | BaseException) -> None:
        """Give a job its outcome and let its task go on."""
        self._queue.unfinished.discard(job)
        self._admission.register(job.task)
        job.outcome = outcome
        job.notified.set()
        if job in self._active:
            self._changed.notify_all()

    # ------------------------------------------------------------------ trainers

    def _start_trainer(self) -> None:
        """Start a trainer thread if all are busy."""
        if self._n_stacks == len(self._active) < self._trainers.n_available:
            thread = threading.Thread(
                target=self._run_trainer, name="wellposed-trainer", daemon=True
            )
            self._active.add(thread)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads: go on with those there are
                self._active.discard(thread)

    def _ensure_trainer(self) -> None:
        """Let one of the tasks that wait train what is in the queue, if nobody else can."""
        if self._queue and not self._active:
            self._start_trainer()
        if self._queue and not self._active:
            job = self._queue.first()
            self._active.add(job)
            job.notified.set()

    def _is_ready(self) -> bool:
        """Whether a stack is to be trained now."""
        return bool(self._queue) and (
            not self._admission.is_anybody_busy() or self._queue.has_full_stack()
        )

    def _run_trainer(self, own: Job | None = None) -> None:
        """Train stacks as long as there is a job, or until one's own is trained."""
        while stack := self._next_stack(own):
            outcomes = self._outcomes(stack)
            with self._lock:
                for job, outcome in zip(stack, outcomes):
                    if job in self._queue.unfinished:
                        self._resolve(job, outcome)
                self._n_stacks -= 1
                self._n_networks -= len(stack)
            del stack, outcomes

    def _next_stack(self, own: Job | None) -> list[Job] | None:
        """Wait for a full stack, or for nobody being busy; None once there is nothing to do."""
        with self._lock:
            while self._queue and not (own and own.outcome):
                if self._is_ready():
                    return self._pop_stack()
                n_jobs = self._queue.n_jobs
                if not self._changed.wait(_STALL_TIMEOUT) and n_jobs == self._queue.n_jobs:
                    self._admission.set_stalled()
            self._active.discard(own or threading.current_thread())
            if own is None:
                self._finished.add(threading.current_thread())
            self._ensure_trainer()
            return None

    def _pop_stack(self) -> list[Job]:
        n_trainers = None if self._admission.expects_jobs() else self._trainers.n_available
        stack = self._queue.pop_stack(self._n_networks, n_trainers)
        self.stack_sizes.append(len(stack))
        self._n_stacks += 1
        self._n_networks += len(stack)
        if not self._queue:
            self._changed.notify_all()
        elif self._is_ready():
            self._changed.notify()
            self._start_trainer()
        return stack

    def _outcomes(self, stack: list[Job]) -> list[Outcome | BaseException]:
        def abandoned() -> bool:
            return all(job.task.call.cancelled for job in stack)

        try:
            return [*self._trainers.train([job.request for job in stack], abandoned)]
        except Abandoned:
            return [Cancelled() for _ in stack]
        except Exception as error:
            if len(stack) == 1:
                return [error]
            logger.debug("a stack of %d failed (%s); training one by one", len(stack), error)
            return [self._outcomes([job])[0] for job in stack]
        except BaseException as error:  # an interrupt, where the caller's thread trains
            return [error for _ in stack]


_schedulers: WeakSet[Scheduler] = WeakSet()


def _reset_schedulers() -> None:
    """The tasks and threads of the parent's schedulers are not in a forked process."""
    for scheduler in _schedulers:
        scheduler._reset()


after_fork(_reset_schedulers)
register(current_task)
