"""A process that trains stacks for another: jobs come in by stdin, answers go out by stdout.

It has the interpreter's lock to itself. It ends with its parent, and after a while without work.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
from typing import IO, Any

import torch
from torch import Tensor

from .request import Abandoned
from .stack import train

READY = "ready"
_PATIENCE = 300.0  # seconds without a job after which it ends


class _Pickler(pickle.Pickler):
    """Writes a tensor as the array it is."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Tensor:
            return torch.from_numpy, (obj.numpy(),)
        return NotImplemented


def write(message: object, file: IO[bytes]) -> None:
    """Write one message, which `pickle.load` reads."""
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(message)
    file.flush()


def main() -> None:
    """Train what comes until nothing comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    parent = os.getppid()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    jobs = sys.stdin.buffer
    write(READY, answers)
    while select.select([jobs], [], [], _PATIENCE)[0]:
        try:
            precision, requests = pickle.load(jobs)
            torch.set_float32_matmul_precision(precision)
            answer: Any = train(requests, lambda: os.getppid() != parent)
        except (EOFError, Abandoned):
            return
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        write(answer, answers)


if __name__ == "__main__":
    main()
