"""Where stacks are trained: in an idle process, or in the thread that brings them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ..training import train
from ..training.request import Outcome, Request
from . import process_pool

MAX_THREADS = 2  # that train: a third of what they do holds the interpreter's lock
_START_PROCESSES_AFTER = 0.5  # seconds of training by threads


def n_cpus() -> int:
    """CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


class Trainers:
    """Train stacks for the threads that bring them.

    Parameters
    ----------
    n_trainers : int, default: number of CPUs
        Stacks that are trained at the same time, by threads and by processes.
    """

    def __init__(self, n_trainers: int | None = None) -> None:
        self.n_trainers = n_trainers or n_cpus()
        self._seconds = 0.0  # of training by threads

    @property
    def n_available(self) -> int:
        """How many stacks can be trained at the same time now."""
        return min(self.n_trainers, MAX_THREADS + process_pool.pool.n_ready)

    def train(self, requests: list[Request], abandoned: Callable[[], bool]) -> list[Outcome]:
        """Train the requests of one stack.

        Raises
        ------
        Abandoned
            Once ``abandoned`` says so.
        """
        if self.n_trainers > 1:
            if self._seconds > _START_PROCESSES_AFTER:
                process_pool.pool.grow(self.n_trainers - 1)
            outcomes = process_pool.pool.train(requests, abandoned)
            if outcomes is not None:
                return outcomes
        started = time.monotonic()
        outcomes = train(requests, abandoned)
        self._seconds += time.monotonic() - started
        return outcomes
