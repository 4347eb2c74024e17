"""A table as it was read, before anything is known about its columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Sheet:
    """Named columns as a file holds them.

    Attributes
    ----------
    frame : DataFrame
        Columns of text, numbers, booleans, categories or dates, names unique. Text has no spaces
        around it and is "" where a value is missing.
    decimal : {".", ",", None}
        The decimal mark of numbers written as text where their column does not tell; None if
        nothing does.
    notes : list of str
        How the file was understood, one sentence each.
    set_aside : dict of str to Series
        Columns that were left out as row names, which a user may still name as the target.
    """

    frame: pd.DataFrame
    decimal: str | None = "."
    notes: list[str] = field(default_factory=list)
    set_aside: dict[str, Any] = field(default_factory=dict)


def some(names: Iterable[Any], most: int = 10) -> str:
    """Names in a sentence, cut after the first few; those that have a comma in quotes.

    Examples
    --------
    >>> some(["a", "b, c"]), some(range(12), 3)
    ("a, 'b, c'", '0, 1, 2 ...')
    """
    shown = [repr(name) if "," in str(name) else str(name) for name in names]
    return ", ".join(shown[:most]) + (" ..." if len(shown) > most else "")


def normal(name: Any) -> str:
    """A name as it is compared: composed characters (NFC), no spaces around, one between words.

    Byte order marks and spaces of no width are dropped.

    Examples
    --------
    >>> normal(" Gro\\u0308\\u00dfe ") == "Gr\\u00f6\\u00dfe"
    True
    """
    composed = unicodedata.normalize("NFC", str(name))
    return re.sub(r"\s+", " ", re.sub("[\ufeff\u200b\u2060]", "", composed)).strip()


def is_words(column: pd.Series) -> bool:
    """Whether a column holds text."""
    import pandas as pd

    return isinstance(column.dtype, pd.StringDtype) or column.dtype == object


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with spaces around words removed, and "" for words that are missing."""
    words = {n: frame[n].fillna("").astype(str).str.strip() for n in frame if is_words(frame[n])}
    return frame.assign(**words)  # type: ignore[arg-type]


def refuse_twins(file: str, names: Iterable[str]) -> None:
    """Refuse columns of one name.

    Raises
    ------
    DataError
        Naming them.
    """
    names = list(names)
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    twins = dict.fromkeys(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    raise DataError(
        f"{file} has several columns of one name: {some(twins)}. Name each column once."
    )
