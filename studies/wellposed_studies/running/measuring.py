"""Computing one planned cell: its data, its randomness, and a check of what it returns."""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..discovery import find
from ..errors import StudyError
from ..loading.data import Selection, load_data
from ..study import RESERVED, Cell
from .plan import PlannedCell


@dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes
    ----------
    cell : PlannedCell
    measured : dict or None
        Plain numbers and text, arrays and DataFrames by name; None if the cell failed.
    seconds : float
    error : str
        One line on why it failed, or "".
    trace : str
        The traceback, or "".
    warned : dict of int
        How often each warning was given, also by the cells that are computed together with it.
    """

    cell: PlannedCell
    measured: dict[str, Any] | None
    seconds: float
    error: str = ""
    trace: str = ""
    warned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """Computes planned cells of a selection, in any process, by the code that they were planned
    with (a `Source.code`; None for whatever there is)."""

    selection: Selection
    code: str | None = None

    def __call__(self, planned: PlannedCell, alone: bool = True) -> Outcome:
        """The outcome of one cell; an error of the study's code is an outcome, an interrupt not.

        The random streams of the process are the cell's own unless it is not ``alone``.
        """
        started = time.perf_counter()
        try:
            source = find(self.selection.spec)
            if self.code not in (None, source.code):
                raise StudyError(
                    f"{source.path} was changed while its cells were being computed. Run it again"
                )
            study = source.study
            data = load_data(self.selection, planned.data_name, planned.data_digest)
            cell = Cell(
                data,
                planned.data_name,
                dict(planned.params),
                planned.repetition,
                planned.entropy,
            )
            if alone:
                seed_global_streams(cell.seed)
            started = time.perf_counter()
            measured = study.experiments[planned.experiment].measure(cell)
            measured = _checked(measured, set(planned.params))
        except Exception as error:
            seconds = time.perf_counter() - started
            line = f"{type(error).__name__}: {error}"
            return Outcome(planned, None, seconds, line, traceback.format_exc())
        return Outcome(planned, measured, time.perf_counter() - started)


def seed_global_streams(seed: int) -> None:
    """Make a cell that forgets a ``random_state`` depend on its seed, not on its neighbours."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def _checked(measured: Any, factors: set[str]) -> dict[str, Any]:
    """What an experiment returned, as Python scalars, arrays and DataFrames of few types."""
    if isinstance(measured, pd.DataFrame):
        measured = {"cells": measured}
    if not isinstance(measured, Mapping):
        raise TypeError(
            f"the experiment returned {type(measured).__name__}; expected a mapping from names to "
            "numbers, arrays or DataFrames, or one DataFrame."
        )
    if not measured:
        raise ValueError("the experiment returned an empty mapping; expected at least one name.")
    checked = {}
    for name, value in measured.items():
        if not isinstance(name, str) or not name or "/" in name or name == "@":
            raise TypeError(
                f"the experiment returned the name {name!r}; expected a str without '/', and not "
                "'@'."
            )
        if name in RESERVED | factors:
            raise ValueError(
                f"the experiment returned something named {name!r}, which is a factor's name or a "
                "column that every table has. Choose another name."
            )
        if isinstance(value, pd.DataFrame):
            clash = (RESERVED | factors).intersection(value.columns)
            if clash:
                raise ValueError(
                    f"the DataFrame {name!r} has the column {sorted(clash)[0]!r}, which is a "
                    "factor's name or a column that every table has. Choose another name."
                )
            checked[name] = _frame(name, value)
        else:
            checked[name] = _value(name, value)
    if isinstance(checked.get("cells"), pd.DataFrame):
        scalars = [k for k, v in checked.items() if _is_scalar(v)]
        if scalars:
            raise ValueError(
                "the experiment returned the DataFrame 'cells' and also the number "
                f"{scalars[0]!r}, which belong into the same table. Give the DataFrame another "
                "name."
            )
    return checked


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, np.ndarray | pd.DataFrame)


def _value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biufU":
        raise TypeError(
            f"the experiment returned {name!r} of type {type(value).__name__} (dtype "
            f"{array.dtype}); expected numbers, text, arrays of these, or a DataFrame."
        )
    array = _few_types(array)
    return array if array.ndim else array.item()


def _few_types(array: np.ndarray) -> np.ndarray:
    """bool, int64, float32, float64 or text, so that what is stored does not depend on company."""
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"the experiment returned {array.max()}, which is more than int64 holds.")
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype != np.float32:
        return array.astype(np.float64)
    return array


def _frame(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    if frame.columns.empty or frame.columns.has_duplicates:
        raise ValueError(
            f"the experiment returned the DataFrame {name!r} with the columns "
            f"{list(map(str, frame.columns))}; expected at least one, and each once."
        )
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    columns = {}
    for column in frame.columns:
        values = frame[column]
        if values.dtype.kind in "biuf":
            columns[str(column)] = pd.Series(_few_types(values.to_numpy()))
        else:
            columns[str(column)] = pd.Series(
                [None if pd.isna(v) else str(v) for v in values], dtype="str"
            )
    return pd.DataFrame(columns)
