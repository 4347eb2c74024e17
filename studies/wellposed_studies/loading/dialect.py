"""How a text file separates its fields, and what stands above its header."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

SEPARATORS = (",", ";", "\t", "|", " ")
WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}

_SAMPLE_ROWS = 200
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t| ]*', re.IGNORECASE)
_NUMBER = re.compile(r"[^\w\s.,]?\s?[-+]?(\d[\d.,' ]*|\.)?\d([eE][-+]?\d+)?\s?[%€$£]?")


def rows_of(text: str, separator: str) -> Any:
    """A csv reader of the fields of each line; quotes may hold separators."""
    lines: Iterator[str] | io.StringIO = io.StringIO(text)
    if separator == " ":  # runs of spaces and tabs are one separator
        lines = (re.sub(r"[ \t]+", " ", line.strip()) + "\n" for line in io.StringIO(text))
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def is_blank(row: list[str]) -> bool:
    """Whether a line has no content: it is empty, or has separators only."""
    return not any(field.strip() for field in row)


def take_preamble(text: str) -> tuple[str, str | None, int, list[str]]:
    """Cut off what stands above the header.

    Empty lines, lines of separators, a line ``sep=;`` as Excel writes it, and comments that begin
    with ``#``. A comment right above numbers, with as many fields, is the header (numpy's
    ``savetxt`` writes it so).

    Returns
    -------
    text : str
    separator : str or None
        That of the line ``sep=``.
    n_lines : int
        Lines that were cut off.
    notes : list of str
    """
    separator, n_lines, notes = None, 0, []
    comments: list[str] = []
    while text:
        line, _, rest = text.partition("\n")
        if found := _SEP_LINE.fullmatch(line):
            separator = found[1]
            notes.append(f"its first line {line.strip()!r} was taken for what it says")
        elif line.lstrip(' "').startswith("#"):
            comments.append(line)
        elif line.strip(' ,;\t|"'):
            break
        text, n_lines = rest, n_lines + 1
    if comments:
        header = comments[-1].lstrip(' "#').rstrip('"')
        if _heads(header, text, separator):
            return header + "\n" + text, separator, n_lines - 1, notes
        notes.append(f"lines that begin with # were skipped: {len(comments)} above the header")
    return text, separator, n_lines, notes


def _heads(header: str, text: str, separator: str | None) -> bool:
    """Whether a comment is the header of numbers that have none."""
    first = text.partition("\n")[0]
    separator = separator or sniff(header + "\n" + text)
    fields: list[str] = next(rows_of(first, separator), [])
    names: list[str] = next(rows_of(header, separator), [])
    return len(names) == len(fields) and all(_NUMBER.fullmatch(field.strip()) for field in fields)


def sniff(text: str) -> str:
    """The separator: the one that splits header and rows alike, and leaves most numbers whole.

    Examples
    --------
    >>> sniff("width;y\\n1,5;2\\n0,25;3\\n")
    ';'
    >>> sniff('"width, mm";y\\n1;2\\n')
    ';'
    """
    sample = text[: 1 << 18]
    if len(sample) < len(text):
        sample = sample[: sample.rfind("\n") + 1] or sample
    first = sample.lstrip("\n").partition("\n")[0]
    # spaces do not separate where tabs do
    candidates = [s for s in SEPARATORS if s != " " or "\t" not in first]
    scores = {separator: _score(sample, separator) for separator in candidates}
    return max(candidates, key=lambda separator: (scores[separator], -candidates.index(separator)))


def _score(sample: str, separator: str) -> tuple[bool, float, int, int]:
    """Does it split header and rows alike; the share of numbers; how well; into how many."""
    try:
        sampled = itertools.islice(rows_of(sample, separator), _SAMPLE_ROWS)
        rows = [row for row in sampled if not is_blank(row)]
    except csv.Error:
        return (False, 0.0, 0, 0)
    if not rows:
        return (False, 0.0, 0, 0)
    header, body = rows[0], rows[1:]
    common, count = Counter(map(len, body)).most_common(1)[0] if body else (len(header), 0)
    if max(len(header), common) == 1:
        return (False, 0.0, 0, 0)
    fit = 0
    if len(header) == common:
        fit = 2
    elif len(header) + 1 == common or (len(header) == common + 1 and not header[-1].strip()):
        fit = 1
    steady = not body or 2 * count >= len(body)
    fields = [field.strip() for row in body for field in row if field.strip()]
    numbers = sum(_NUMBER.fullmatch(field) is not None for field in fields) / max(1, len(fields))
    return (fit > 0 and steady, round(numbers, 2), fit, common)
