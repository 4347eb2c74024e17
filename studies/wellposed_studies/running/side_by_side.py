"""Cells in threads of one process, so that the networks that they fit are trained side by side."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController

from ..discovery import find
from ..study import Cell
from .measuring import Measure, Outcome, seed_global_streams
from .plan import PlannedCell
from .warned import counted

#: Studies whose cells draw from a random stream of the whole process.
_not_in_threads: set[str] = set()

_UNLIKELY = 2_718_281_828  # a seed that no cell sets


def measure_all(
    measure: Measure, cells: Sequence[PlannedCell], n_trainers: int | None = None
) -> list[Outcome]:
    """The outcomes of some cells, in their order; the first one has the warnings of all."""
    with counted() as warned:
        outcomes = _measure_all(measure, cells, n_trainers)
    return [replace(outcomes[0], warned=dict(warned)), *outcomes[1:]]


def _measure_all(
    measure: Measure, cells: Sequence[PlannedCell], n_trainers: int | None
) -> list[Outcome]:
    """The outcomes of some cells, in their order.

    They are in threads if the study says that they can be (`Study.side_by_side`).
    Cells that forget a ``random_state`` draw from a random stream that all threads share. Where
    one may have done so, all are computed again one after the other, each from its own seed; what
    they return must not depend on their neighbours.

    Parameters
    ----------
    measure : Measure
    cells : sequence of PlannedCell
    n_trainers : int, default: number of CPUs
        Stacks of networks that are trained at the same time.
    """
    name = measure.selection.spec
    if not find(name).study.side_by_side or len(cells) == 1 or name in _not_in_threads:
        return [measure(cell) for cell in cells]
    from wellposed import fit_together

    seed_global_streams(_UNLIKELY)
    before = _global_streams()
    started = time.perf_counter()
    one_thread = ThreadpoolController()

    def task(cell: PlannedCell) -> Outcome:
        # OpenMP's number of threads is each thread's own
        with one_thread.limit(limits=1):
            return measure(cell, alone=False)

    with fit_together(n_trainers=n_trainers):
        outcomes = Parallel()(delayed(task)(cell) for cell in cells)
    if _global_streams() != before:
        return _one_by_one(measure, cells)
    share = (time.perf_counter() - started) / len(cells)
    return [replace(outcome, seconds=share) for outcome in outcomes]


def _one_by_one(measure: Measure, cells: Sequence[PlannedCell]) -> list[Outcome]:
    """Compute cells alone, and remember a study whose cells draw from the process's streams.

    Others may have drawn in the meantime: a worker of dask does when it starts.
    """
    outcomes = []
    for cell in cells:
        outcomes.append(measure(cell))
        left = _global_streams()
        seed_global_streams(Cell(None, "", {}, cell.repetition, cell.entropy).seed)
        if left != _global_streams():
            _not_in_threads.add(measure.selection.spec)
    return outcomes


def _global_streams() -> list[Any]:
    """The states of the random streams that belong to the process."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    states = [random.getstate(), kind, np.asarray(keys).tobytes(), *rest]
    torch = sys.modules.get("torch")
    return [*states, torch.get_rng_state().numpy().tobytes()] if torch else states
