"""The claims table as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from math import isnan
from typing import Any

import pandas as pd

MARKS = {"held": "held   ", "failed": "FAILED ", "not run": "not run"}


def as_text(verdicts: pd.DataFrame, width: int | None = None) -> str:
    """One claim a paragraph: verdict, statement, and the measured value with its interval; then
    the identities.

    ``width`` is that of the terminal by default.

    Examples
    --------
    >>> import pandas as pd
    >>> print(as_text(pd.DataFrame([{
    ...     "claim": "c", "statement": "Ridge shrinks.", "measured": "norm ratio",
    ...     "threshold": "≤ 1", "verdict": "held", "value": 0.5, "low": 0.4, "high": 0.6,
    ...     "level": 0.95, "n": 20, "method": "exact binomial", "data": "", "reason": ""}]),
    ...     width=90))
      held     c: Ridge shrinks.
               norm ratio = 0.5 [0.4, 0.6] at 95 %, claimed ≤ 1 (n = 20, exact binomial)
    """
    width = width or max(shutil.get_terminal_size((100, 20)).columns, 60)
    rows = verdicts.to_dict("records")
    identities = [row for row in rows if row.get("kind") == "identity"]
    lines = _paragraphs([row for row in rows if row not in identities], width)
    if identities:
        lines += ["  Identities, which hold by construction, checked to rounding:"]
        lines += _paragraphs(identities, width)
    return "\n".join(lines)


def _paragraphs(rows: list[dict[Any, Any]], width: int) -> list[str]:
    lines = []
    for row in rows:
        about = f" ({row['data']})" if row["data"] else ""
        opening = f"  {MARKS[row['verdict']]}  "
        for text in (f"{row['claim']}{about}: {row['statement']}", _measured(row)):
            indent = " " * len(opening)
            lines += textwrap.wrap(text, width, initial_indent=opening, subsequent_indent=indent)
            opening = indent
    return lines


def _measured(row: Mapping[Any, Any]) -> str:
    """What was measured and claimed, or why it was not measured."""
    text = str(row["measured"])
    if not isnan(row["value"]):
        text += f" = {row['value']:.3g}"
    if not isnan(row["low"]) and row["low"] != row["high"]:
        level = 0.95 if isnan(row["level"]) else row["level"]
        text += f" [{row['low']:.3g}, {row['high']:.3g}] at {100 * level:.4g} %"
    text += f", claimed {row['threshold']}"
    if row["method"] not in {"", "exact"}:
        text += f" (n = {row['n']}, {row['method']})"
    return text + (f"; {row['reason']}" if row["reason"] else "")
