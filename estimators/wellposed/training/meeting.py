"""A meeting point: fits that run at the same time wait for each other and train as stacks.

Each `fit` posts its request and waits. When enough compatible requests are there, or nobody is
left who could post another one, a trainer takes a stack of them; then their tasks go on. Who could
still post is counted, not guessed by time: a task is *busy* from the moment it is let in until it
ends, except while it waits for a training or for tasks of its own.

Tasks are let in as far as their samples fit into memory. One whose training does not wait for
others is always in, and one that waits for its own tasks takes nobody's place: none waits for ever.
"""

from __future__ import annotations

import heapq
import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import count
from numbers import Integral, Real
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from .._threads import after_fork
from .board import Board, Post
from .request import Abandoned, Outcome, Request, Rows
from .stack import train
from .tasks import Call, Cancelled, Task, current_task
from .workshop import MAX_THREADS, Workshop

logger = logging.getLogger("wellposed")

_MAX_TASKS = 256  # let in at the same time
_MAX_BUSY = 4  # of them, unless they wait: they share the interpreter's lock
_COPIES = 3  # of its rows that a fit holds: those of its fold, the trainer's, the stack's
_SHORTAGE = 0.01  # seconds between looks for room where there are no more threads
_PATIENCE = 3.0  # seconds without news after which busy tasks are not waited for until they post


def _check(max_memory: Any, n_trainers: Any) -> None:
    if not isinstance(max_memory, Real) or not float(max_memory) > 0:
        raise ValueError(f"max_memory={max_memory!r} must be a positive number of bytes.")
    if n_trainers is not None and (not isinstance(n_trainers, Integral) or int(n_trainers) < 1):
        raise ValueError(
            f"n_trainers={n_trainers!r} must be a positive integer, or None for the number of CPUs."
        )


