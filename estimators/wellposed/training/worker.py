"""A process that trains stacks for another: jobs come in by stdin, answers go out by stdout.

It has the interpreter's lock to itself. It ends with its parent, and after a while without work.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
from multiprocessing.connection import wait
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
    """Write one message whole, or none of it if it cannot be pickled."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(message)
    file.write(len(buffer.getbuffer()).to_bytes(8, "little"))
    file.write(buffer.getbuffer())
    file.flush()


def read(file: IO[bytes]) -> bytes:
    """Read one message, for `pickle.loads`: what cannot be unpickled is off the pipe, too.

    Raises
    ------
    EOFError
        If there is none, or only a part of one.
    """
    header = file.read(8)
    size = int.from_bytes(header, "little")
    message = file.read(size)
    if len(header) < 8 or len(message) < size:
        raise EOFError
    return message


def main() -> None:
    """Train what comes until nothing comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    parent = os.getppid()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    jobs = sys.stdin.buffer
    write(READY, answers)
    while wait([jobs.fileno()], _PATIENCE):
        try:
            precision, requests = pickle.loads(read(jobs))
            torch.set_float32_matmul_precision(precision)
            answer: Any = train(requests, lambda: os.getppid() != parent)
        except (EOFError, Abandoned):
            return
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        write(answer, answers)


if __name__ == "__main__":
    main()
