"""One thread while a network trains.

Products and sums change in their last bits with the number of threads, so that a model would depend
on `n_jobs`. Small networks are faster with one thread, too. And OpenMP's threads do not survive a
fork: what uses them in a forked process, having used them before, hangs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch

_lock = threading.Lock()
_local = threading.local()
_inside = 0
_before = 1  # of the first thread inside


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch with one thread inside the block, and as before after it, also on error.

    torch keeps the number for each thread, and a new thread starts with the number that was set
    last: while others are inside that is 1, which is not what the new thread has to go back to.
    """
    global _inside, _before
    if getattr(_local, "inside", False):  # a block within a block of this thread
        yield
        return
    with _lock:
        mine = torch.get_num_threads()
        if _inside == 0:
            _before = mine
        elif mine == 1:
            mine = _before
        _inside += 1
        torch.set_num_threads(1)
    _local.inside = True
    try:
        yield
    finally:
        _local.inside = False
        with _lock:
            _inside -= 1
            torch.set_num_threads(mine)


def in_one_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a function in `one_thread`."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with one_thread():
            return function(*args, **kwargs)

    return wrapped


def after_fork(reset: Callable[[], None]) -> None:
    """Call `reset` in every process that is forked from this one, where the system can fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reset)


def _forget() -> None:
    """No other thread of the parent's is in a forked process, nor what it held."""
    global _lock, _inside
    _lock, _inside = threading.Lock(), int(getattr(_local, "inside", False))


after_fork(_forget)
