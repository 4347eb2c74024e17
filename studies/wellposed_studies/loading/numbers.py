"""Numbers written as text: thousands separators, decimal commas, currencies, per cent, "?"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Words that say "not known" in a column of numbers; in a column of words they are words.
UNKNOWN = frozenset(
    {"?", "-", "--", "---", ".", "..", "*", "na", "n/a", "n.a.", "<na>", "nan", "-nan", "nat"}
    | {"null", "(null)", "\\n", "none", "nil", "missing", "unknown", "undefined", "not available"}
    | {"#n/a", "#na", "#value!", "#div/0!", "#ref!", "#null!", "#num!", "#name?"}
    | {"1.#qnan", "1.#ind", "-1.#ind"}
)

_PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_INFINITE = r"[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"
_CURRENCY = (
    r"(?:(?:US|A|C|NZ|HK|S|R)?\$|[€£¥₹₽₩₺₿¢₫₴₪฿₱]|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|SEK|NOK|DKK|PLN|CZK|"
    r"HUF|CAD|AUD|NZD|BRL|MXN|ZAR|kr\.?|zł|Kč|Fr\.?|Rs\.?)"
)
_SPACE = "\u00a0\u202f\u2009\u2007 '’"
#: Characters of a number that is written as text.
_LONGEST = 64
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_PARTS = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-])?\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[+-])?"
    rf"(?P<body>[\d.,{_SPACE}]*\d[.,]?{_EXPONENT})\s*(?P<after>{_CURRENCY}|%)?(?P<close>\))?"
)
#: Letters after the last digit: km/h, m², °C.
_UNIT = re.compile(r"(?<=[\d.,\s])((?:[^\W\d_]|°)[^\d\s]*)$")
_GROUPED_BY_SPACE = re.compile(rf"[1-9]\d{{0,2}}(?:[{_SPACE}]\d{{3}})+(?!\d)")
#: What a number may look like under each decimal mark, the other one grouping thousands.
_UNDER = {
    ".": rf"(?:(?:\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+)(?:\.\d*)?|\.\d+){_EXPONENT}",
    ",": rf"(?:(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+)(?:,\d*)?|,\d+){_EXPONENT}",
}
#: What says nothing about the decimal mark: 1234, and 1,234 or 1.234.
_SILENT = rf"\d+{_EXPONENT}|[1-9]\d{{0,2}}[.,]\d{{3}}|{_INFINITE}"


@dataclass
class Written:
    """Words of one column, taken apart.

    Attributes
    ----------
    words : Series
        As written.
    empty, unknown, number : ndarray of bool
        Empty fields, words such as "?" and NA, and what is a number (with a unit or signs).
    bodies : Series or None
        Digits and marks of those that are numbers; None where all are plain numbers.
    negative : ndarray of bool
    units : frozenset of str
        Currencies and per cent signs; "" where some have none.
    values : ndarray or None
        The numbers, if all words are plain numbers under a decimal point.
    """

    words: pd.Series
    empty: np.ndarray
    unknown: np.ndarray
    number: np.ndarray
    bodies: pd.Series | None
    negative: np.ndarray
    units: frozenset[str]
    values: np.ndarray | None = None

    @property
    def all_numbers(self) -> bool:
        """Whether all words are numbers or unknown, in one unit."""
        signs = self.units - {""}
        mixed = len(signs) > 1 or ("%" in signs and "" in self.units)
        known = self.number | self.empty | self.unknown
        return bool(self.number.any() and known.all() and not mixed)

    @property
    def others(self) -> pd.Series:
        """Words that are neither numbers nor unknown."""
        return self.words[~(self.number | self.empty | self.unknown)]

    def marks(self) -> frozenset[str]:
        """The decimal marks that some number needs: 0,5 needs a comma, 1,234.5 a point."""
        bodies = self._unsigned()
        telling = bodies[~_matches(bodies, _SILENT)]
        point, comma = (_matches(telling, _UNDER[mark]) for mark in ".,")
        return frozenset(
            m for m, some in ((".", point & ~comma), (",", comma & ~point)) if some.any()
        )

    @property
    def has_commas(self) -> bool:
        """Whether a comma stands in a number."""
        return bool(
            self.bodies is not None and self._unsigned().str.contains(",", regex=False).any()
        )

    @property
    def ambiguous(self) -> bool:
        """Whether marks may group thousands or begin decimals, and nothing in the column tells."""
        marked = self._unsigned().str.contains("[.,]", regex=True).any()
        return bool(marked and not self.marks())

    def _unsigned(self) -> pd.Series:
        if self.bodies is not None:
            return self.bodies[self.number]
        return self.words[self.number].str.replace("^[+-]", "", regex=True)


def _matches(words: pd.Series, pattern: str) -> np.ndarray:
    return words.str.fullmatch(pattern).to_numpy(dtype=bool)


def dissect(words: pd.Series) -> Written:
    """Take the words of a column apart; spaces around them are gone already."""
    import pandas as pd

    nothing = np.zeros(len(words), dtype=bool)
    if (values := _plain_values(words)) is not None:
        return Written(words, nothing, nothing, ~nothing, None, nothing, frozenset({""}), values)
    empty = (words == "").to_numpy(dtype=bool)
    plain = words.str.fullmatch(f"{_PLAIN}|{_INFINITE}").to_numpy(dtype=bool)
    if (plain | empty).all():
        return Written(words, empty, nothing, plain, None, nothing, frozenset({""}))
    unknown = words.str.lower().isin(UNKNOWN).to_numpy(dtype=bool)
    if (plain | empty | unknown).all():
        return Written(words, empty, unknown, plain, None, nothing, frozenset({""}))
    codes, index = pd.factorize(words)
    distinct: list[str] = index.tolist()
    known = [word for word in distinct if word and word.lower() not in UNKNOWN]
    names, unit = set(known), _common_unit(known)
    parts = [_dissect(word.removesuffix(unit).rstrip(), unit) for word in distinct]
    number = np.array([part is not None for part in parts])[codes] & ~unknown & ~empty
    bodies = pd.Series([part[0] if part else "" for part in parts], dtype=words.dtype)
    negative = np.array([part is not None and part[1] for part in parts])[codes]
    units = frozenset(part[2] for part, word in zip(parts, distinct) if part and word in names)
    return Written(
        words,
        empty,
        unknown,
        number,
        bodies.take(codes).set_axis(words.index),
        negative,
        units,
    )


def _plain_values(words: pd.Series) -> np.ndarray | None:
    """The numbers if all words are plain finite ones, which most columns are."""
    import pyarrow as pa

    try:
        values = pa.array(words, pa.string()).cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return values if np.isfinite(values).all() else None


def _common_unit(words: list[str]) -> str:
    """The letters that all words end in, after a digit: kg of 70 kg, 82 kg; else ""."""
    found = _UNIT.search(words[0]) if words else None
    unit = found[1] if found else ""
    alike = all((other := _UNIT.search(word)) and other[1] == unit for word in words)
    return unit if alike else ""


def _dissect(word: str, unit: str = "") -> tuple[str, bool, str] | None:
    """Digits with their marks, whether negative, and the unit of a number; None for other words."""
    if re.fullmatch(_INFINITE, word):
        return word.lstrip("+-"), word.startswith("-"), ""
    if len(word) > _LONGEST:
        return None
    word = word.replace("−", "-").replace("‐", "-").replace("％", "%")
    found = _PARTS.fullmatch(word)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    if found["before"] and found["after"]:
        return None
    body = _GROUPED_BY_SPACE.sub(lambda m: re.sub(rf"[{_SPACE}]", "", m[0]), found["body"])
    if not any(re.fullmatch(pattern, body) for pattern in _UNDER.values()):
        return None
    negative = [bool(found["open"]), found["sign"] == "-", found["inner"] == "-"]
    if sum(negative) > 1:
        return None
    return body, any(negative), unit or found["before"] or found["after"] or ""


def units_of(words: pd.Series) -> list[str]:
    """The letters that words end in if all are numbers with letters behind, else none."""
    found = [_UNIT.search(str(word)) for word in words]
    parts = [m and _dissect(str(m.string).removesuffix(m[1]).rstrip()) for m in found]
    return sorted({m[1] for m in found if m}) if all(parts) else []


def decimal_mark(columns: list[Written], otherwise: str | None) -> str | None:
    """The decimal mark of a file: the one that its columns of numbers need.

    Returns
    -------
    {".", ",", "", None}
        `otherwise` if no number tells, "" if columns contradict each other.
    """
    numbers = [column for column in columns if column.all_numbers]
    if not any(column.has_commas for column in numbers):
        return otherwise
    marks: set[str] = set()
    for column in numbers:
        marks |= column.marks()
    if len(marks) > 1:
        return ""
    return next(iter(marks), otherwise)


def to_numbers(column: Written, mark: str | None) -> np.ndarray | None:
    """The values of a column of numbers, NaN where unknown; None if it is no such column.

    A per cent sign is dropped, its number is not divided.

    Parameters
    ----------
    column : Written
    mark : {".", ",", "", None}
        The decimal mark of the file, for numbers such as 1,234 or 1.234. None takes a point for
        decimals and cannot tell about commas, "" cannot tell about either.
    """
    if not column.all_numbers:
        return None
    plain = column.bodies is None and mark in (".", None)
    if plain and column.values is not None:
        return column.values
    own = frozenset(".") if plain else column.marks()
    if len(own) > 1:
        return None
    if not own and column.ambiguous and (mark == "" or (mark is None and column.has_commas)):
        return None
    mark = next(iter(own), mark) or "."
    bodies = column.words if column.bodies is None else column.bodies
    bodies = bodies[column.number]
    if column.bodies is not None or mark == ",":
        bodies = bodies.str.replace("," if mark == "." else ".", "", regex=False)
        bodies = bodies.str.replace(",", ".", regex=False)
    values = np.full(len(column.words), np.nan)
    values[column.number] = bodies.to_numpy(dtype=object).astype(np.float64)
    values[column.negative & column.number] *= -1
    return values
