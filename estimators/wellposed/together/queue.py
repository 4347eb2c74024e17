"""The queue of a scheduler: jobs that wait for a trainer, by what may be trained side by side."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable

from ..training.request import Outcome, Request
from .tasks import Task

_CACHE_BYTES = 4 << 20  # working set of one stack, to stay in a core's caches
_MAX_STACK = 64
_MIN_SHARE = 8  # networks below which a stack is not shared between trainers


def stack_size(request: Request) -> int:
    """How many such networks train well side by side: as many as the caches hold."""
    network = request.network
    if network.exact_rows:
        return 1
    units = network.n_inputs_padded + sum(network.hidden_units)
    copies = 50 if request.solver == "lbfgs" else 4  # of the parameters
    width = request.width
    if request.unlabeled is not None:
        width += request.of_unlabeled().width
    numbers = copies * network.size + 3 * units * width
    fit = _CACHE_BYTES // (numbers * request.rows.table.element_size())
    return max(1, min(_MAX_STACK, fit))


class Job:
    """A request that a task has submitted, and its outcome."""

    def __init__(self, task: Task, request: Request) -> None:
        self.task, self.request, self.stack_size = task, request, stack_size(request)
        self.notified = threading.Event()
        self.outcome: Outcome | BaseException | None = None

    def wait(self) -> bool:
        """Wait for a notification; return whether there is an outcome, or its task is to train."""
        self.notified.wait()
        self.notified.clear()
        return self.outcome is not None

    def result(self) -> Outcome:
        """Return the outcome; raises where it is an exception."""
        outcome, self.outcome = self.outcome, None
        assert outcome is not None
        if isinstance(outcome, Outcome):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # whose traceback holds this frame


class Queue:
    """Jobs by the structure of their requests. Whoever calls holds the scheduler's lock.

    Attributes
    ----------
    unfinished : set of Job
        Those without an outcome, in the queue or in training.
    n_jobs : int
        How many have ever been added.
    """

    def __init__(self) -> None:
        self._groups: dict[Hashable, list[Job]] = {}
        self.unfinished: set[Job] = set()
        self.n_jobs = 0

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, job: Job) -> None:
        """Add a job."""
        self.unfinished.add(job)
        self.n_jobs += 1
        self._groups.setdefault(job.request.structure, []).append(job)

    def has_full_stack(self) -> bool:
        """Whether there are enough of a structure for a stack."""
        return bool(self._full())

    def _full(self) -> list[Hashable]:
        return [key for key, jobs in self._groups.items() if len(jobs) >= jobs[0].stack_size]

    def first(self) -> Job:
        """Return one of the jobs that wait."""
        return next(iter(self._groups.values()))[0]

    def pop_stack(self, in_training: int, n_trainers: int | None) -> list[Job]:
        """Take a stack out: of the largest full group, or else of the largest.

        ``n_trainers`` is how many trainers share what is there, as no more is to come, and
        ``in_training`` the number of networks that they are at; None if there is more to come.
        """
        keys = self._full() or list(self._groups)
        key = max(keys, key=lambda key: len(self._groups[key]))
        jobs = self._groups.pop(key)
        jobs.sort(key=lambda job: job.request.n_updates)  # those of a length together
        size = jobs[0].stack_size
        if n_trainers is not None:  # no more than a fair share: stacks in training are half done
            share = max(_MIN_SHARE, math.ceil((len(jobs) + in_training / 2) / n_trainers))
            if len(jobs) - share >= _MIN_SHARE:  # what is left is worth a stack, too
                size = min(size, share)
        stack, rest = jobs[:size], jobs[size:]
        if rest:
            self._groups[key] = rest
        return stack

    def remove_finished(self) -> None:
        """Take out the jobs that have an outcome."""
        for key, jobs in list(self._groups.items()):
            self._groups[key] = [job for job in jobs if job in self.unfinished]
            if not self._groups[key]:
                del self._groups[key]
