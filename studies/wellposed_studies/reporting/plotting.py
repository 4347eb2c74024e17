"""What the reports share: the figures' theme, and tables in Markdown.

Matplotlib and seaborn are imported by `apply_theme` only.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Mapping
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..escaping import code, markdown, shell
from ..fonts import FONT, fallback, warn_of
from ..study import WIDTH
from .drawing import PALETTE

if TYPE_CHECKING:
    import pandas as pd

    from ..storing.results import Results

_MARKS = {"held": "**held**", "failed": "**FAILED**", "not run": "not run"}


def apply_theme() -> None:
    """Set seaborn's and matplotlib's defaults for the reports' figures, whatever was set before.

    Text becomes outlines (`svg.fonttype = "path"`), so that a figure looks the same in a browser
    without our font and in the PDF; what it says is in the figure's alternative text. Identifiers
    inside an SVG do not change from run to run.

    Examples
    --------
    >>> import matplotlib
    >>> apply_theme()
    >>> matplotlib.rcParams["svg.fonttype"]
    'path'
    """
    import matplotlib
    import seaborn as sns

    matplotlib.rcdefaults()
    sns.set_theme(
        context="paper",
        style="ticks",
        palette=list(PALETTE),
        font=FONT,
        rc={
            "figure.figsize": (WIDTH, 3.6),
            "figure.constrained_layout.use": True,
            "font.size": 8.5,
            "axes.titlesize": 9,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 8.5,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "axes.edgecolor": "#52606d",
            "axes.labelcolor": "#1f2933",
            "text.color": "#1f2933",
            "xtick.color": "#1f2933",
            "ytick.color": "#1f2933",
            "axes.linewidth": 0.7,
            "xtick.major.width": 0.7,
            "ytick.major.width": 0.7,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e4e8ec",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "lines.linewidth": 1.5,
            "lines.markersize": 4.5,
            "svg.fonttype": "path",
            "svg.hashsalt": "wellposed",
        },
    )


def table(rows: Iterable[Mapping[str, Any]], align: str = "") -> Markdown:
    """A Markdown table, as the value of a report's cell.

    Columns that hold sentences get the room: the dashes of a column are as many as the letters
    of its longest cell, up to 56, which Pandoc reads as relative widths where lines are long.

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
    widths = [min(56, 4 + max(map(_length, column))) for column in zip(*lines)]
    dashes = [
        rules[align[i] if i < len(align) else "l"].format("-" * width)
        for i, width in enumerate(widths)
    ]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return Markdown("\n".join([text[0], "|" + "|".join(dashes) + "|", *text[1:]]))


