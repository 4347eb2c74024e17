"""Which tasks of a block run, and which of those that run may still submit a job.

A task is *busy* from the moment it is admitted until it ends, except while it waits for a training
or for tasks of its own. Tasks are admitted as far as their samples fit into memory. One whose
training does not wait for others is always admitted, and one that waits for its own tasks takes
nobody's place: none waits for ever.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from weakref import WeakSet

from .tasks import Call, Task

_MAX_TASKS = 256  # admitted at the same time
_MAX_BUSY = 4  # of them, unless they wait: they share the interpreter's lock
_COPIES = 3  # of its rows that a fit holds: those of its fold, the trainer's, the stack's


class Admission:
    """Pending and admitted tasks. Whoever calls holds the scheduler's lock.

    Parameters
    ----------
    max_memory : float
        Bytes that the samples of the admitted tasks may take. One task is always admitted.
    n_trainers : int
        Stacks that are trained at the same time.

    Attributes
    ----------
    pending : list of (float, int, Task)
        The heap of tasks to admit, the innermost first.
    admitted : set of Task
        Those that run.
    busy : set of Task
        Those that may submit a job, as may who has an open call.
    waiting : dict of Task or Thread to Call
        Who waits for the tasks of which call.
    """

    def __init__(self, max_memory: float, n_trainers: int) -> None:
        self._max_memory, self._n_trainers = max_memory, n_trainers
        self._number = count()
        self.pending: list[tuple[float, int, Task]] = []
        self.admitted: set[Task] = set()
        self.busy: set[Task] = set()
        self.waiting: dict[object, Call] = {}
        self._waits: dict[object, list[Call]] = {}  # also those in whose results another one runs
        self._open: WeakSet[Call] = WeakSet()  # from outside; an interrupt may let go of one
        self._stalled: set[object] = set()  # busy, and not waited for until they are active again

    # ------------------------------------------------------------------ who is busy

    def register(self, task: Task) -> None:
        """Count a task as busy."""
        self._stalled.discard(task)
        self.busy.add(task)

    def unregister(self, task: Task) -> None:
        """No longer count a task as busy."""
        self._stalled.discard(task)
        self.busy.discard(task)

    def open_call(self, call: Call) -> None:
        """Count the caller as busy, who is no task."""
        self._open.add(call)
        self._stalled.discard(call.caller)

    def close_call(self, call: Call) -> None:
        """No longer count the caller as busy, if it has no other open call."""
        self._open.discard(call)
        self._stalled.discard(call.caller)

    def begin_wait(self, who: object, call: Call) -> None:
        """Count somebody as waiting for the tasks of a call."""
        self.set_active(who)
        self._waits.setdefault(who, []).append(call)
        self.waiting[who] = call

    def end_wait(self, who: object, call: Call) -> None:
        """Count them as waiting no more for this call, which need not be the last that began."""
        calls = self._waits.get(who, [])
        if call not in calls:  # an interrupt came before it began
            return
        was_last = calls[-1] is call
        calls.remove(call)
        if not calls:
            del self._waits[who]
            self.waiting.pop(who, None)
        elif was_last:  # one of whose results it consumes
            self.waiting[who] = calls[-1]

    def set_active(self, who: object) -> None:
        """Wait for a task or a thread again, if it is busy."""
        self._stalled.discard(who)

    def set_stalled(self) -> None:
        """Wait for nobody who is busy now until they are active again."""
        self._stalled |= self._everybody() - self.waiting.keys()

    def is_anybody_busy(self) -> bool:
        """Whether a job may still be submitted soon."""
        everybody = self._everybody()
        return any(who not in self.waiting and who not in self._stalled for who in everybody)

    def _everybody(self) -> set[object]:
        return {*self.busy, *(call.caller for call in self._open)}

    def expects_jobs(self) -> bool:
        """Whether there are tasks that have submitted nothing so far.

        One that has may submit again, and is not reckoned with.
        """
        return bool(self.pending) or not all(task.has_submitted for task in self._busy_tasks())

    def _busy_tasks(self) -> set[Task]:
        return self.admitted & self.busy - self.waiting.keys()

    # ------------------------------------------------------------------ tasks

    def add(self, task: Task) -> None:
        """Put a task among those to admit."""
        depth = math.inf if task.call.cancelled else task.call.depth
        heapq.heappush(self.pending, (-depth, next(self._number), task))

    def admit(self) -> bool:
        """Start tasks as long as there is room; return whether the system refused one a thread."""
        while self.pending and self._has_room(self.pending[0][-1]):
            entry = heapq.heappop(self.pending)
            task = entry[-1]
            self.admitted.add(task)
            self.busy.add(task)
            try:
                task.thread.start()
            except RuntimeError:  # the system gives no more threads
                self.admitted.discard(task)
                self.busy.discard(task)
                heapq.heappush(self.pending, entry)
                return True
        return False

    def pending_of(self, call: Call | None) -> list[Task]:
        """Pending tasks of a call and of its tasks' calls, or all."""
        return [task for *_, task in self.pending if call is None or task.is_of(call)]

    def admit_inline(self, tasks: list[Task]) -> Task | None:
        """Admit one of these pending tasks, if there is room, to run in this thread."""
        task = next(filter(self._has_room, tasks), None)
        if task is not None:
            self._remove(task)
            task.has_started = True
            self.admitted.add(task)
            self.busy.add(task)
        return task

    def remove(self, task: Task) -> None:
        """Forget a task that is over."""
        self.admitted.discard(task)
        self.unregister(task)

    def take_cancelled(self) -> Task | None:
        """Take out a pending task of a cancelled call."""
        task = next((task for *_, task in self.pending if task.call.cancelled), None)
        if task is not None:
            self._remove(task)
        return task

    def _remove(self, task: Task) -> None:
        self.pending = [entry for entry in self.pending if entry[-1] is not task]
        heapq.heapify(self.pending)

    def _has_room(self, task: Task) -> bool:
        rivals = self.admitted - self.waiting.keys()
        if task.call.cancelled or not rivals:
            return True
        if len(self.admitted) >= _MAX_TASKS or len(self._busy_tasks()) >= _MAX_BUSY:
            return False
        if sum(map(self._memory, (task, *self.admitted))) > self._max_memory:
            return False
        if task.call.n_bytes:
            return True
        # As long as a call has submitted no job, it may be all of another library.
        return sum(not rival.call.n_bytes for rival in rivals) < self._n_trainers

    def _memory(self, task: Task) -> int:
        """Bytes that its samples take: one that waits holds them, a fit makes copies of them."""
        n_bytes = max(task.n_bytes, task.call.n_bytes)
        return n_bytes if task in self.waiting else _COPIES * n_bytes
