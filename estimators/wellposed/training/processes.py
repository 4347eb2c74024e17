"""Processes beside this one that train stacks, since threads share the interpreter's lock.

A small network's step is forty calls of some microseconds each, and between any two of them the
lock is needed: two threads that train get in each other's way, and in that of the tasks. Processes
are started once a block has trained long enough for their start to pay, are kept for later blocks,
and end with the interpreter or after five minutes without work. Where there is none, threads train.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any

import torch

from ..activations import ACTIVATIONS
from ..objective import LOSSES
from ..regularizers import REGULARIZERS
from .request import Abandoned, Outcome, Request
from .worker import READY, read, write

logger = logging.getLogger("wellposed")

_MAX_BYTES = 32 << 20  # of samples that are sent; networks with more of them are trained here
_LOOK = 0.02  # seconds between looks at whether a training is still wanted
#: What a process that imports this library knows, too.
_KNOWN = [dict(table) for table in (ACTIVATIONS, LOSSES, REGULARIZERS)]


class Unavailable(Exception):
    """The process is gone, or did not understand."""


class TrainerProcess:
    """One process; see `worker` for its side."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for this process
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._jobs, self._answers = self._process.stdin, self._process.stdout
        self._ready = False

    @property
    def failed(self) -> bool:
        """Whether it has ended without ever having been ready."""
        return not self._ready and not self.alive

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has started up and is there."""
        with contextlib.suppress(EOFError, OSError):
            if not self._ready and self._has_answered(0.0):
                self._ready = self._read() == READY
        return self._ready and self.alive

    def train(self, requests: Sequence[Request], abandoned: Callable[[], bool]) -> list[Outcome]:
        """Do what `stack.train` does.

        Raises
        ------
        Abandoned
            If nobody waits for it any more; the process is ended.
        Unavailable
            If the process has ended, or its training raised.
        """
        try:
            write((torch.get_float32_matmul_precision(), requests), self._jobs)
            while not self._has_answered(_LOOK):
                if abandoned():
                    raise Abandoned
            answer = self._read()
        except Exception as error:
            self.end()
            raise Unavailable(str(error)) from error
        except BaseException:
            self.end()
            raise
        if isinstance(answer, str):
            raise Unavailable(answer)
        return answer

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._jobs, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def _has_answered(self, timeout: float) -> bool:
        return bool(wait([self._answers.fileno()], timeout))

    def _read(self) -> Any:
        return pickle.loads(read(self._answers))


class Pool:
    """The trainer processes of this interpreter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[TrainerProcess] = []
        self._busy: list[TrainerProcess] = []
        self.possible = os.name == "posix" and bool(sys.executable)

    def grow(self, n: int) -> None:
        """Have n processes, or have them started."""
        with self._lock:
            for gone in [process for process in self._idle if not process.alive]:
                if gone.failed:
                    logger.debug("a process did not start up; threads train")
                    self.possible = False
                gone.end()
                self._idle.remove(gone)
            while self.possible and len(self._idle) + len(self._busy) < n:
                try:
                    self._idle.append(TrainerProcess())
                except OSError as error:
                    logger.debug("no process can be started (%s); threads train", error)
                    self.possible = False

    @property
    def n_ready(self) -> int:
        """Processes that train or could."""
        with self._lock:
            return len(self._busy) + sum(process.ready for process in self._idle)

    def train(
        self, requests: Sequence[Request], abandoned: Callable[[], bool]
    ) -> list[Outcome] | None:
        """Train requests in a process; None if none is free or it cannot be done there."""
        if not sendable(requests):
            return None
        with self._lock:
            process = next((process for process in self._idle if process.ready), None)
            if process is None:
                return None
            self._idle.remove(process)
            self._busy.append(process)
        try:
            return process.train(requests, abandoned)
        except Unavailable as error:
            logger.debug("a process could not train a stack (%s); training it here", error)
            return None
        finally:
            with self._lock:
                self._busy.remove(process)
                if process.alive:
                    self._idle.append(process)

    def end(self) -> None:
        """End all processes."""
        with self._lock:
            for process in (*self._idle, *self._busy):
                process.end()
            self._idle.clear()


def sendable(requests: Sequence[Request]) -> bool:
    """Whether requests can be trained in another process for less than it costs to send them."""
    rows = {id(r): r for request in requests for r in (request.rows, request.validation) if r}
    return (
        requests[0].rows.table.device.type == "cpu"
        and not requests[0].network.exact_rows  # a module of the user's own
        and sum(r.table.nbytes for r in rows.values()) <= _MAX_BYTES
        and [ACTIVATIONS, LOSSES, REGULARIZERS] == _KNOWN
    )


pool = Pool()
atexit.register(lambda: pool.end())


def _forget() -> None:
    """The processes of a forked process's parent are not its own."""
    global pool
    pool = Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
