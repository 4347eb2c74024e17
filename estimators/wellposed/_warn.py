"""Warnings that point at the user's line."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

#: Packages whose lines are not the user's.
_LIBRARIES = frozenset({"wellposed", "sklearn", "joblib", "skorch", *sys.stdlib_module_names})

_local = threading.local()


class Line(NamedTuple):
    """A line of code, and the globals of its module."""

    file: str
    number: int
    globals: dict[str, Any]


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the user's line that led here, however deep in libraries the reason was found.

    Filters see the user's module, and Python shows a warning once for each line of it.
    """
    file, number, module = users_line() or _caller_of_this_library()
    registry = module.setdefault("__warningregistry__", {})
    name = module.get("__name__") or "<string>"
    warnings.warn_explicit(message, category, file, number, name, registry)


def users_line() -> Line | None:
    """The innermost line of this thread that is no library's, or the one that it works for."""
    return _innermost(outside_of=_LIBRARIES) or getattr(_local, "line", None)


@contextmanager
def working_for(line: Line | None) -> Iterator[None]:
    """Let warnings of this thread point at a line of another's, which gave it its work."""
    before = getattr(_local, "line", None)
    _local.line = line
    try:
        yield
    finally:
        _local.line = before


def _caller_of_this_library() -> Line:
    """Where only libraries are at work, as in a process of joblib's."""
    return _innermost(outside_of=frozenset({"wellposed"})) or Line("<unknown>", 0, {})


def _innermost(outside_of: frozenset[str]) -> Line | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in outside_of:
            return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)
        frame = frame.f_back
    return None
