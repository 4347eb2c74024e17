"""One thread while a network trains.

Products and sums change in their last bits with the number of threads, so that a model would depend
on `n_jobs`. Small networks are faster with one thread, too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
_before = 1  # of the first thread inside


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch with one thread inside the block, and as before after it, also on error.

    torch keeps the number for each thread, and a new thread starts with the number that was set
    last: while others are inside that is 1, which is not what the new thread has to go back to.
    """
    global _inside, _before
    with _lock:
        mine = torch.get_num_threads()
        if _inside == 0:
            _before = mine
        elif mine == 1:
            mine = _before
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            torch.set_num_threads(mine)
