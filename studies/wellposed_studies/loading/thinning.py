"""A random part of a table's rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

#: Rows that every class keeps, if it has them.
_ROWS_A_CLASS = 20


def thin(data: Mapping[str, Any], rng: np.random.Generator, n: int) -> dict[str, Any]:
    """About `n` rows of ``X``, ``y`` and ``inputs``, in their order; all if there are no more.

    Rows are drawn at random; of classes each keeps its share, and at least 20 rows if it has them.

    Examples
    --------
    >>> y = np.repeat([0, 1], [990, 10])
    >>> len(thin({"X": y, "y": y}, np.random.default_rng(0), 100)["y"])
    109
    """
    y = data["y"]
    if len(y) <= n:
        return dict(data)
    if y.dtype.kind == "f":
        rows = rng.choice(len(y), n, replace=False)
    else:
        rows = np.concatenate(
            [_of_class(rng, np.flatnonzero(y == c), n / len(y)) for c in np.unique(y)]
        )
    rows = np.sort(rows)
    return {k: v.iloc[rows] if hasattr(v, "iloc") else v[rows] for k, v in data.items()}


def _of_class(rng: np.random.Generator, rows: np.ndarray, share: float) -> np.ndarray:
    n = max(round(share * len(rows)), min(_ROWS_A_CLASS, len(rows)))
    return rng.choice(rows, n, replace=False)
