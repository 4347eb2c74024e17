"""Ways to compute cells: in this process, or in several. An executor is one method.

A way of one's own (cells in threads, whose fits are trained side by side, or cells on other
machines) is another class with ``run``, given to `wellposed_studies.runner.run`.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from typing import Protocol

from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ..errors import StudyError
from .measuring import Measure, Outcome
from .plan import PlannedCell
from .side_by_side import measure_all
from .threads import one_thread

#: Cells that take less are computed and stored several at a time, for about this many seconds.
SECONDS_A_BATCH = 2.0
MAX_BATCH = 256


#: What an executor yields: finished or failed cells, several at a time.
Outcomes = Generator[list[Outcome], None, None]


class WorkerDied(StudyError):
    """A process that computed cells was killed from outside."""


class Executor(Protocol):
    """Computes cells."""

    def run(self, measure: Measure, cells: Sequence[PlannedCell]) -> Outcomes:
        """Yield the outcomes of all cells, in any order, as soon as they are there.

        The run closes the generator when it stops early, and what is under way is given up.

        What is yielded together is stored together, so it should be no more than what one can
        afford to lose. `measure` can be sent to other processes and called from threads.
        """
        ...


class Serial:
    """Cells in this process: some at a time, whose networks are trained side by side."""

    def run(self, measure: Measure, cells: Sequence[PlannedCell]) -> Outcomes:
        """Outcomes in order, together as many as take about `SECONDS_A_BATCH`."""
        pace = Pace(1)
        with one_thread():
            for batch in pace.batches(cells):
                outcomes = measure_all(measure, batch)
                pace.finished(outcomes)
                yield outcomes


class Processes:
    """Cells in several processes, each of which trains the networks of some side by side.

    Parameters
    ----------
    n_jobs : int
        Number of processes, as joblib counts: -1 is one a processor.
    """

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def run(self, measure: Measure, cells: Sequence[PlannedCell]) -> Outcomes:
        """Outcomes in the order in which processes finish them."""
        if not cells:
            return
        with parallel_config(backend="loky", inner_max_num_threads=1):
            parallel = Parallel(n_jobs=self.n_jobs, return_as="generator_unordered", batch_size=1)
            pace = Pace(effective_n_jobs(self.n_jobs))
            parent = os.getpid()
            tasks = (delayed(_batch)(measure, batch, parent) for batch in pace.batches(cells))
            results = parallel(tasks)
            try:
                for outcomes in results:
                    pace.finished(outcomes)
                    yield outcomes
            except TerminatedWorkerError as error:
                raise WorkerDied(
                    "a process that computed cells was killed, most likely for want of memory. "
                    "What was finished is stored; go on with fewer processes: --n-jobs 1"
                ) from error
            finally:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message=".*have been cancelled")
                    results.close()


class Pace:
    """Cuts cells into batches of `SECONDS_A_BATCH`, by how long the last ones took."""

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs
        self.seconds_a_cell = SECONDS_A_BATCH
        self.size = 1

    def finished(self, outcomes: list[Outcome]) -> None:
        total = sum(outcome.seconds for outcome in outcomes)
        self.seconds_a_cell = max(total / len(outcomes), 1e-6)

    def batches(self, cells: Sequence[PlannedCell]) -> Iterator[list[PlannedCell]]:
        position = 0
        while position < len(cells):
            fair = (len(cells) - position) // (2 * self.n_jobs)
            enough = int(SECONDS_A_BATCH / self.seconds_a_cell)
            # the next cells may take longer than the last ones: grow slowly
            self.size = max(1, min(enough, MAX_BATCH, fair, 2 * self.size))
            yield list(cells[position : position + self.size])
            position += self.size


def _batch(measure: Measure, cells: list[PlannedCell], parent: int) -> list[Outcome]:
    _end_with(parent)
    with one_thread():
        return measure_all(measure, cells, n_trainers=1)


@lru_cache
def _end_with(parent: int) -> None:
    """End this process soon after `parent`, which may be killed without a word."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    if os.name != "nt":
        threading.Thread(target=watch, daemon=True).start()


def make_executor(n_jobs: int) -> Executor:
    """The executor for a number of processes: this one for 1."""
    return Serial() if n_jobs == 1 else Processes(n_jobs)
