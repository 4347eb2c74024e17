"""Parameters within an estimator's: ``adversarial__steps``, ``regularizers__mine``."""

from __future__ import annotations

from typing import Any

from .regularizers import REGULARIZERS, Regularizer


def named_regularizers(pairs: Any) -> dict[str, Regularizer]:
    """Return the regularizers in `pairs` by name, as far as these are such pairs."""
    if not isinstance(pairs, list | tuple):
        return {}
    pairs = [pair for pair in pairs if isinstance(pair, tuple) and len(pair) == 2]
    return {name: value for name, value in pairs if isinstance(value, Regularizer)}


def set_nested(estimator: Any, params: dict[str, Any]) -> None:
    """Take out of `params`, and set, what scikit-learn does not reach."""
    for name, cls in REGULARIZERS.items():
        if any(key.startswith(f"{name}__") for key in params) and hasattr(estimator, name):
            value = params.pop(name, getattr(estimator, name))
            setattr(estimator, name, value if isinstance(value, Regularizer) else cls(value))
    nested = {key: params.pop(key) for key in list(params) if key.startswith("regularizers__")}
    if not nested:
        return
    pairs = dict(params.pop("regularizers", estimator.regularizers) or ())
    for key, value in sorted(nested.items(), key=lambda item: item[0].count("__")):
        _, name, *option = key.split("__", 2)
        if name not in pairs:
            raise ValueError(
                f"Invalid parameter {key!r} for estimator {type(estimator).__name__}: "
                f"regularizers holds {sorted(pairs)}."
            )
        if option:
            pairs[name].set_params(**{option[0]: value})
        else:
            pairs[name] = value
    estimator.regularizers = list(pairs.items())
