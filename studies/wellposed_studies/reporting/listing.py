"""What ``wellposed list`` shows: a table of the studies, or one of them in full.

Neither imports pandas, so that it answers at once.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Damaged
from .standing import Tally, tally_of

if TYPE_CHECKING:
    from ..study import Source


def table(sources: Iterable[Source], root: Path) -> Iterator[str]:
    """A line for each study: its claims, how long it takes, and its last run.

    Parameters
    ----------
    sources : iterable of Source
    root : Path
        The results folder.
    """
    rows = [("study", "claims", "quick", "full", "last run")]
    for source in sources:
        count = str(sum(claim.kind == "claim" for claim in source.study.claims))
        quick, full = _time(source, "quick"), _time(source, "full")
        rows.append((source.name, count, quick, full, status(source, root)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for name, count, quick, full, last in rows:
        yield (
            f"{name:{widths[0]}}  {count:>{widths[1]}}  {quick:>{widths[2]}}  {full:>{widths[3]}}  "
            f"{last}"
        )


def in_full(source: Source, root: Path, width: int) -> Iterator[str]:
    """A study's question, data, times, last run and claims."""
    study = source.study
    if study.summary:
        yield from textwrap.wrap(study.summary, width, initial_indent="  ", subsequent_indent="  ")
    yield f"  data      {', '.join(study.data_sets)}"
    times = [
        f"{profile} {_time(source, profile)}" for profile in ("quick", "full")
        if profile in study.minutes
    ]  # fmt: skip
    if times:
        yield f"  takes     {', '.join(times)} on two cores"
    yield f"  last run  {status(source, root)}"
    for claim in study.claims:
        note = ", an identity" if claim.kind == "identity" else ""
        text = f"- {claim.name}: {claim.statement} ({claim.measured} {claim.threshold}{note})"
        yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def is_finished(source: Source, root: Path) -> bool:
    """Whether there is a finished run of a study as it is now."""
    from ..storing.reading import latest_run, read_manifest

    try:
        folder = latest_run(root, source.name)
        return folder is not None and read_manifest(folder)["version"] == source.study.version
    except Damaged:
        return False


def status(source: Source, root: Path) -> str:
    """The last finished run of a study in a few words."""
    from ..storing.reading import latest_run, read_manifest

    try:
        folder = latest_run(root, source.name)
        if folder is None:
            return "not run yet"
        manifest = read_manifest(folder)
        if manifest["version"] != source.study.version:
            return f"of version {manifest['version']}; the study is {source.study.version}"
        found = _counts(folder)
    except Damaged:
        return "damaged: run it again"
    on = f", {manifest['own_table']['path']}" if manifest["own_table"] else ""
    changed = "; the study has changed since" if manifest["code"] != source.code else ""
    shown = Tally(found.counts, 0, 0)
    return f"{manifest['profile']}, {manifest['finished'][:10]}{on}: {shown}{changed}"


def _counts(folder: Path) -> Tally:
    from ..storing.layout import VERDICTS
    from ..storing.reading import read_table

    path = folder / VERDICTS
    try:
        return tally_of(read_table(path, ["verdict", "reason", "value", "kind"]).to_pylist())
    except FileNotFoundError:
        raise Damaged(f"{path} is missing") from None


def _time(source: Source, profile: str) -> str:
    minutes = source.study.minutes.get(profile)
    if minutes is None:
        return "-"
    if minutes < 1:
        return f"{round(60 * minutes)} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
