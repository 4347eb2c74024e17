"""Which values the factors of an experiment take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .profiles import Profile, resolve

#: Names that a factor cannot have, because the tables have a column of that name already.
RESERVED = frozenset({"data", "experiment", "repetition", "seed", "key", "seconds"})


@dataclass(frozen=True)
class Grid:
    """All combinations of some factors' values, on some of the study's data sets.

    Parameters
    ----------
    factors : mapping of str to values
        A list, range or array holds several values; anything else (a number, a string, a tuple,
        None) is the one value. Either may be given `by_profile`. Values are plain: None, bool,
        int, float, str, or a tuple of these.
    data : sequence of str or None
        Names of the data sets to run on; all of the experiment's by default.

    Examples
    --------
    Two regularizers, each over strengths of its own, are two grids:

    >>> grids = [
    ...     Grid({"regularizer": "l2", "strength": [0.1, 1.0]}),
    ...     Grid({"regularizer": "dropout", "strength": [0.25, 0.5]}, data=["digits"]),
    ... ]
    >>> list(grids[0].settings("quick"))
    [{'regularizer': 'l2', 'strength': 0.1}, {'regularizer': 'l2', 'strength': 1.0}]
    """

    factors: Mapping[str, Any]
    data: Sequence[str] | None = None

    def __post_init__(self) -> None:
        taken = RESERVED.intersection(self.factors)
        if taken:
            raise ValueError(
                f"a factor cannot be named {sorted(taken)[0]!r}: the tables have a column of that "
                f"name. Choose another name (taken are {', '.join(sorted(RESERVED))})."
            )
        if isinstance(self.data, str):
            raise TypeError(
                f"data={self.data!r} is one name, expected a list of them: [{self.data!r}]."
            )

    def settings(self, profile: Profile) -> Iterator[dict[str, Any]]:
        """The combinations under `profile`, the last factor varying fastest."""
        values = [_values(name, resolve(v, profile)) for name, v in self.factors.items()]
        for combination in itertools.product(*values):
            yield dict(zip(self.factors, combination))


def _values(name: str, value: Any) -> list[Any]:
    """The list of plain values that a factor's declaration stands for."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    values = list(value) if isinstance(value, list | range) else [value]
    return [_plain(name, v) for v in values]


def _plain(name: str, value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, tuple):
        return tuple(_plain(name, v) for v in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"factor {name!r} has the value {value!r} of type {type(value).__name__}; expected None, "
        "a bool, an int, a float, a str or a tuple of these. Build objects inside the experiment "
        "from plain values."
    )


def sweep(*, off: bool = True, **strengths: Any) -> list[Grid]:
    """Settings of one regularizer at a time, each over strengths of its own.

    The experiment gets them as ``regularizer`` and ``strength``; ``("none", 0.0)`` is the setting
    without any. `wellposed_studies.claims.Axis` reads what was measured along one of them.

    Parameters
    ----------
    off : bool
        Whether the setting without any regularizer is run.
    **strengths : list, array or ByProfile of float
        By regularizer.

    Examples
    --------
    >>> from .profiles import by_profile
    >>> for grid in sweep(l2=[0.1, 1.0], dropout=by_profile(quick=[0.5], full=[0.25, 0.5])):
    ...     print(list(grid.settings("quick")))
    [{'regularizer': 'none', 'strength': 0.0}]
    [{'regularizer': 'l2', 'strength': 0.1}, {'regularizer': 'l2', 'strength': 1.0}]
    [{'regularizer': 'dropout', 'strength': 0.5}]
    """
    plain = [Grid({"regularizer": "none", "strength": 0.0})] if off else []
    return plain + [Grid({"regularizer": r, "strength": s}) for r, s in strengths.items()]
