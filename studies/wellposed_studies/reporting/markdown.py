"""Markdown that a report's cells show: tables and numbers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from math import isfinite, isinf, isnan, nan
from typing import Any

#: Dashes of a column of sentences.
_WIDEST = 56
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_POWER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)e([+-]?)0*(\d+)")


class Markdown(str):
    """A string that Jupyter shows as Markdown."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def table(rows: Iterable[Mapping[str, Any]], align: str = "") -> Markdown:
    """A Markdown table, as the value of a report's cell.

    Columns that hold sentences get the room: the dashes of a column are as many as the letters
    of its longest cell, up to 56, which Pandoc reads as relative widths where lines are long; and
    enough for its longest word then.

    Parameters
    ----------
    rows : iterable of mapping
        One mapping a row; the keys of the first are the header.
    align : str
        One letter a column, l, r or c; columns beyond it are "l".

    Returns
    -------
    Markdown
        A `str` that notebooks show as Markdown.

    Raises
    ------
    ValueError
        If there is no row.

    Examples
    --------
    >>> print(table([{"strength": "0.1", "error": "0.25"}], align="rr"))
    | strength | error |
    |-------------:|----------:|
    | 0.1 | 0.25 |
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a table has at least one row, got none; say so in a sentence instead")
    header = list(rows[0])
    rules = {"l": ":{}-", "r": "-{}:", "c": ":{}:"}
    lines = [[_escape(row[name]) for name in header] for row in [dict(zip(header, header)), *rows]]
    columns = list(zip(*lines))
    widths = [min(_WIDEST, 4 + max(map(_length, column))) for column in columns]
    if _WIDEST in widths:
        widths = [max(width, _word(column)) for width, column in zip(widths, columns)]
    dashes = [
        rules[align[i] if i < len(align) else "l"].format("-" * width)
        for i, width in enumerate(widths)
    ]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return Markdown("\n".join([text[0], "|" + "|".join(dashes) + "|", *text[1:]]))


def captioned(content: str, label: str, caption: str) -> Markdown:
    """A Markdown table with a caption, which ``@tbl-...`` refers to."""
    return Markdown(f"\n::: {{#{label}}}\n{content}\n\n{caption}\n:::\n")


def number(value: float, digits: int = 3) -> str:
    """A number of so many digits, with a minus that is one and powers of ten written out.

    Examples
    --------
    >>> number(-0.01234), number(0.8, 1)
    ('−0.0123', '0.8')
    >>> print(number(1e-13))
    10⁻¹³
    """
    return powers(f"{value:.{digits}g}").replace("-", "−")


def powers(text: str) -> str:
    """Text in which numbers such as 1e-06 are written as powers of ten.

    Examples
    --------
    >>> print(powers("≤ 1e-06"))
    ≤ 10⁻⁶
    """

    def written(match: re.Match[str]) -> str:
        factor, sign, power = match.groups()
        exponent = (("-" if sign == "-" else "") + power).translate(_SUPERSCRIPTS)
        return f"10{exponent}" if factor == "1" else f"{factor}\u00a0×\u00a010{exponent}"

    return _POWER.sub(written, text)


def percent(share: float, digits: int = 2) -> str:
    """A share in per cent, on one line.

    Examples
    --------
    >>> percent(0.347).replace("\\N{NO-BREAK SPACE}", " ")
    '35 %'
    """
    return f"{number(100 * share, digits if abs(share) < 0.995 else 3)}\u00a0%"


def evidence(row: Mapping[Any, Any]) -> str:
    """A verdict's measured value, with its interval, level and repetitions if it has any.

    There are as many digits as it takes to see the interval, and to tell what is nearly a whole
    number from one.

    Examples
    --------
    >>> evidence({"value": -0.05, "low": -0.1, "high": 0.0125, "n": 40})
    '−0.05 (−0.1 to 0.0125, n = 40)'
    >>> evidence({"value": 1.0, "low": 0.99991, "high": 1.0001, "n": 12})
    '1 (0.99991 to 1.0001, n = 12)'
    >>> evidence({"value": 0.99996, "low": 0.99996, "high": 0.99996, "n": 12})
    '0.99996'
    """
    texts = measured(row)
    value, low, high = (powers(text).replace("-", "−") for text in texts)
    if low == high or isnan(row["low"]):
        return value
    level = row.get("level", nan)
    at = "" if isnan(level) else f" at {100 * level:.4g} %"
    return f"{value} ({low} to {high}{at}, n = {row['n']})"


def measured(row: Mapping[Any, Any]) -> list[str]:
    """A verdict's value and the ends of its interval, with as many digits as they need.

    Examples
    --------
    >>> measured({"value": 0.9996, "low": 0.9995, "high": 0.9997})
    ['0.9996', '0.9995', '0.9997']
    """
    numbers = [row[name] for name in ("value", "low", "high")]
    width = row["high"] - row["low"]
    for digits in range(3, 8):
        texts = [f"{x:.{digits}g}" for x in numbers]
        if all(_close(x, text, width) for x, text in zip(numbers, texts)):
            break
    return texts


def _close(x: float, text: str, width: float) -> bool:
    """Whether rounding has moved a number little, against its interval; or made it whole."""
    if not isfinite(x):
        return True
    if width > 0:
        return isinf(width) or abs(float(text) - x) <= width / 20
    return float(text) == x or float(text) != round(x)


def _length(cell: str) -> int:
    """About how many letters of a cell are seen."""
    return len(html.unescape(re.sub(r"\{\.given(-code)?\}|\]\([^)]*\)", "", cell)))


def _word(column: Iterable[str]) -> int:
    """Dashes for the longest word of a column, beside columns that are as wide as can be."""
    words = [word for cell in column for word in cell.split()]
    return int(2.2 * min(14, max(map(_length, words), default=0))) + 5


def _escape(value: Any) -> str:
    return str(value).replace("|", r"\|").replace("\n", " ")
