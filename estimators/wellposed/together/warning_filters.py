"""Warning filters belong to the process, and tasks are threads: who saves and restores them."""

from __future__ import annotations

import threading
import warnings
from typing import Any
from weakref import WeakSet

from sklearn import config_context

from .._threads import after_fork


class _Filters:
    """The process's warning filters, restored once no block and no call is open any more.

    ``warnings.catch_warnings``, which scikit-learn itself uses, is for one thread at a time: the
    last one to leave would leave the filters of another's inside behind. One that an interrupt
    lets go of without its end is no longer open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[Any] = WeakSet()  # blocks and calls
        self._list: Any = warnings.filters
        self._filters: list[Any] = []

    def save(self, who: Any) -> None:
        """Save the filters, or keep those saved for one more block or call."""
        with self._lock:
            if not self._open:
                self._list, self._filters = warnings.filters, list(warnings.filters)
            self._open.add(who)

    def restore(self, who: Any) -> None:
        """Restore the filters after the last one."""
        with self._lock:
            self._open.discard(who)
            if not self._open and (
                warnings.filters is not self._list or list(warnings.filters) != self._filters
            ):
                self._list[:] = self._filters
                warnings.filters = self._list
                with warnings.catch_warnings():
                    pass  # which makes Python look at the filters again


filters = _Filters()
after_fork(lambda: filters.__init__())  # type: ignore[misc]


class _WithConfig:
    """A task of scikit-learn's with its configuration, and with the filters of the process.

    scikit-learn's own wrapper empties the filters of the process and fills them again, which is
    meant for tasks in other processes: in threads, a warning that another task gives in between
    is shown although the user filters it.
    """

    def __init__(self, wrapper: Any) -> None:
        self._function, self._config = wrapper.function, wrapper.config

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with config_context(**self._config):
            return self._function(*args, **kwargs)


def without_filters(func: Any) -> Any:
    """Take scikit-learn's handling of warning filters out of a batch of calls."""
    names = {"function", "config", "warning_filters"}
    items = getattr(func, "items", None)
    if isinstance(items, list):
        func.items = [
            (_WithConfig(call) if names <= vars(call).keys() else call, *rest)
            if hasattr(call, "__dict__")
            else (call, *rest)
            for call, *rest in items
        ]
    return func
