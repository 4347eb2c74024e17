"""Text files: csv and its relatives, as `Sheet`s of words."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from .decoding import decode
from .dialect import WORDS, is_blank, rows_of, sniff, take_preamble
from .limits import refuse_large_shape, refuse_many_bytes
from .quoting import mark_holes_of_r
from .row_names import are_row_names, goes_by_a_numbers_name, leave_out_row_names
from .sheet import Sheet, normal, refuse_twins

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class _Layout:
    """What the lengths of the lines say.

    Attributes
    ----------
    header : list of str
        Without empty names at its end.
    width : int
        Fields of a row up to the last that holds something.
    widest : int
        Fields of a row.
    short : bool
        Whether every row has one field more than the header has names.
    """

    header: list[str]
    width: int
    widest: int
    short: bool


def read_text(path: Path) -> Sheet:
    """The table in a text file; all its cells are words, empty ones "".

    Encoding, separator, and what stands above the header are found out; separators at the end of
    rows and row names are left out.

    Raises
    ------
    DataError
        If it is too large, is no text, or has rows of different lengths.
    """
    refuse_many_bytes(path.name, path.stat().st_size)
    text, notes = decode(path.name, path.read_bytes())
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text, separator, n_skipped, more = take_preamble(text)
    notes += more
    separator = separator or sniff(text)
    try:
        layout = _layout(path.name, text, separator, n_skipped)
        frame = _parse(text, separator, layout)
    except (csv.Error, ValueError) as error:
        words = WORDS.get(separator, repr(separator))
        raise DataError(
            f"{path.name} cannot be read as a table separated by {words}: {error}. A quote that is "
            "opened and not closed is the usual reason."
        ) from error
    frame = _without_odd_rows(frame, [name.strip() for name in layout.header], notes)
    names = [normal(name) for name in layout.header]
    if layout.short:
        _refuse_unless_row_names(path.name, text, separator, frame, names)
        names = ["", *names]
    frame = mark_holes_of_r(text, separator, frame, names, notes)
    kept = [i for i, name in enumerate(names) if name or (frame[i] != "").any()]
    names = [names[i] for i in kept]
    refuse_twins(path.name, [name for name in names if name])
    frame = frame[kept].reset_index(drop=True).set_axis(names, axis=1)
    return leave_out_row_names(Sheet(frame, "." if separator in ",|" else None, notes))


def _layout(name: str, text: str, separator: str, n_skipped: int) -> _Layout:
    """Look at the length of every line.

    Raises
    ------
    DataError
        If rows have other numbers of fields than the header.
    """
    reader = rows_of(text, separator)
    header: list[str] = next((row for row in reader if not is_blank(row)), [])
    widest = len(header)
    while header and not header[-1].strip():
        header.pop()
    n_names = width = len(header)
    n_rows = n_longer = 0
    faults: dict[str, tuple[int, int]] = {}
    for row in reader:
        n = len(row)
        if n == n_names:
            n_rows += 1
            continue
        if is_blank(row):
            continue
        n_rows += 1
        widest = max(widest, n)
        if n < n_names:
            faults.setdefault("short", (reader.line_num, n))
            continue
        n_longer += 1
        while n > n_names and not row[n - 1].strip():
            n -= 1
        if n > n_names:
            faults.setdefault("long", (reader.line_num, n))
        width = max(width, n)
    refuse_large_shape(name, n_rows, width, "has")
    short = width == n_names + 1 and n_longer == n_rows
    if short:
        faults.pop("long")
    for line, n in faults.values():
        raise DataError(
            f"{name} has {n} fields in line {line + n_skipped} and {n_names} in its header, "
            f"separated by {WORDS.get(separator, repr(separator))}. Expected a field for each name "
            "in every row: put quotes around text that holds the separator, and delete lines "
            "above the header and below the table."
        )
    return _Layout(header, width, widest, short)


def _parse(text: str, separator: str, layout: _Layout) -> pd.DataFrame:
    """All lines below the header as words; columns are numbered."""
    import pandas as pd

    frame = pd.read_csv(
        io.StringIO(text),
        sep=r"\s+" if separator == " " else separator,
        header=None,
        names=range(max(layout.widest, 1)),
        usecols=range(max(layout.width, 1)),
        dtype=str,
        keep_default_na=False,
        na_filter=False,
        skipinitialspace=True,
    ).iloc[1:]
    if not re.search(r"[^\S\n\t]" if separator == "\t" else r"[^\S\n]", text):
        return frame
    return frame.apply(lambda column: column.str.strip())


def _without_odd_rows(frame: pd.DataFrame, header: list[str], notes: list[str]) -> pd.DataFrame:
    """Drop rows of empty fields, and repetitions of the header."""
    if not header:
        return frame
    suspects = frame[(frame[0] == "") | (frame[0] == header[0])]
    if suspects.empty:
        return frame
    empty = (suspects == "").all(axis=1)
    repeated = (suspects.iloc[:, : len(header)] == header).all(axis=1)
    if empty.any():
        notes.append(f"rows whose fields are all empty were left out: {int(empty.sum())}")
    if repeated.any():
        notes.append(f"rows that repeat the header were left out: {int(repeated.sum())}")
    return frame.drop(index=suspects.index[empty | repeated])


def _refuse_unless_row_names(
    file: str, text: str, separator: str, frame: pd.DataFrame, names: list[str]
) -> None:
    """A header that is one name short is right if the rows begin with names, as R writes them.

    Under a first name that row numbers go by, it is the last name that may be missing: row names
    are then told by quotes around them in a row that has fields without.
    """
    start = text.partition("\n")[2].lstrip()
    quoted = start.startswith(('"', "'"))
    unquoted = re.sub(r""""[^"]*"|'[^']*'""", "", start.partition("\n")[0])
    told = quoted and re.search(r"\w", unquoted)
    named = names and goes_by_a_numbers_name(names[0]) and not told
    if named or not are_row_names(frame[0], surely=not quoted):
        raise DataError(
            f"the header of {file} has {len(names)} names and its rows have {len(names) + 1} "
            f"fields, the first row: {', '.join(map(str, frame.iloc[0]))}. Name every column; if "
            "the first field is the row's name, put a name such as 'row' before the others."
        )
