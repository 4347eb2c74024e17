"""Claims in words: what did not hold, and the table of all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..escaping import code, markdown
from .history import Change
from .markdown import Markdown, evidence, powers, table
from .standing import SIGNS, STANDINGS, Tally, standing, tally, too_few

if TYPE_CHECKING:
    import pandas as pd


def strip(verdicts: pd.DataFrame, all_claims: str = "#sec-all-claims") -> Markdown:
    """How many claims held, and by name those that did not.

    Parameters
    ----------
    verdicts : DataFrame
        `Results.verdicts`.
    all_claims : str
        Where a reader finds the table of all of them.
    """
    found = tally(verdicts)
    rows = [row for row in verdicts.to_dict("records") if row.get("kind") != "identity"]
    lines = []
    for name in ("contradicted", "undecided", "not run"):
        for row in rows:
            if standing(row) == name:
                few = too_few(row)
                lines.append(f"- **{name}**: {_statement(row)}" + (f" *({few}.)*" if few else ""))
    for row in verdicts.to_dict("records"):
        if row.get("kind") == "identity" and row["verdict"] != "held":
            lines.append(f"- **an identity that does not hold**: {_statement(row)}")
    if lines:
        lead = "What did not hold, word for word as it was claimed:"
    else:
        lead = f"All [{found.claims} claims]({all_claims}) held."
    body = "\n".join([lead, "", *lines])
    return Markdown(f"\n::: {{.strip {attributes(found)}}}\n{body}\n:::\n")


def attributes(found: Tally) -> str:
    """Counts as attributes of a div.

    Examples
    --------
    >>> attributes(Tally({"held": 2, "contradicted": 1, "undecided": 0, "not run": 0}, 0, 0))
    'held="2" contradicted="1" undecided="0" not-run="0"'
    """
    return " ".join(f'{name.replace(" ", "-")}="{found.counts[name]}"' for name in STANDINGS)


def not_held(verdicts: pd.DataFrame) -> Markdown:
    """The claims that did not hold, as a list: which were contradicted and which left undecided.

    Parameters
    ----------
    verdicts : DataFrame
        `Results.verdicts`.

    Returns
    -------
    Markdown
        A sentence if none failed.
    """
    failed = [row for row in verdicts.to_dict("records") if row["verdict"] == "failed"]
    if not failed:
        n = int((verdicts["verdict"] != "held").sum())
        return Markdown(f"No claim failed, and {n} were not run." if n else "Every claim held.")
    lines = [
        f"- {_statement(row)} Measured was {evidence(row)}, required "
        f"{required(row)}: {markdown(row['measured'])}."
        + (f" *{_reason(row)}.*" if row["reason"] else "")
        for row in failed
    ]
    return Markdown("\n".join(["These claims did not hold:\n", *lines]))


def verdict_table(
    verdicts: pd.DataFrame, changes: Mapping[str, Change | None] | None = None
) -> Markdown:
    """The table of all claims: the verdict in words, then the claim and its evidence.

    Parameters
    ----------
    verdicts : DataFrame
        `Results.verdicts`.
    changes : mapping, optional
        When each statement or its threshold was last changed, see `history`.

    Returns
    -------
    Markdown
        One row a claim. A claim that was not run says why in place of the interval.

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(statement="Ridge shrinks.", measured="ratio", threshold="one", source="Hoerl",
    ...            verdict="held", value=0.5, low=0.4, high=0.6, n=9, data="diabetes", reason="")
    >>> print(verdict_table(pd.DataFrame([row])))  # doctest: +ELLIPSIS
    | Verdict | Claim | Measured | Required | Source |
    ...
    | ● held | Ridge shrinks. *(diabetes)* | 0.5 (0.4 to 0.6, n = 9): ratio | one | Hoerl |
    """
    shown = []
    for row in verdicts.to_dict("records"):
        cells = {
            "Verdict": _mark(row),
            "Claim": (f"{code(row['claim'])} " if "claim" in row else "") + _statement(row),
            "Measured": _measured(row),
            "Required": required(row),
            "Source": _source(row["source"]),
        }
        if changes:
            cells["Last changed"] = _change(changes.get(row["statement"]))
        shown.append(cells)
    return table(shown)


def _reason(row: Mapping[Any, Any]) -> str:
    reason = markdown(row["reason"][0].upper() + row["reason"][1:])
    few = too_few(row)
    return f"{reason}; {few}" if few else reason


def required(row: Mapping[Any, Any]) -> str:
    """A claim's threshold as text."""
    return markdown(powers(row["threshold"]).replace("-", "−"))


def _source(text: str) -> str:
    """A claim's source, in which numbers of sections are called so."""
    parts = text.split("; ")
    section = re.compile(r"\d+(\.\d+)*(,|$)")
    return "; ".join(f"{'sec. ' if section.match(part) else ''}{markdown(part)}" for part in parts)


def _statement(row: Mapping[Any, Any]) -> str:
    return markdown(row["statement"]) + (f" *({markdown(row['data'])})*" if row["data"] else "")


def _mark(row: Mapping[Any, Any]) -> str:
    """The verdict in a word; an identity that holds has been checked, which is no finding."""
    if row.get("kind") == "identity":
        return "identity, checked" if row["verdict"] == "held" else "**identity, broken**"
    found = standing(row)
    text = f"{SIGNS[found]} {found}"
    return text if found == "held" else f"**{text}**"


def _measured(row: Mapping[Any, Any]) -> str:
    if row["verdict"] == "not run":
        return f"not run: {markdown(row['reason'])}"
    return f"{evidence(row)}: {markdown(row['measured'])}"


def _change(change: Change | None) -> str:
    if change is None:
        return "not found"
    if not change.commit:
        return "not committed"
    return f"{change.date}, {change.commit[:7]}"
