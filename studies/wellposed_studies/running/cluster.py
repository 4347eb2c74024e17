"""Cells on a dask cluster: on this machine, or behind a scheduler that runs already."""

from __future__ import annotations

import contextlib
import gc
import logging
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..discovery import find
from ..errors import StudyError
from .executors import Outcomes, Pace, WorkerDied
from .measuring import Measure, Outcome
from .plan import PlannedCell
from .side_by_side import measure_all
from .threads import one_thread

if TYPE_CHECKING:
    from distributed import Client

_CONNECT = 10.0  # seconds to wait for a scheduler and its first worker
_ATTEMPTS = 3  # to start dask's thread
#: What must be the same everywhere: the last bits of a cell depend on it.
_PACKAGES = ("wellposed", "torch", "numpy", "scipy", "scikit-learn", "pandas", "distributed")

_alone = threading.Lock()  # cells of one batch share the random streams of a process


class ClusterError(StudyError):
    """There is no cluster to compute on, or not one that can compute these cells."""


class Cluster:
    """Cells on the workers of a dask cluster; results come here and are stored here.

    The networks of a batch of cells are trained side by side on their worker. Batches of a worker
    that dies are computed again by others.

    Parameters
    ----------
    scheduler : str or None
        Address of a scheduler that runs, ``tcp://host:8786``. Its workers have the same versions of
        the packages that compute, and see the study's file and the data under the same paths.
    n_workers : int or None
        Worker processes to start on this machine, in place of `scheduler`.

    Raises
    ------
    ClusterError
        On `run`, if dask is not installed, the scheduler does not answer, has no workers, or its
        workers have other versions or not this study.
    """

    def __init__(self, scheduler: str | None = None, n_workers: int | None = None) -> None:
        if (scheduler is None) == (n_workers is None):
            raise ValueError("give one of scheduler= and n_workers=.")
        self.scheduler = scheduler
        self.n_workers = n_workers

    def run(self, measure: Measure, cells: Sequence[PlannedCell]) -> Outcomes:
        """Outcomes in the order in which workers finish them."""
        if not cells:
            return
        with self._client() as client:
            _check_workers(client, measure)
            yield from _computed(client, measure, cells)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client]:
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise ClusterError(
                "a cluster needs dask.distributed, which is not installed. Install it: "
                "pip install 'wellposed[distributed]'"
            ) from error
        with contextlib.ExitStack() as stack:
            address: Any = self.scheduler
            if address is None:
                address = _started(
                    LocalCluster,
                    n_workers=self.n_workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
                stack.enter_context(address)
            try:
                client = _started(Client, address, timeout=_CONNECT, set_as_default=False)
            except (OSError, ValueError, TypeError) as error:
                raise ClusterError(
                    f"no dask scheduler answers at {address}: {_line(error)}. Start one with "
                    "`dask scheduler` and workers with `dask worker ADDRESS`, or use --workers N "
                    "for a cluster on this machine"
                ) from error
            stack.enter_context(client)
            yield client


def _started(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Make one of dask's objects, whose thread may be late on a busy machine.

    dask gives that thread ten seconds, and says nothing but AssertionError where it took longer.
    A client that failed to connect takes dask's lock when it is collected: in the new thread, that
    would be while this one holds the lock and waits.
    """
    gc.collect()
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(AssertionError):
            return make(*args, **options)
    try:
        return make(*args, **options)
    except AssertionError as error:
        raise ClusterError(
            "dask's own thread did not start within ten seconds, several times: this machine is "
            "too busy. Wait until it is less so, or compute without a cluster: --n-jobs 1"
        ) from error


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _computed(client: Client, measure: Measure, cells: Sequence[PlannedCell]) -> Outcomes:
    """Keep every worker supplied with two batches, and yield what comes back."""
    from distributed import KilledWorker, as_completed

    n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
    pace = Pace(n_workers)
    batches = pace.batches(cells)
    under_way = as_completed(loop=client.loop, raise_errors=False)

    def submit() -> None:
        batch = next(batches, None)
        if batch is not None:
            under_way.add(client.submit(_batch, measure, batch, pure=False))

    for _ in range(2 * n_workers):
        submit()
    for future in under_way:
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            raise WorkerDied(
                "workers of the cluster died again and again on the same cells, most likely for "
                "want of memory. What was finished is stored; give workers more memory, or go on "
                "here: --n-jobs 1"
            ) from error
        if error is not None or future.status != "finished":
            raise ClusterError(
                f"the cluster has lost cells: {_line(error) if error else future.status}. What was "
                "finished is stored; the same command goes on from here"
            ) from error
        outcomes = future.result()
        pace.finished(outcomes)
        yield outcomes
        submit()


def _batch(measure: Measure, cells: list[PlannedCell]) -> list[Outcome]:
    """Compute cells on a worker, one batch at a time in each process."""
    with _alone, one_thread():
        return measure_all(measure, cells, n_trainers=1)


# ---------------------------------------------------------------------- can they compute this?


def _check_workers(client: Client, measure: Measure) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT)
    except TimeoutError as error:
        raise ClusterError(
            "the dask scheduler has no workers. Start some with `dask worker ADDRESS`"
        ) from error
    here = versions()
    try:
        there = client.run(_described, measure)
    except Exception as error:
        raise ClusterError(
            f"a worker cannot run this package: {_line(error)}. Install wellposed in the same "
            "version in the workers' environment"
        ) from error
    for worker, (found, problem) in there.items():
        other = [f"{name} {found[name]}" for name in here if found[name] != here[name]]
        if other:
            mine = [f"{name} {here[name]}" for name in here if found[name] != here[name]]
            raise ClusterError(
                f"the worker {worker} has {', '.join(other)}, and this process {', '.join(mine)}. "
                "Results would depend on who computes them: install the same versions"
            )
        if problem:
            raise ClusterError(
                f"the worker {worker} cannot compute this study: {problem}. The study's file and "
                "data must be there under the same path"
            )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _described(measure: Measure) -> tuple[dict[str, str], str]:
    """On a worker: its versions, and why it cannot compute the study, or ""."""
    own = measure.selection.own
    try:
        source = find(measure.selection.spec)
    except Exception as error:
        return versions(), _line(error)
    if measure.code not in (None, source.code):
        return versions(), f"{source.path} has another text there"
    if own is not None and not Path(own.path).exists():
        return versions(), f"{own.path} is not there"
    return versions(), ""
