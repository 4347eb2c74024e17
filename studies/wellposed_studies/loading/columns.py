"""What a column is: numbers, classes or categories, dates, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .numbers import UNKNOWN, Written, decimal_mark, dissect, to_numbers, units_of
from .sheet import Sheet, is_words, normal, some

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["numbers", "booleans", "categories", "dates", "spoilt", "empty", "other"]

#: A column of words with at most this many different ones may be categories that look like
#: numbers; with more, and more than half of them numbers, it is numbers and something else.
MAX_CODES = 20

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:[ap]m|z|[+-]\d{2}:?\d{2}|utc)?"
_DATE = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})|"
    rf"\d{{1,2}}[-. ]+{_MONTH}[-, ]+\d{{2,4}}|{_MONTH}[-, ]+\d{{1,2}},?[- ]+\d{{2,4}})"
    rf"(?:[t ]+{_CLOCK})?|{_CLOCK}"
)


@dataclass
class Column:
    """A column and what it was taken for.

    Attributes
    ----------
    kind : str
        ``numbers``; ``booleans``; ``categories`` (words, or what a file calls a category);
        ``dates``; ``spoilt``: numbers and some words that are none; ``empty``; ``other``: nested
        values, bytes.
    values : ndarray
        float64 with NaN for what is unknown; else str objects with None for what is missing.
    how : list of str
        What was done to read it: "thousands separators", "a currency", ...
    unknown : dict of str to int
        Words of a column of numbers that were taken for unknown, and how often.
    problem : str
        Why it is no column of numbers, where it nearly is.
    declared : bool
        Whether the file itself says that these are categories.
    """

    kind: Kind
    values: np.ndarray
    how: list[str] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    declared: bool = False

    @property
    def missing(self) -> np.ndarray:
        """Where there is no value."""
        import pandas as pd

        return np.asarray(pd.isna(self.values), dtype=bool)


def understand(sheet: Sheet) -> dict[str, Column]:
    """Tell for each column of a sheet, and those set aside, what it is."""
    columns = {str(name): sheet.frame[name] for name in sheet.frame} | sheet.set_aside
    written = {n: dissect(c) for n, c in columns.items() if is_words(c)}
    mark = decimal_mark(list(written.values()), sheet.decimal)
    return {
        name: _words(written[name], mark) if name in written else _typed(column)
        for name, column in columns.items()
    }


def _typed(column: pd.Series) -> Column:
    """A column whose type the file gives."""
    import pandas as pd

    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return Column("booleans", _objects(column, lambda v: str(bool(v))))
    if isinstance(dtype, pd.CategoricalDtype):
        return Column("categories", _objects(column, _label), declared=True)
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return Column("dates", _objects(column, str))
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return Column("empty" if np.isnan(values).all() else "numbers", values)
    return Column("other", _objects(column, str), problem=f"values of type {dtype}")


def _label(value: object) -> str:
    """A category's name; 1.0 is 1."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return normal(value)


def _objects(column: pd.Series, name: Callable[[Any], str]) -> np.ndarray:
    """Names of values, None where they are missing."""
    import pandas as pd

    codes, distinct = pd.factorize(column)  # -1 where missing
    return np.array([*map(name, distinct), None], dtype=object)[codes]


def _words(written: Written, mark: str | None) -> Column:
    """A column of words, which may be numbers, dates or truth values."""
    words = written.words
    unknown: dict[str, int] = {}
    if written.unknown.any():
        counts = words[written.unknown].value_counts()
        unknown = {str(word): int(count) for word, count in counts.items()}
    if (written.empty | written.unknown).all():
        return Column("empty", np.full(len(words), None, dtype=object), unknown=unknown)
    if (values := to_numbers(written, mark)) is not None:
        return Column("numbers", values, _how(written, mark), unknown)
    lowered = words.str.lower()
    if (lowered.isin(["true", "false"]) | written.empty | written.unknown).all():
        values = _objects(words.mask(written.empty | written.unknown), normal)
        return Column("booleans", values, unknown=unknown)
    texts = _objects(words.mask(written.empty), normal)
    known = lowered[~(written.empty | written.unknown)]
    if known.str.fullmatch(_DATE).to_numpy(dtype=bool).all():
        return Column("dates", texts)
    problem = _problem(written)
    return Column("spoilt" if problem else "categories", texts, problem=problem)


def _how(written: Written, mark: str | None) -> list[str]:
    """What had to be taken off the words of a column of numbers."""
    if written.bodies is None and mark != ",":
        return []
    how = []
    mark = next(iter(written.marks()), mark) or "."
    bodies = (written.words if written.bodies is None else written.bodies)[written.number]
    raw = written.words[written.number]
    if mark == "," and bodies.str.contains(",", regex=False).any():
        how.append("decimal commas")
    other = "," if mark == "." else "."
    spaced = raw.str.contains(r"\d[\s'’\u00a0\u202f\u2009\u2007]\d", regex=True).any()
    if spaced or bodies.str.contains(other, regex=False).any():
        how.append("thousands separators")
    units = sorted(written.units - {""})
    return how + [f"in {unit}" for unit in units]


def _problem(written: Written) -> str:
    """Why a column that is mostly numbers is none, or "" for a column of words."""
    if not written.number.any():
        distinct = written.others.drop_duplicates()
        units = units_of(distinct) if len(distinct) > MAX_CODES else []
        return f"numbers in several units ({some(units)})" if 1 < len(units) <= MAX_CODES else ""
    numbers = written.words[written.number].unique()
    others = list(written.others.unique())
    if others:
        codes = len(numbers) + len(others) <= MAX_CODES or len(numbers) <= len(others)
        return "" if codes else f"numbers, but for: {_quoted(others)}"
    units = sorted(written.units - {""})
    if units and (len(units) > 1 or "" in written.units):
        without = ", or none" if "" in written.units else ""
        return f"numbers in several units ({', '.join(units)}{without})"
    if len(written.marks()) > 1:
        return "numbers some of which have a decimal comma and others a decimal point"
    example = next(word for word in numbers if "," in word or "." in word)
    return f"numbers such as {example}, whose mark may group thousands or begin decimals"


def _quoted(words: Iterable[str]) -> str:
    return some((repr(str(word)) for word in words), 5)


def is_unknown_word(word: object) -> bool:
    """Whether a word says "not known" where it stands among numbers."""
    return isinstance(word, str) and word.lower() in UNKNOWN
