"""A `.qmd` file as a list of parts: text, executable cells, inline expressions.

Only the options named here exist for the embedded engine; every other is refused by file and
line, so that no report comes out with something silently left away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import RenderError

FRONT_MATTER = {"title", "subtitle", "description", "author", "date", "toc", "number-sections"}
CELL_OPTIONS: dict[str, type | tuple[type, ...]] = {
    "label": str,
    "echo": bool,
    "include": bool,
    "output": (bool, str),
    "fig-cap": str,
    "fig-alt": (str, list),
    "fig-subcap": list,
    "layout-ncol": int,
    "tbl-cap": str,
}
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_INLINE = re.compile(r"(?<!`)`\{python\} ([^`]+)`(?!`)")


@dataclass(frozen=True)
class Text:
    """Markdown that is passed on as it stands."""

    line: int
    markdown: str


@dataclass(frozen=True)
class Inline:
    """An inline expression, `` `{python} expression` ``."""

    line: int
    source: str


@dataclass(frozen=True)
class Cell:
    """A ```` ```{python} ```` cell; `line` is the line of its first statement."""

    line: int
    source: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A parsed report."""

    path: Path
    metadata: dict[str, Any]
    parts: list[Text | Inline | Cell]


def read_document(path: Path) -> Document:
    """Parse a report.

    Parameters
    ----------
    path : Path
        A `.qmd` file in UTF-8.

    Returns
    -------
    Document

    Raises
    ------
    RenderError
        For broken YAML, an unknown option or front-matter key, an unclosed cell.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    metadata, start = _front_matter(path, lines)
    return Document(path, metadata, list(_parts(path, lines, start)))


def _front_matter(path: Path, lines: list[str]) -> tuple[dict[str, Any], int]:
    if not lines or lines[0].rstrip() != "---":
        raise RenderError("a report starts with a front matter: ---, title: ..., ---", path, 1)
    try:
        end = next(i for i, text in enumerate(lines[1:], 1) if text.rstrip() == "---")
    except StopIteration:
        raise RenderError("the front matter is not closed by a line of ---", path, 1) from None
    metadata = _yaml(path, lines[1:end], 2, FRONT_MATTER, "front-matter key")
    if not metadata.get("title"):
        raise RenderError("the front matter has no title", path, 1)
    return metadata, end + 1


def _yaml(
    path: Path, lines: list[str], first: int, allowed: set[str] | dict[str, Any], what: str
) -> dict[str, Any]:
    """Return a YAML mapping of allowed keys; `first` is the file's line of `lines[0]`."""
    try:
        node = yaml.compose("\n".join(lines), Loader=yaml.SafeLoader)
        values = yaml.safe_load("\n".join(lines)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = first + (mark.line if mark else 0)
        raise RenderError(f"broken YAML: {getattr(error, 'problem', error)}", path, at) from error
    if not isinstance(values, dict):
        raise RenderError(f"expected 'key: value' lines, got {values!r}", path, first)
    for key, _ in node.value if node else ():
        if key.value not in allowed:
            raise RenderError(
                f"unknown {what} {key.value!r}; the embedded engine knows "
                f"{', '.join(sorted(allowed))}",
                path,
                first + key.start_mark.line,
            )
    return values


def _parts(path: Path, lines: list[str], start: int) -> Iterator[Text | Inline | Cell]:
    text: list[str] = []
    text_line = start + 1
    i = start
    while i < len(lines):
        fence = _FENCE.match(lines[i])
        if not fence:
            text.append(lines[i])
            i += 1
            continue
        close = re.compile(rf"^ {{0,3}}{fence[1][0]}{{{len(fence[1])},}}\s*$")
        end = next((j for j in range(i + 1, len(lines)) if close.match(lines[j])), None)
        if end is None:
            raise RenderError(f"this {fence[1]} block is never closed", path, i + 1)
        if re.match(r"\s*\{\w", fence[2]):
            if fence[2].strip() != "{python}":
                raise RenderError(
                    f"only {{python}} cells are executed, got {fence[2].strip()}; "
                    "their options go on '#| key: value' lines",
                    path,
                    i + 1,
                )
            yield from _inlines(text_line, text)
            yield _cell(path, lines[i + 1 : end], i + 2)
            text, text_line = [], end + 2
        else:
            yield from _inlines(text_line, text)
            yield Text(i + 1, "\n".join(lines[i : end + 1]) + "\n")
            text, text_line = [], end + 2
        i = end + 1
    yield from _inlines(text_line, text)


def _inlines(line: int, text: list[str]) -> Iterator[Text | Inline]:
    joined = "".join(f"{row}\n" for row in text)
    at = 0
    for match in _INLINE.finditer(joined):
        yield Text(line + joined.count("\n", 0, at), joined[at : match.start()])
        yield Inline(line + joined.count("\n", 0, match.start()), match[1].strip())
        at = match.end()
    yield Text(line + joined.count("\n", 0, at), joined[at:])


def _cell(path: Path, lines: list[str], first: int) -> Cell:
    n_options = next((i for i, row in enumerate(lines) if not row.startswith("#|")), len(lines))
    options = _yaml(path, [row[2:] for row in lines[:n_options]], first, CELL_OPTIONS, "option")

    def refuse(message: str) -> RenderError:
        return RenderError(message, path, first)

    for key, value in options.items():
        if not isinstance(value, CELL_OPTIONS[key]) or (
            key == "output" and value not in (True, False, "asis")
        ):
            raise refuse(f"{key}: {value!r} is not a value it can have")
    label = str(options.get("label", ""))
    if label and not re.fullmatch(r"[A-Za-z][\w-]*", label):
        raise refuse(f"label: {label!r} has other characters than letters, digits, - and _")
    if label.startswith("fig-") and not ("fig-cap" in options and "fig-alt" in options):
        raise refuse(f"{label} needs both a fig-cap (seen) and a fig-alt (read aloud)")
    if label.startswith("tbl-") and "tbl-cap" not in options:
        raise refuse(f"{label} needs a tbl-cap")
    for prefix in ("fig", "tbl"):
        if not label.startswith(f"{prefix}-") and any(key.startswith(prefix) for key in options):
            raise refuse(f"{prefix}-... options need a label: {prefix}-name")
    if options.get("output") == "asis" and label.startswith(("fig-", "tbl-")):
        raise refuse(f"output: asis loses the label {label}; show a Markdown object instead")
    if "fig-subcap" in options and len(options["fig-subcap"]) != len(options["fig-alt"]):
        raise refuse("fig-subcap and fig-alt need one entry a sub-figure")
    return Cell(first + n_options, "\n".join(lines[n_options:]), options)