class Meeting:
    """Where the fits of one `fit_together` block meet.

    Parameters
    ----------
    max_memory : float
        Bytes that the samples of the tasks let in may take. One task is always let in.
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
        self._workshop = Workshop(n_trainers)
        self._reset()
        _meetings.add(self)

    def _reset(self) -> None:
        """Begin without tasks and threads."""
        self._lock = threading.Lock()
        self._line: list[tuple[float, int, Task]] = []  # tasks to let in, the innermost first
        self._number = count()
        self._inside: set[Task] = set()
        self._busy: set[object] = set()  # tasks, and threads that start calls from outside
        self._waiting: dict[object, Call] = {}  # who waits for the tasks of which call
        self._silent: set[object] = set()  # who has been waited for in vain, until heard of again
        self._board = Board()
        self._news = threading.Condition(self._lock)  # what trainers wait for
        self._trainers: set[threading.Thread | Post] = set()  # a post's task for want of threads
        self._leaving: set[threading.Thread] = set()  # those with nothing more to do
        self._n_training = self._n_in_training = 0  # stacks, and the networks in them
        self._aside = threading.Semaphore(min(MAX_THREADS, self._workshop.n_trainers))
        self._rows: WeakValueDictionary[Hashable, Rows] = WeakValueDictionary()

    # ------------------------------------------------------------------ who is busy

    def join(self, who: object) -> None:
        """Count somebody as busy."""
        with self._lock:
            self._silent.discard(who)
            self._busy.add(who)

    def leave(self, who: object) -> None:
        """No longer count somebody as busy."""
        with self._lock:
            self._silent.discard(who)
            self._busy.discard(who)
            self._look_around()

    def disperse(self, timeout: float) -> None:
        """Wait for threads that have nothing more to do, at most so many seconds.

        At the exit of the interpreter, a thread that is still freeing tensors would abort it.
        """
        with self._lock:
            trainers = set() if self._inside else self._trainers
            leaving = self._leaving | {t for t in trainers if isinstance(t, threading.Thread)}
            leaving.discard(threading.current_thread())
            self._leaving.clear()
        end = time.monotonic() + timeout
        for thread in leaving:
            thread.join(max(0.0, end - time.monotonic()))

    @contextmanager
    def waiting(self, call: Call, who: object = None) -> Iterator[None]:
        """Count a call's caller as waiting for its tasks inside the block, or somebody else."""
        who = who or call.caller
        with self._lock:
            self._silent.discard(who)
            before = self._waiting.get(who)
            self._waiting[who] = call
            refused = self._look_around()
        try:
            if refused:
                self._run_here(call)
            yield
        finally:
            with self._lock:
                if before is None:
                    self._waiting.pop(who, None)
                else:  # one of whose results it consumes
                    self._waiting[who] = before
                    self._look_around()

    def _is_anybody_busy(self) -> bool:
        heard = self._busy - self._silent if self._silent else self._busy
        return not heard <= self._waiting.keys()

    def _busy_tasks(self) -> set[Task]:
        return self._inside & self._busy - self._waiting.keys()

    def _look_around(self) -> bool:
        """Let tasks in and wake a trainer, if there is reason to.

        Returns whether a task that may come in was refused a thread.
        """
        refused = self._let_in()
        if self._is_ready():
            self._news.notify()
        return refused

    # ------------------------------------------------------------------ tasks

    def submit(self, task: Task) -> None:
        """Let a task in as soon as there is room."""
        with self._lock:
            task.call.tasks.add(task)
            depth = math.inf if task.call.cancelled else task.call.depth
            heapq.heappush(self._line, (-depth, next(self._number), task))
            self._let_in()  # if refused a thread, it is run where its call is waited for

    def end(self, task: Task) -> None:
        """Unregister a finished task."""
        with self._lock:
            call = task.call
            call.tasks.discard(task)
            for group in (self._inside, self._busy, self._silent):
                group.discard(task)
            if len(self._leaving) > _MAX_TASKS:
                self._leaving = {thread for thread in self._leaving if thread.is_alive()}
            if task.thread.ident is not None:
                self._leaving.add(task.thread)
            if not call.tasks and self._waiting.get(call.caller) is call:
                del self._waiting[call.caller]  # it is about to see that they are over
            refused = self._look_around()
        if refused and task.thread.ident is not None:
            self._run_here()

    def _run_here(self, call: Call | None = None) -> None:
        """Run tasks in this thread, for as long as the system gives no other to them.

        Of a call that is waited for, all tasks until none is left to start.
        """
        while task := self._take_refused(call):
            task.run()

    def _take_refused(self, call: Call | None) -> Task | None:
        while True:
            with self._lock:
                refused = self._look_around()
                mine = [entry for entry in self._line if call is None or entry[-1].is_of(call)]
                for entry in mine if refused else ():
                    if self._has_room(entry[-1]):
                        return self._begin_here(entry)
                if call is None or not mine:
                    return None
            time.sleep(_SHORTAGE)

    def _begin_here(self, entry: tuple[float, int, Task]) -> Task:
        self._line.remove(entry)
        heapq.heapify(self._line)
        task = entry[-1]
        task.has_begun = True
        self._inside.add(task)
        self._busy.add(task)
        return task

    def _let_in(self) -> bool:
        """Start tasks as long as there is room; whether the system refused one a thread."""
        while self._line and self._has_room(self._line[0][-1]):
            entry = heapq.heappop(self._line)
            task = entry[-1]
            self._inside.add(task)
            self._busy.add(task)
            try:
                task.thread.start()
            except RuntimeError:  # the system gives no more threads
                self._inside.discard(task)
                self._busy.discard(task)
                heapq.heappush(self._line, entry)
                return True
        return False

    def _has_room(self, task: Task) -> bool:
        rivals = self._inside - self._waiting.keys()
        if task.call.cancelled or not rivals:
            return True
        if len(self._inside) >= _MAX_TASKS or len(self._busy_tasks()) >= _MAX_BUSY:
            return False
        if sum(map(self._memory, (task, *self._inside))) > self.max_memory:
            return False
        if task.call.n_bytes:
            return True
        # As long as a call has posted nothing, it may be all of another library.
        return sum(not rival.call.n_bytes for rival in rivals) < self._workshop.n_trainers

    def _memory(self, task: Task) -> int:
        """Bytes that its samples take: one that waits holds them, a fit makes copies of them."""
        n_bytes = max(task.n_bytes, task.call.n_bytes)
        return n_bytes if task in self._waiting else _COPIES * n_bytes

    def cancel(self, call: Call) -> None:
        """Give up a call: its tasks raise `Cancelled`, or never begin."""
        with self._lock:
            call.cancel()
            for post in [post for post in self._board.open if post.task.call.cancelled]:
                self._tell(post, Cancelled())
            self._board.tidy()
            gone = {task for *_, task in self._line if task.call.cancelled}
            self._line = [entry for entry in self._line if entry[-1] not in gone]
            heapq.heapify(self._line)
            # An interrupt may have struck after a task was submitted and before it was started.
            lost = {t for t in (*self._inside, *call.tasks) if t.call.cancelled}
            gone |= {t for t in lost if t.thread.ident is None and not t.has_begun}
            self._news.notify_all()
        for task in gone:
            task.fail(Cancelled())

    # ------------------------------------------------------------------ requests

    def post(self, task: Task, request: Request) -> Outcome:
        """Wait until the request has been trained, and return what became of it."""
        request.rows = self._shared(request.rows)
        if request.validation is not None:
            request.validation = self._shared(request.validation)
        post = Post(task, request)
        with self._lock:
            if task.call.cancelled:
                raise Cancelled
            self._note(task, request)
            self._silent.discard(task)
            self._board.put(post)
            self._busy.discard(task)
            self._look_around()
            self._hire()
            self._appoint()
        while not post.result_is_there():
            self._train(post)
        with self._lock:
            self._trainers.discard(post)
            self._appoint()
        return post.result()

    @contextmanager
    def aside(self, task: Task, request: Request) -> Iterator[Callable[[], bool]]:
        """Let a task train its request by itself; gives the function that says when to give up."""
        with self._lock:
            self._note(task, request)
            self._busy.discard(task)
            self._look_around()
        try:
            with self._aside:
                if task.call.cancelled:
                    raise Cancelled
                self.stack_sizes.append(1)
                yield lambda: task.call.cancelled
        except Abandoned:
            raise Cancelled from None
        finally:
            self.join(task)

    def _note(self, task: Task, request: Request) -> None:
        """Remember how much memory tasks like this one take."""
        task.has_posted = True
        call: Call | None = task.call
        while call is not None:
            call.n_bytes = max(call.n_bytes, request.rows.nbytes)
            call = call.parent

    def _shared(self, rows: Rows) -> Rows:
        """Return equal rows that are here already: folds are cut once for each candidate."""
        table = rows.table
        some = table[:: max(1, len(table) // 64)].numpy(force=True)
        sparse = rows.sparse is not None
        kind = (table.shape, table.dtype, table.device, rows.n_inputs, rows.n_targets, sparse)
        key = (*kind, hash(some.tobytes()))
        with self._lock:
            known = self._rows.setdefault(key, rows)
        return known if known.equals(rows) else rows

    def _tell(self, post: Post, outcome: Outcome | BaseException) -> None:
        self._board.open.discard(post)
        self._busy.add(post.task)
        post.outcome = outcome
        post.told.set()
        if post in self._trainers:
            self._news.notify_all()

    # ------------------------------------------------------------------ trainers

    def _hire(self) -> None:
        """Have one more trainer if all are training."""
        if self._n_training == len(self._trainers) < self._workshop.n_places:
            thread = threading.Thread(target=self._train, name="wellposed-trainer", daemon=True)
            self._trainers.add(thread)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads: go on with those there are
                self._trainers.discard(thread)

    def _appoint(self) -> None:
        """Let one of the tasks that wait train what is on the board, if nobody else can."""
        if self._board and not self._trainers:
            self._hire()
        if self._board and not self._trainers:
            post = self._board.first()
            self._trainers.add(post)
            post.told.set()

    def _is_ready(self) -> bool:
        return bool(self._board) and (not self._is_anybody_busy() or self._board.is_full())

    def _train(self, own: Post | None = None) -> None:
        """Train stacks as long as there is anything on the board, or until one's own is trained."""
        while stack := self._take(own):
            outcomes = self._outcomes(stack)
            with self._lock:
                for post, outcome in zip(stack, outcomes):
                    if post in self._board.open:
                        self._tell(post, outcome)
                self._n_training -= 1
                self._n_in_training -= len(stack)
            del stack, outcomes

    def _take(self, own: Post | None) -> list[Post] | None:
        """Wait for a full group, or for nobody being busy; None once there is nothing to do."""
        with self._lock:
            while self._board and not (own and own.outcome):
                if self._is_ready():
                    return self._pick()
                n_posts = self._board.n_posts
                if not self._news.wait(_PATIENCE) and n_posts == self._board.n_posts:
                    self._silent |= self._busy - self._waiting.keys()
            self._trainers.discard(own or threading.current_thread())
            if own is None:
                self._leaving.add(threading.current_thread())
            self._appoint()
            return None

    def _pick(self) -> list[Post]:
        trainers = None if self._more_to_come() else self._workshop.n_places
        stack = self._board.take(self._n_in_training, trainers)
        self.stack_sizes.append(len(stack))
        self._n_training += 1
        self._n_in_training += len(stack)
        if not self._board:
            self._news.notify_all()
        elif self._is_ready():
            self._news.notify()
            self._hire()
        return stack

    def _more_to_come(self) -> bool:
        """Whether there are tasks that have posted nothing so far; one may still post again."""
        return bool(self._line) or not all(task.has_posted for task in self._busy_tasks())

    def _outcomes(self, stack: list[Post]) -> list[Outcome | BaseException]:
        def abandoned() -> bool:
            return all(post.task.call.cancelled for post in stack)

        try:
            return [*self._workshop.train([post.request for post in stack], abandoned)]
        except Abandoned:
            return [Cancelled() for _ in stack]
        except Exception as error:
            if len(stack) == 1:
                return [error]
            logger.debug("a stack of %d failed (%s); training one by one", len(stack), error)
            return [self._outcomes([post])[0] for post in stack]
        except BaseException as error:  # an interrupt, where the caller's thread trains
            return [error for _ in stack]


_meetings: WeakSet[Meeting] = WeakSet()


def _forget() -> None:
    """The tasks and threads of the parent's meetings are not in a forked process."""
    for meeting in _meetings:
        meeting._reset()


after_fork(_forget)


def run(
    request: Request, alone: Callable[[Callable[[], bool] | None], Outcome] | None = None
) -> Outcome:
    """Train a request: at the meeting point if this thread is at one, by itself otherwise.

    ``alone`` trains it where it cannot be part of a stack, asking now and then whether to give up.
    """
    task = current_task()
    if task is None:
        return alone(None) if alone else train([request])[0]
    if alone is None:
        return task.meeting.post(task, request)
    with task.meeting.aside(task, request) as abandoned:
        return alone(abandoned)
