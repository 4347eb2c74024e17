"""When a claim was last changed: the commits of its statement and of its threshold.

A claim proves something if it was written down before the run. Where the study's files are in a
git checkout, git says in which commits the lines of a statement and its threshold were last
changed; moved lines are followed to where they came from.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

#: Functions that make a threshold, see `claims`.
THRESHOLDS = {"at_least", "at_most", "within"}
#: How much of a statement has to stand in the source as it is.
ENOUGH_LETTERS = 8


@dataclass(frozen=True, order=True)
class Change:
    """A commit.

    Attributes
    ----------
    time : int
        Of the commit, in seconds since 1970.
    commit : str
        Its hash; "" for a line that is not committed.
    subject : str
        The first line of its message.
    """

    time: int
    commit: str
    subject: str

    @property
    def date(self) -> str:
        return datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%d")


def last_changes(source: str, statements: Iterable[str]) -> dict[str, Change | None]:
    """The last change of each statement or its threshold.

    Parameters
    ----------
    source : str
        The study's file; of one that is a package, its ``__init__.py``.
    statements : iterable of str

    Returns
    -------
    dict
        Statement to change; None where the statement is not found in the files. Empty where they
        are not in a git checkout.
    """
    path = Path(source).resolve()
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    if _git(path.parent, "ls-files", "--error-unmatch", path.name) is None:
        return {}
    places = [place for file in files for place in _places(file)]
    return {statement: _last(_best(places, statement)) for statement in statements}


def committed_before(
    changes: Iterable[Change | None], started: str
) -> tuple[int, int, Change | None]:
    """How many of the changes were committed before a time, of how many, and the last of them.

    Parameters
    ----------
    changes : iterable of Change or None
    started : str
        When the run began, in ISO format with its time zone.
    """
    known = list(changes)
    begun = datetime.fromisoformat(started).timestamp()
    before = [c for c in known if c is not None and c.commit and c.time <= begun]
    return len(before), len(known), max(before, default=None)


@dataclass(frozen=True)
class _Place:
    """Where a text stands: a pattern of it, how many letters are fixed, and lines that count."""

    file: Path
    pattern: re.Pattern[str]
    letters: int
    lines: tuple[tuple[int, int], ...]


def _places(file: Path) -> Iterator[_Place]:
    """Every string of a file, with its lines and those of the threshold that is nearest to it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = {
        target.id: (node.lineno, node.end_lineno or node.lineno)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def visit(node: ast.AST, around: Sequence[ast.AST]) -> Iterator[_Place]:
        pattern, letters = _pattern(node)
        if letters >= ENOUGH_LETTERS:
            lines = [(node.lineno, node.end_lineno)]  # type: ignore[attr-defined]
            lines += _threshold(around, constants)
            yield _Place(file, re.compile(pattern, re.DOTALL), letters, tuple(lines))
        if isinstance(node, ast.JoinedStr):
            return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, [*around, node])

    yield from visit(tree, [])


def _pattern(node: ast.AST) -> tuple[str, int]:
    """A pattern of what a string may be, and how many of its letters are fixed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = re.split(r"\{\w+\}", node.value)  # names that a claim of a family replaces
        return ".*".join(map(re.escape, parts)), sum(map(len, parts))
    if isinstance(node, ast.JoinedStr):
        fixed = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        pattern = "".join(".*" if text is None else re.escape(str(text)) for text in fixed)
        return pattern, sum(len(str(text)) for text in fixed if text is not None)
    return "", 0


def _threshold(
    around: Sequence[ast.AST], constants: dict[str, tuple[int, int]]
) -> list[tuple[int, int]]:
    """Lines of the threshold in the innermost expression around a statement that has one."""
    for node in reversed(around):
        if not isinstance(node, ast.expr | ast.keyword):
            break
        calls = [
            call
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id in THRESHOLDS
        ]
        if calls:
            lines = [(call.lineno, call.end_lineno or call.lineno) for call in calls]
            names = {n.id for call in calls for n in ast.walk(call) if isinstance(n, ast.Name)}
            return lines + [constants[name] for name in names if name in constants]
    return []


def _best(places: Sequence[_Place], statement: str) -> _Place | None:
    """Where most of the statement stands."""
    fitting = [place for place in places if place.pattern.fullmatch(statement)]
    return max(fitting, key=lambda place: place.letters, default=None)


def _last(place: _Place | None) -> Change | None:
    if place is None:
        return None
    blamed = _blame(place.file)
    lines = {n for first, last in place.lines for n in range(first, last + 1)}
    changes = [blamed[n] for n in lines if n in blamed]
    if any(not change.commit for change in changes):
        return Change(0, "", "")
    return max(changes, default=None)


@lru_cache
def _blame(file: Path) -> dict[int, Change]:
    """The commit of each line of a file."""
    said = _git(file.parent, "blame", "-w", "-M", "-C", "-C", "--line-porcelain", "--", file.name)
    found: dict[int, Change] = {}
    record: dict[str, str] = {}
    for line in (said or "").splitlines():
        if match := re.match(r"([0-9a-f]{40}) \d+ (\d+)", line):
            record = {"commit": match[1], "line": match[2]}
        elif line.startswith("\t"):
            commit = "" if set(record["commit"]) == {"0"} else record["commit"]
            time = int(record.get("committer-time", 0))
            found[int(record["line"])] = Change(time, commit, record.get("summary", ""))
        else:
            key, _, value = line.partition(" ")
            record[key] = value
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, or None if it fails or there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
