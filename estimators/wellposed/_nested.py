"""Parameters within an estimator's: ``adversarial__steps``, ``regularizers__mine``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .regularizers import REGULARIZERS, Ramp, Regularizer


def named_regularizers(pairs: Any) -> dict[str, Regularizer]:
    """Return the regularizers in `pairs` by name, as far as these are such pairs."""
    if not isinstance(pairs, list | tuple):
        return {}
    pairs = [pair for pair in pairs if isinstance(pair, tuple) and len(pair) == 2]
    return {name: value for name, value in pairs if isinstance(value, Regularizer)}


@contextmanager
def all_or_none(estimator: Any, params: dict[str, Any]) -> Iterator[None]:
    """Restore the estimator and the regularizers it holds if setting `params` fails."""
    values = [*vars(estimator).values(), *params.values()]
    for pairs in (getattr(estimator, "regularizers", None), params.get("regularizers")):
        values += named_regularizers(pairs).values()
    changed = [estimator, *(value for value in values if isinstance(value, Regularizer))]
    before = [(vars(each), dict(vars(each))) for each in changed]
    try:
        yield
    except BaseException:
        for now, then in before:
            now.clear()
            now.update(then)
        raise


def set_nested(estimator: Any, params: dict[str, Any]) -> None:
    """Take out of `params`, and set, what scikit-learn does not reach.

    Raises
    ------
    ValueError
        For names that `regularizers` does not hold.
    """
    for name, cls in REGULARIZERS.items():
        if any(key.startswith(f"{name}__") for key in params) and hasattr(estimator, name):
            value = params.pop(name, getattr(estimator, name))
            setattr(estimator, name, value if isinstance(value, Regularizer | Ramp) else cls(value))
    nested = {key: params.pop(key) for key in list(params) if key.startswith("regularizers__")}
    if not nested:
        return
    pairs = _by_name(params.pop("regularizers", estimator.regularizers))
    for key, value in sorted(nested.items(), key=lambda item: item[0].count("__")):
        _, name, *option = key.split("__", 2)
        if name not in pairs:
            raise ValueError(
                f"Invalid parameter {key!r} for estimator {type(estimator).__name__}: "
                f"regularizers holds {sorted(pairs)}."
            )
        if option and not isinstance(pairs[name], Regularizer):
            raise ValueError(
                f"{key} is a parameter of a regularizer, and regularizers holds "
                f"{(name, pairs[name])!r}. Set regularizers__{name} to a regularizer, too."
            )
        if option:
            pairs[name].set_params(**{option[0]: value})
        else:
            pairs[name] = value
    estimator.regularizers = list(pairs.items())


def _by_name(pairs: Any) -> dict[str, Any]:
    """Return `regularizers` as a dict."""
    given = [] if pairs is None else pairs
    if isinstance(given, list | tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in given
    ):
        named = dict(given)
        if len(named) == len(given):
            return named
    raise ValueError(
        f"regularizers={pairs!r} must be a list of pairs of a name, which no two share, and a "
        "regularizer, [('mine', Mine(0.1))], before parameters in it can be set."
    )
