"""The fitted network inside of pipelines, searches and the like."""

from __future__ import annotations

from typing import Any

_WRAPPERS = ("best_estimator_", "regressor_", "estimator_")


def inside(estimator: Any, attribute: str) -> Any:
    """The last step of a pipeline, or what a wrapper without this attribute has fitted."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    for wrapper in _WRAPPERS:
        if not hasattr(last, attribute) and hasattr(last, wrapper):
            return inside(getattr(last, wrapper), attribute)
    return last
