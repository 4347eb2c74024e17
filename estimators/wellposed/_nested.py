"""Parameters within an estimator's: ``adversarial__steps``, ``regularizers__mine``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .regularizers import REGULARIZERS, Ramp, Regularizer
from .training.schedules import SCHEDULES, Schedule

if TYPE_CHECKING:
    from ._parameters import Parameters

_OBJECTS = (Regularizer, Ramp, Schedule)  # parameters that have parameters


def named_regularizers(pairs: Any) -> dict[str, Regularizer]:
    """Return the regularizers in `pairs` by name, as far as these are such pairs."""
    if not isinstance(pairs, list | tuple):
        return {}
    pairs = [pair for pair in pairs if isinstance(pair, tuple) and len(pair) == 2]
    return {name: value for name, value in pairs if isinstance(value, Regularizer)}


@contextmanager
def all_or_none(estimator: Parameters, params: dict[str, Any]) -> Iterator[None]:
    """Restore the estimator and the objects with parameters it holds if setting `params` fails."""
    values = [*vars(estimator).values(), *params.values()]
    for pairs in (getattr(estimator, "regularizers", None), params.get("regularizers")):
        values += named_regularizers(pairs).values()
    changed = [estimator, *(value for value in values if isinstance(value, _OBJECTS))]
    before = [(each.__dict__, dict(each.__dict__)) for each in changed]
    try:
        yield
    except BaseException:
        for now, then in before:
            now.clear()
            now.update(then)
        raise


def set_nested(estimator: Parameters, params: dict[str, Any]) -> None:
    """Take out of `params`, and set, what scikit-learn does not reach.

    Raises
    ------
    ValueError
        For names that `regularizers` does not hold, and for parameters of what has none.
    """
    _set_in_schedule(estimator, params)
    for name, cls in REGULARIZERS.items():
        if any(key.startswith(f"{name}__") for key in params) and hasattr(estimator, name):
            value = params.pop(name, getattr(estimator, name))
            setattr(estimator, name, value if isinstance(value, Regularizer | Ramp) else cls(value))
    nested = {key: params.pop(key) for key in list(params) if key.startswith("regularizers__")}
    _refuse_what_has_none(estimator, params)
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


def _set_in_schedule(estimator: Parameters, params: dict[str, Any]) -> None:
    """Make an object of a schedule's name where its options are set."""
    name = "learning_rate_schedule"
    given = params.get(name, getattr(estimator, name))
    nested = any(key.startswith(f"{name}__") for key in params)
    if nested and isinstance(given, str) and given in SCHEDULES:
        params.pop(name, None)
        setattr(estimator, name, SCHEDULES[given]())


def _refuse_what_has_none(estimator: Parameters, params: dict[str, Any]) -> None:
    """Refuse parameters of what has none, or is not the estimator's own to change."""
    own = estimator.get_params(deep=False)
    for key in params:
        name, nested, _ = key.partition("__")
        if not nested or name not in own:
            continue
        value = params.get(name, own[name])
        if name == "start" or not hasattr(value, "set_params"):
            why = "a network of its own, which stays as it is"
            if name != "start":
                why = f"{value!r}, which has no parameters"
            raise ValueError(
                f"Invalid parameter {key!r} for estimator {type(estimator).__name__}: {name} is "
                f"{why}. Set {name} itself."
            )


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
