"""Links from a report to the index and to the reports of other studies."""

from __future__ import annotations

from pathlib import Path

from ..discovery import find, names
from ..escaping import markdown
from ..storing import layout
from ..storing.reading import latest_run
from .markdown import Markdown


def with_report(root: Path | None = None) -> list[str]:
    """The built-in studies that have a finished run and a document in the current folder."""
    root = layout.results_folder(root)
    return [n for n in names() if Path(f"{n}.qmd").exists() and latest_run(root, n) is not None]


def neighbours(study: str) -> Markdown:
    """Links to the index and to the reports of the other studies."""
    links = [] if not Path("index.qmd").exists() else ["[All reports](index.html)"]
    links += [
        f"[{markdown(find(name).study.title)}]({name}.html)"
        for name in with_report()
        if name != study
    ]
    if not links:
        return Markdown("")
    lines = "\n".join(f"- {link}" for link in links)
    return Markdown(f"\n::: {{.neighbours}}\n{lines}\n:::\n")
