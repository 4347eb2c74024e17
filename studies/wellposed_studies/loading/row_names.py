"""Row names and row numbers, which are no inputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from .sheet import Sheet, some

if TYPE_CHECKING:
    import pandas as pd

#: What pandas calls columns without a name that it has read and written again.
_UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*|\.\.\.1")
_WHOLE = r"-?\d{1,15}(\.0)?"
#: Names of row names in exports of R, pandas and collections of R's data sets.
_INDEX = frozenset(
    {"index", "level_0", "__index_level_0__", "rownames", "row.names", "row_names", "rowname"}
    | {"rowid", "row_id"}
)
#: Names that row numbers go by; other numbers under these names are data.
_NUMBERING = frozenset(
    {"id", "no", "no.", "nr", "nr.", "#", "row", "n", "obs", "obs.", "observation", "number"}
    | {"x", "x1", "x.1", "v1"}
)


def is_nameless(name: str) -> bool:
    """Whether a column has no name, or the one that pandas or readr give to such a column."""
    return not name or _UNNAMED.fullmatch(name) is not None


def goes_by_a_numbers_name(name: str) -> bool:
    """Whether a column of row names or numbers may be called so."""
    return name.lower() in _INDEX | _NUMBERING


def are_row_names(column: pd.Series, surely: bool = False) -> bool:
    """Whether all values differ and are whole numbers or words.

    Parameters
    ----------
    column : Series
        Words or numbers.
    surely : bool
        Ask numbers to be 0 to n - 1 or 1 to n, in any order.
    """
    words = column.astype(str)
    if column.empty or not words.is_unique:
        return False
    if words.str.fullmatch(_WHOLE).all():
        return not surely or counts_rows(column, in_order=False)
    return not _measures(words)


def _measures(words: pd.Series) -> bool:
    """Whether most words are numbers with decimals."""
    numbers = words.str.fullmatch(r"[-+]?[\d.,]+([eE][-+]?\d+)?%?")
    return bool(numbers.mean() > 0.5 and not words.str.fullmatch(_WHOLE).all())


def _name_rows_together(columns: pd.DataFrame) -> bool:
    """Whether each row has other words or whole numbers, as the levels of an index have."""
    words = columns.astype(str)
    return not words.duplicated().any() and not any(
        _measures(words.iloc[:, i]) for i in range(words.shape[1])
    )


def counts_rows(column: pd.Series, in_order: bool = True) -> bool:
    """Whether a column numbers the rows from 0 or 1 on."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    if not in_order:
        numbers = np.sort(numbers)
    return any(np.array_equal(numbers, np.arange(len(numbers)) + start) for start in (0, 1))


def leave_out_row_names(sheet: Sheet) -> Sheet:
    """Set aside leading columns that name or number the rows, and name other columns without one.

    Left out are: the first column if it has no name and holds whole numbers, or values that all
    differ (as `write.csv` and `to_csv` write row names); several without one if their whole
    numbers or words differ in every row; a first column named like an index whose values all
    differ; and one that numbers the rows in order under a name such as ``id``.
    """
    frame = sheet.frame
    names = [str(name) for name in frame.columns]
    leading = next((i for i, name in enumerate(names) if not is_nameless(name)), len(names))
    out: list[int] = []
    if leading == 1 and len(names) > 1 and _may_name_rows(frame.iloc[:, 0]):
        out, why = [0], "the first column has no name and was taken for row names"
    elif leading and leading < len(names) and _name_rows_together(frame.iloc[:, :leading]):
        out, why = list(range(leading)), "the first columns have no name and name the rows"
    elif names and _is_index(names[0], frame.iloc[:, 0]):
        out, why = [0], f"the first column, {names[0]!r}, names or numbers the rows"
    if len(out) == len(names):
        out = []
    if out:
        sheet.notes.append(f"{why}: left out (give it another name to keep it as an input)")
    names = _with_names(names)
    unnamed = [n for i, n in enumerate(names) if n != str(frame.columns[i]) and i not in out]
    if unnamed:
        sheet.notes.append(f"columns without a name were called: {some(unnamed)}")
    frame.columns = names  # type: ignore[assignment]
    sheet.set_aside |= {names[i]: frame.iloc[:, i] for i in out}
    sheet.frame = frame.iloc[:, [i for i in range(len(names)) if i not in out]]
    return sheet


def _may_name_rows(column: pd.Series) -> bool:
    words = column.astype(str)
    return bool(words.is_unique or words.str.fullmatch(_WHOLE).all())


def _with_names(names: list[str]) -> list[str]:
    """Names with "column 3" for one that is empty."""
    found = list(names)
    for i, name in enumerate(found):
        if not name:
            found[i] = f"column {i + 1}"
            while found[i] in names:
                found[i] += "'"
    return found


def _is_index(name: str, column: pd.Series) -> bool:
    lowered = name.lower()
    if lowered in _INDEX:
        return are_row_names(column)
    return lowered in _NUMBERING and counts_rows(column)
