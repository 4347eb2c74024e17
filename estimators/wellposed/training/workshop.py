"""Where the stacks of a meeting point are trained: in a process that is free, or in a thread."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from . import processes
from .request import Outcome, Request
from .stack import train

MAX_THREADS = 2  # that train: a third of what they do holds the interpreter's lock
_WORTH_PROCESSES = 0.5  # seconds of training after which processes are started to help


def n_cpus() -> int:
    """CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


class Workshop:
    """Trains stacks for the threads that bring them.

    Parameters
    ----------
    n_trainers : int, default: number of CPUs
        Stacks that are trained at the same time, by threads and by processes.
    """

    def __init__(self, n_trainers: int | None = None) -> None:
        self.n_trainers = n_trainers or n_cpus()
        self._seconds = 0.0  # of training by threads

    @property
    def n_places(self) -> int:
        """How many stacks can be trained at the same time now."""
        return min(self.n_trainers, MAX_THREADS + processes.pool.n_ready)

    def train(self, requests: list[Request], abandoned: Callable[[], bool]) -> list[Outcome]:
        """What becomes of the requests of one stack.

        Raises
        ------
        Abandoned
            Once ``abandoned`` says so.
        """
        if self.n_trainers > 1:
            if self._seconds > _WORTH_PROCESSES:
                processes.pool.grow(self.n_trainers - 1)
            outcomes = processes.pool.train(requests, abandoned)
            if outcomes is not None:
                return outcomes
        started = time.monotonic()
        outcomes = train(requests, abandoned)
        self._seconds += time.monotonic() - started
        return outcomes
