"""Warnings of cells, counted: a run tells each text once, with how often it was given.

A study trains thousands of networks, and what one warns of, many do.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)

_MOST = 5  # texts that are told
_NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the warnings of this process inside the block, of all its threads, and show none.

    What is filtered is not counted. ``warnings.catch_warnings`` would do for one thread only.
    """
    counts: Counter[str] = Counter()
    lock = threading.Lock()
    before = warnings.showwarning

    def note(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        with lock:
            counts[f"{category.__name__}: {message}"] += 1

    warnings.showwarning = note
    try:
        yield counts
    finally:
        warnings.showwarning = before


def tell(counts: Mapping[str, int]) -> None:
    """Log each text once, the most frequent first; texts that differ in numbers are one."""
    alike: dict[str, Counter[str]] = {}
    for text, n in counts.items():
        alike.setdefault(_NUMBER.sub("#", text), Counter())[text] = n
    groups = sorted(alike.values(), key=Counter.total, reverse=True)
    for group in groups[:_MOST]:
        text, n = group.most_common(1)[0][0], group.total()
        such = "such warnings" if len(group) == 1 else "such warnings, with other numbers too"
        logger.warning("%s", text if n == 1 else f"{text} ({n} {such})")
    if rest := groups[_MOST:]:
        n = sum(group.total() for group in rest)
        logger.warning("... and %d more, of %d texts", n, len(rest))
