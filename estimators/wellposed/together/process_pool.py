"""Processes beside this one that train stacks, since threads share the interpreter's lock.

A small network's step is forty calls of some microseconds each, and between any two of them the
lock is needed: two threads that train get in each other's way, and in that of the tasks. Processes
are started once a block has trained long enough for their start to pay, are kept for later blocks,
and end with the interpreter or after five minutes without work. Where there is none, threads train.
"""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

import torch

from .._threads import after_fork
from ..networks.activations import ACTIVATIONS
from ..networks.losses import LOSSES
from ..regularizers import REGULARIZERS
from ..training.request import Abandoned, Outcome, Request
from .pipes import Channel
from .worker import READY

logger = logging.getLogger("wellposed")

_MAX_BYTES = 32 << 20  # of samples that are sent; networks with more of them are trained here
_START = 120.0  # seconds that a process may take to start up
#: What a process that imports this library knows, too.
_KNOWN = [dict(table) for table in (ACTIVATIONS, LOSSES, REGULARIZERS)]


class Unavailable(Exception):
    """The process is gone, or did not understand."""


class TrainerProcess:
    """One process; see `worker` for its side.

    It is talked to through pipes of its own: what its interpreter prints at start-up, or a library
    later, is no part of an answer.
    """

    def __init__(self) -> None:
        # Python skips what is not text on sys.path; a separator within a path cannot be passed on.
        path = [entry for entry in sys.path if isinstance(entry, str) and os.pathsep not in entry]
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, path))}
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._channel, theirs = Channel.pair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.worker", *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **environment},
                pass_fds=theirs,
                start_new_session=True,  # Ctrl-C is for this process
            )
        except BaseException:
            self._channel.close()
            raise
        finally:
            for end in theirs:
                os.close(end)
        self._deadline = time.monotonic() + _START
        self._ready = False

    @property
    def failed(self) -> bool:
        """Whether it has not become ready, and will not."""
        late = time.monotonic() > self._deadline
        return not self._ready and (late or not self.alive)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has started up and is there. Never waits."""
        if not self._ready:
            self._ready = self._channel.has_sent(READY)
        return self._ready and self.alive

    def train(self, requests: Sequence[Request], abandoned: Callable[[], bool]) -> list[Outcome]:
        """Do what `training.train` does.

        Raises
        ------
        Abandoned
            If nobody waits for it any more; the process is ended.
        Unavailable
            If the process has ended, or its training raised.
        """

        def check() -> None:
            if abandoned():
                raise Abandoned

        try:
            self._channel.send((torch.get_float32_matmul_precision(), requests), check)
            answer = self._channel.receive(check)
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
        self._channel.close()


class ProcessPool:
    """The trainer processes of this interpreter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[TrainerProcess] = []
        self._busy: list[TrainerProcess] = []
        self.possible = os.name == "posix" and bool(sys.executable)

    def grow(self, n: int) -> None:
        """Have n processes, or have them started."""
        with self._lock:
            for gone in [p for p in self._idle if p.failed or not p.alive]:
                if gone.failed:
                    logger.debug("a process did not start up; threads train")
                    self.possible = False
                gone.end()
                self._idle.remove(gone)
            while self.possible and len(self._idle) + len(self._busy) < n:
                try:
                    self._idle.append(TrainerProcess())
                except Exception as error:  # whatever it is, threads can train
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
    first = requests[0]
    parts = [(r.rows, r.unlabeled, r.validation) for r in requests]
    rows = {id(part): part for each in parts for part in each if part}
    return (
        first.rows.table.device.type == "cpu"
        and not first.network.exact_rows  # a module of the user's own
        and all(type(r) in REGULARIZERS.values() for r in first.regularizers.values())
        and sum(r.nbytes for r in rows.values()) <= _MAX_BYTES
        and [ACTIVATIONS, LOSSES, REGULARIZERS] == _KNOWN
    )


pool = ProcessPool()
atexit.register(lambda: pool.end())


def _reset() -> None:
    """The processes of a forked process's parent are not its own."""
    global pool
    pool = ProcessPool()


after_fork(_reset)
