"""When a claim was last changed: the commit since which its statement and threshold stand.

A claim proves something if it was written down before the run. Where the study's files are in a
git checkout, each of their commits is searched for the statement and its threshold; what else
changed in a line, or in which file it stands, does not count.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

#: Functions that make a threshold, see `claims`.
THRESHOLDS = {"at_least", "at_most", "within"}
#: How much of a statement has to stand in the source as it is.
ENOUGH_LETTERS, ENOUGH_OF_IT = 8, 0.4


@dataclass(frozen=True, order=True)
class Change:
    """A commit.

    Attributes
    ----------
    time : int
        Of the commit, in seconds since 1970.
    commit : str
        Its hash; "" for what is not committed.
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
    package = path.name == "__init__.py"
    files = sorted(path.parent.rglob("*.py")) if package else [path]
    if _git(path.parent, "ls-files", "--error-unmatch", path.name) is None:
        return {}
    now = _texts([file.read_text(encoding="utf-8") for file in files])
    wanted = {statement: _threshold_of(now, statement) for statement in statements}
    found: dict[str, Change | None] = {
        statement: None if threshold is None else Change(0, "", "")
        for statement, threshold in wanted.items()
    }
    standing = {statement for statement, change in found.items() if change is not None}
    for change, texts in _versions(path.parent, "." if package else path.name):
        standing = {s for s in standing if _threshold_of(texts, s) == wanted[s]}
        if not standing:
            break
        found.update(dict.fromkeys(standing, change))
    return found


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
class _Text:
    """A string in a source: what it may be, how much of it is fixed, and the threshold by it."""

    pattern: re.Pattern[str]
    letters: int
    threshold: str


def _threshold_of(texts: Sequence[_Text], statement: str) -> str | None:
    """The threshold where most of a statement stands; None where it does not."""
    enough = max(ENOUGH_LETTERS, ENOUGH_OF_IT * len(statement))
    fitting = [t for t in texts if t.letters >= enough and t.pattern.fullmatch(statement)]
    best = max(fitting, key=lambda text: text.letters, default=None)
    return None if best is None else best.threshold


def _versions(folder: Path, path: str) -> Iterator[tuple[Change, list[_Text]]]:
    """The commits of a study's files, the newest first, with the texts in these files."""
    log = _git(folder, "log", "--format=%ct %H %s", "--", path) or ""
    for line in log.splitlines():
        time, commit, subject = line.split(" ", 2)
        tree = _git(folder, "ls-tree", "-r", commit, "--", path) or ""
        entries = [entry.partition("\t") for entry in tree.splitlines()]
        blobs = [about.split()[2] for about, _, name in entries if name.endswith(".py")]
        sources = [_git(folder, "cat-file", "blob", blob) or "" for blob in blobs]
        yield Change(int(time), commit, subject), _texts(sources)


def _texts(sources: Sequence[str]) -> list[_Text]:
    """The strings of some files, each with the threshold in the expression around it."""
    parsed = [_parsed(source) for source in sources]
    constants = {name: value for _, named in parsed for name, value in named}
    return [
        _Text(pattern, letters, _written(calls, constants))
        for strings, _ in parsed
        for pattern, letters, calls in strings
    ]


@cache
def _parsed(
    source: str,
) -> tuple[
    list[tuple[re.Pattern[str], int, tuple[ast.Call, ...]]], tuple[tuple[str, ast.expr], ...]
]:
    """A file's strings with the thresholds beside them, and its constants."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return [], ()
    constants = tuple(
        (target.id, node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    return list(_strings(tree, ())), constants


def _strings(
    node: ast.AST, around: tuple[ast.AST, ...]
) -> Iterator[tuple[re.Pattern[str], int, tuple[ast.Call, ...]]]:
    pattern, letters = _pattern(node)
    if letters >= ENOUGH_LETTERS:
        yield re.compile(pattern, re.DOTALL), letters, _thresholds(around)
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _strings(child, (*around, node))


def _pattern(node: ast.AST) -> tuple[str, int]:
    """A pattern of what a string may be, and how many of its letters are fixed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = re.split(r"\{\w+\}", node.value)  # names that a claim of a family replaces
    elif isinstance(node, ast.JoinedStr):
        texts = [str(p.value) if isinstance(p, ast.Constant) else "\0" for p in node.values]
        parts = "".join(texts).split("\0")
    else:
        return "", 0
    return ".*".join(map(re.escape, parts)), sum(map(len, parts))


def _thresholds(around: Sequence[ast.AST]) -> tuple[ast.Call, ...]:
    """The thresholds in the innermost expression around a statement that has one."""
    for node in reversed(around):
        if not isinstance(node, ast.expr | ast.keyword):
            break
        calls = tuple(
            call
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id in THRESHOLDS
        )
        if calls:
            return calls
    return ()


def _written(calls: Sequence[ast.Call], constants: Mapping[str, ast.expr]) -> str:
    """Thresholds in one way of writing, with the values of names."""
    return "; ".join(
        f"{ast.unparse(call.func)}({', '.join(_value(a, constants) for a in call.args)})"
        for call in calls
    )


def _value(node: ast.expr, constants: Mapping[str, ast.expr]) -> str:
    if isinstance(node, ast.Name):
        node = constants.get(node.id, node)
    try:
        return repr(float(ast.literal_eval(node)))
    except (TypeError, ValueError):
        return ast.unparse(node)


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
