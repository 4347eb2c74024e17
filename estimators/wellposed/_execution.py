"""Where a fit's request is trained: in this thread, or by the scheduler of a `fit_together` block.

`together` is imported by whoever opens a block and registers how the thread's task is found; a fit
outside of blocks needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .training import train
from .training.request import Outcome, Request

#: Trains a request that cannot be part of a stack, asking now and then whether to give up.
TrainAlone = Callable[[Callable[[], bool] | None], Outcome]


class Task(Protocol):
    """What this thread is running for a scheduler."""

    def train(self, request: Request, alone: TrainAlone | None) -> Outcome:
        """Have the scheduler train a request, or run `alone` when it allows it."""
        ...


def _no_task() -> Task | None:
    return None


_current_task: Callable[[], Task | None] = _no_task


def register(current_task: Callable[[], Task | None]) -> None:
    """Register the function that returns the task that a thread is running, or None."""
    global _current_task
    _current_task = current_task


def run(request: Request, alone: TrainAlone | None = None) -> Outcome:
    """Train a request: as the scheduler of this thread's task decides, or at once without one.

    ``alone`` trains it where it cannot be part of a stack.
    """
    task = _current_task()
    if task is not None:
        return task.train(request, alone)
    return alone(None) if alone else train([request])[0]