class Markdown(str):
    """A string that Jupyter shows as Markdown."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def verdict_table(verdicts: pd.DataFrame) -> Markdown:
    """The table a report opens with: the verdict in words, then the claim and its evidence.

    Parameters
    ----------
    verdicts : DataFrame
        `Results.verdicts`.

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
    | **held** | Ridge shrinks. *(diabetes)* | 0.5 (0.4 to 0.6, n = 9): ratio | one | Hoerl |
    """
    return table(
        {
            "Verdict": _mark(row),
            "Claim": markdown(row["statement"])
            + (f" *({markdown(row['data'])})*" if row["data"] else ""),
            "Measured": _measured(row),
            "Required": markdown(row["threshold"].replace("-", "−")),
            "Source": markdown(row["source"]),
        }
        for row in verdicts.to_dict("records")
    )


def _mark(row: Mapping[Any, Any]) -> str:
    """The verdict in a word; an identity that holds has been checked, which is no finding."""
    identity = row.get("kind") == "identity" and row["verdict"] == "held"
    return "identity, checked" if identity else _MARKS[row["verdict"]]


def failures(verdicts: pd.DataFrame) -> Markdown:
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
        f"- {markdown(row['statement'])} Measured was {evidence(row)}, required "
        f"{markdown(row['threshold'].replace('-', '−'))}: {markdown(row['measured'])}."
        + (f" *{markdown(row['reason'][0].upper() + row['reason'][1:])}.*" if row["reason"] else "")
        for row in failed
    ]
    return Markdown("\n".join(["These claims did not hold:\n", *lines]))


def own_table_note(results: Results) -> Markdown:
    """Which data a report is about, if a user's table took the place of the study's real ones.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Markdown
        Nothing if the run was on the study's own data.
    """
    from ..judging.verdicts import not_asked

    own = results.manifest["own_table"]
    if own is None:
        return Markdown("")
    name = results.data_names[0]
    sentence = (
        f"In this run a table of the user's own, *{markdown(name)}* with the target "
        f"*{markdown(own['target'])}*, took the place of the study's real data."
    )
    if n := len(not_asked(results)):
        sentence += (
            f" It is a {own['task']} table: {n} claim{'' if n == 1 else 's'} on data of the other "
            f"kind {'is' if n == 1 else 'are'} left out."
        )
    return Markdown(sentence)


def manifest_block(manifest: Mapping[str, Any]) -> Markdown:
    """The record of a run as a table: what was run, on what, where, with which versions.

    Parameters
    ----------
    manifest : mapping
        `Results.manifest`.

    Returns
    -------
    Markdown
        One row a part of the record; digests are cut to 12 digits.
    """
    packages = ", ".join(f"{key} {value}" for key, value in manifest["packages"].items())
    commit = manifest["commit"]
    entries = {
        "Study": f"{code(manifest['study'])}, version {manifest['version']}, "
        f"code {code(manifest['code'][:12])}",
        "Run": f"{manifest['profile']} profile, {manifest['cells']} cells, "
        f"{_repetitions(manifest)}, seed {manifest['seed']}, "
        f"finished {markdown(manifest['finished'])}",
        "Copied": _copied(manifest),
        "Command": code(shell(manifest["command"])),
        "Commit": code(commit) if commit else "not in a git repository",
        "Machine": f"{markdown(manifest['cpu'])}, {manifest['processors']} processors, "
        f"{markdown(manifest['platform'])}, {manifest['threads_per_cell']} thread a cell",
        "Versions": markdown(f"python {manifest['python']}, {packages}"),
    }
    entries = {key: value for key, value in entries.items() if value}
    for name, data in manifest["data"].items():
        shapes = ", ".join(
            f"{markdown(key)} {' × '.join(map(str, shape)) or 'scalar'}"
            for key, shape in data["shapes"].items()
        )
        source = markdown(data["source"]) if data["source"] else ""
        notes = map(markdown, data.get("notes", []))
        parts = (source, *notes, shapes, f"SHA-256 {code(data['digest'][:12])}")
        entries[f"Data: {markdown(name)}"] = "; ".join(filter(None, parts))
    if own := manifest.get("own_table"):
        read = [f"the target {own['target']!r} taken for {own['meaning']}", *own["notes"]]
        entries["Read as"] = markdown("; ".join(read))
    shown = "".join([*manifest["data"], entries.get("Read as", "")])
    for sentence in warn_of(fallback(shown).missing, "the data's names"):
        entries["Fonts"] = markdown(sentence[0].upper() + sentence[1:])
    return table({"Entry": key, "Value": value} for key, value in entries.items())


def _repetitions(manifest: Mapping[str, Any]) -> str:
    """How many experiments there were, and how often each of their settings was repeated."""
    counts = sorted({record["repetitions"] for record in manifest["experiments"].values()})
    n = len(manifest["experiments"])
    return f"{n} experiment{'' if n == 1 else 's'}, {' or '.join(map(str, counts))} repetitions"


def _copied(manifest: Mapping[str, Any]) -> str:
    """How many cells came from another results folder, or ""."""
    copied = manifest.get("reused")
    return f"{copied['cells']} cells, from {code(copied['folder'])}" if copied else ""


def study_table(results: str | os.PathLike[str] | None = None) -> Markdown:
    """The built-in studies with the number of claims that held, failed and were not run.

    A failed claim is "undecided" where its interval reaches across the threshold.

    Parameters
    ----------
    results : path, optional
        The results folder; by default the one `load` reads.

    Returns
    -------
    Markdown
        A study whose report lies in the current folder is linked to it.
    """
    from ..discovery import find, names
    from ..judging.verdicts import claims_only
    from ..storing.results import load

    rows = []
    for name in names():
        study = find(name).study
        counts: dict[Any, int] = {"not run": sum(c.kind == "claim" for c in study.claims)}
        undecided = 0
        profile = "not run yet"
        try:
            finished = load(name, results)
        except FileNotFoundError:
            pass
        else:
            verdicts = claims_only(finished.verdicts)
            counts = verdicts["verdict"].value_counts().to_dict()
            undecided = int(verdicts["reason"].str.startswith("undecided").sum())
            profile = finished.profile
        has_report = Path(f"{name}.qmd").exists() and profile != "not run yet"
        rows.append(
            {
                "Study": f"[{markdown(study.title)}]({name}.html)"
                if has_report
                else markdown(study.title),
                "Profile": profile,
                "Held": counts.get("held", 0),
                "Failed": counts.get("failed", 0),
                "of these undecided": undecided,
                "Not run": counts.get("not run", 0),
            }
        )
    return table(rows, align="llrrrr")


def _measured(row: Mapping[Any, Any]) -> str:
    if row["verdict"] == "not run":
        return f"not run: {markdown(row['reason'])}"
    return f"{evidence(row)}: {markdown(row['measured'])}"


def evidence(row: Mapping[Any, Any]) -> str:
    """A verdict's measured value, with its interval, level and repetitions if it has any.

    Examples
    --------
    >>> evidence({"value": -0.05, "low": -0.1, "high": 0.0125, "n": 40})
    '−0.05 (−0.1 to 0.0125, n = 40)'
    >>> evidence({"value": 1.0, "low": 0.99991, "high": 1.0001, "n": 12})
    '1 (0.9999 to 1, n = 12)'
    """
    if row["low"] == row["high"]:
        return number(row["value"])
    for digits in range(3, 8):  # as many as it takes to tell the ends apart
        value, low, high = (number(row[name], digits) for name in ("value", "low", "high"))
        if low != high:
            break
    level = row.get("level", nan)
    at = "" if isnan(level) else f" at {100 * level:.4g} %"
    return f"{value} ({low} to {high}{at}, n = {row['n']})"


def number(value: float, digits: int = 3) -> str:
    """A number of so many digits, with a minus that is one.

    Examples
    --------
    >>> number(-0.01234)
    '−0.0123'
    """
    return f"{value:.{digits}g}".replace("-", "−")


def _length(cell: str) -> int:
    """About how many letters of a cell are seen."""
    return len(html.unescape(re.sub(r"\{\.given(-code)?\}", "", cell)))


def _escape(value: Any) -> str:
    return str(value).replace("|", r"\|").replace("\n", " ")
