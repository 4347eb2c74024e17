"""The claims of a study as text for a terminal, and as JSON."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from .markdown import measured
from .standing import SIGNS, Standing, standing, tally, too_few

if TYPE_CHECKING:
    import pandas as pd

#: A line of text, and its style: how a claim stands, or "" for none.
Line = tuple[str, str]

COLOURS = {"held": "green", "contradicted": "red", "undecided": "yellow", "not run": "yellow"}
_LONGEST_NAME = 36


def report(
    verdicts: pd.DataFrame,
    width: int | None = None,
    *,
    verbose: bool = False,
    only_failed: bool = False,
) -> Iterator[Line]:
    """A line for each claim, then what did not hold in full.

    Parameters
    ----------
    verdicts : DataFrame
        See `judge`.
    width : int, optional
        That of the terminal by default.
    verbose : bool
        All claims in full.
    only_failed : bool
        Leave out what held.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {
    ...     "claim": "shrinks", "statement": "Ridge shrinks.", "measured": "norm ratio",
    ...     "threshold": "≤ 1", "verdict": "held", "value": 0.5, "low": 0.4, "high": 0.6,
    ...     "level": 0.95, "n": 20, "method": "exact binomial", "data": "", "reason": ""}
    >>> for text, _ in report(pd.DataFrame([row]), width=90):
    ...     print(text)
      ● held  shrinks  0.5 [0.4, 0.6] at 95 %  ≤ 1
    >>> for text, _ in report(pd.DataFrame([row]), width=95, verbose=True):
    ...     print(text)
      ● held          shrinks: Ridge shrinks.
                      norm ratio = 0.5 [0.4, 0.6] at 95 %, claimed ≤ 1 (n = 20, exact binomial)
    """
    width = width or max(shutil.get_terminal_size((100, 20)).columns, 60)
    rows = verdicts.to_dict("records")
    held = [row for row in rows if row["verdict"] == "held"]
    claims = [row for row in held if row.get("kind") != "identity"]
    identities = [row for row in held if row.get("kind") == "identity"]
    if not only_failed:
        for part in (claims, identities):
            if part is identities and part:
                yield "  Identities, which hold by construction, checked to rounding:", ""
            yield from _in_full(part, width) if verbose else _in_short(part, width)
    yield from _in_full([row for row in rows if row["verdict"] != "held"], width)


def _in_short(rows: list[dict[Any, Any]], width: int) -> Iterator[Line]:
    names = [row["claim"] for row in rows]
    longest = min(_LONGEST_NAME, max(map(len, names), default=0))
    values = [_value(row) for row in rows]
    widest = max(map(len, values), default=0)
    for row, value in zip(rows, values):
        name = row["claim"] if len(row["claim"]) <= longest else row["claim"][: longest - 1] + "…"
        text = f"{_opening(row, 4)}{name:{longest}}  {value:{widest}}  {row['threshold']}"
        yield (text if len(text) <= width else text[: width - 1] + "…"), standing(row)


def _in_full(rows: list[dict[Any, Any]], width: int) -> Iterator[Line]:
    for row in rows:
        about = f" ({row['data']})" if row["data"] else ""
        opening, style = _opening(row), str(standing(row))
        for text in (f"{row['claim']}{about}: {row['statement']}", _measured(row)):
            indent = " " * len(opening)
            for line in textwrap.wrap(
                text, width, initial_indent=opening, subsequent_indent=indent
            ):
                yield line, style
                style = ""
            opening = indent


def _opening(row: Mapping[Any, Any], width: int = 12) -> str:
    found: Standing = standing(row)
    return f"  {SIGNS[found]} {found:{width}}  "


def _value(row: Mapping[Any, Any]) -> str:
    """What was measured, with its interval and its level."""
    value, low, high = measured(row)
    if isnan(row["low"]) or row["low"] == row["high"]:
        return value
    level = 0.95 if isnan(row["level"]) else row["level"]
    return f"{value} [{low}, {high}] at {100 * level:.4g} %"


def _measured(row: Mapping[Any, Any]) -> str:
    """What was measured and claimed, or why it was not measured."""
    text = str(row["measured"])
    if not isnan(row["value"]):
        text += f" = {_value(row)}"
    text += f", claimed {row['threshold']}"
    if row["method"] not in {"", "exact"}:
        text += f" (n = {row['n']}, {row['method']})"
    return "; ".join(filter(None, [text, row["reason"], too_few(row)]))


def as_record(study: str, about: str, verdicts: pd.DataFrame) -> dict[str, Any]:
    """A study's claims as JSON can hold them: what is no finite number is null."""
    found = tally(verdicts)
    return {
        "study": study,
        "run": about,
        "counts": {**found.counts, "identities": found.identities, "checked": found.checked},
        "claims": [
            {**{key: _plain(value) for key, value in row.items()}, "standing": standing(row)}
            for row in verdicts.to_dict("records")
        ],
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
