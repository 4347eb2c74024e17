"""A process that trains stacks for another; the pipes' descriptors are its arguments.

It has the interpreter's lock to itself. It ends with its parent, and after a while without work.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from typing import Any

import torch

from ..training import train
from ..training.request import Abandoned
from .pipes import Channel

READY = b"ready"
_IDLE_TIMEOUT = 300.0  # seconds without a job after which it ends


class _Idle(BaseException):
    """Nothing to do for a while."""


def main() -> None:
    """Train what comes until nothing comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    parent = os.getppid()
    incoming, outgoing = map(int, sys.argv[1:])
    channel = Channel(incoming, outgoing, interval=0.5)

    def is_orphan() -> bool:
        return os.getppid() != parent

    def check() -> None:
        if is_orphan() or time.monotonic() > until:
            raise _Idle

    until = math.inf
    channel.write(READY, check)

    while True:
        try:
            until = time.monotonic() + _IDLE_TIMEOUT
            precision, requests = channel.receive(check)
            until = math.inf
            torch.set_float32_matmul_precision(precision)
            answer: Any = train(requests, is_orphan)
        except (EOFError, Abandoned, _Idle):
            return
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        channel.send(answer, check)


if __name__ == "__main__":
    main()
