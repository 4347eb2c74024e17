"""Networks of this library are fitted side by side where nobody has said how to run tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from joblib._parallel_backends import LokyBackend
from joblib.parallel import get_active_backend

from .._base import BaseNet


@contextmanager
def together_by_default(estimators: Iterable[Any], n_jobs: int | None) -> Iterator[None]:
    """Fit together what holds a network of ours, where nobody has said how to run tasks."""
    backend, number = get_active_backend()
    nobody_said = (
        n_jobs is None
        and number in (None, 1)
        and isinstance(backend, LokyBackend)
        and not backend.nesting_level
    )
    if nobody_said and any(map(_holds_a_network, estimators)):
        from ..together import fit_together

        with fit_together():
            yield
    else:
        yield


def _holds_a_network(estimator: Any) -> bool:
    parts = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    return any(isinstance(part, BaseNet) for part in (estimator, *parts))
