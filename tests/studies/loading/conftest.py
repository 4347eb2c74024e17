"""What the tests of users' tables share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wellposed_studies.loading.own_table import describe, load_table, open_table


@pytest.fixture
def columns() -> dict[str, np.ndarray]:
    """Two inputs and a target of 60 rows, with four decimals."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=60).round(4), rng.normal(size=60).round(4)
    return {"a": a, "b": b, "y": (2 * a - b).round(4)}


@pytest.fixture
def lines() -> Callable[..., str]:
    """A text file of columns."""

    def write(
        columns: dict[str, Any],
        separator: str = ",",
        header: list[str] | None = None,
        end: str = "",
    ) -> str:
        names = list(columns) if header is None else header
        rows = zip(*columns.values())
        return "\n".join(
            [separator.join(names), *(separator.join(map(str, row)) + end for row in rows)]
        )

    return write


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """What the package makes of a file of this content."""

    def of(content: Any, target: str = "y", task: Any = None, name: str = "t.csv") -> Any:
        file = tmp_path / name
        if callable(content):
            content(file)
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        own = open_table(str(file), target, task)
        return SimpleNamespace(own=own, said=describe(own), **{"inputs": None} | load_table(own))

    return of
