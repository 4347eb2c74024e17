"""When a claim was last changed, as git has it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from wellposed_studies.reporting.history import committed_before, last_changes

FIRST = """
LEAST = 0.01
claims = [
    Claim(statement="Ridge shrinks the weights.", threshold=at_most(1)),
    Claim(statement="Lasso has exact zeros " "in some weights.", threshold=at_least(LEAST)),
    *(Claim(statement=f"More {word} lowers variance.", threshold=at_least(0)) for word in WORDS),
]
"""


@pytest.fixture
def study(tmp_path: Path):
    """A study in a repository; the function commits a text of it at a day of January 2026."""
    path = tmp_path / "study.py"

    def git(*arguments: str, day: int = 1) -> None:
        time = f"2026-01-{day:02d}T12:00:00+00:00"
        own = {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time, "HOME": str(tmp_path)}
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(
            ["git", *who, *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            env={**os.environ, **own},
        )

    def write(text: str, day: int | None, everything: bool = False) -> str:
        path.write_text(text)
        if day is not None:
            git("add", *(["--all", "."] if everything else ["study.py"]))
            git("commit", "-m", f"day {day}", day=day)
        return str(path)

    git("init")
    return write


RIDGE, LASSO = "Ridge shrinks the weights.", "Lasso has exact zeros in some weights."
L2 = "More L2 lowers variance."


def dates(source: str) -> list[str | None]:
    found = last_changes(source, [RIDGE, LASSO, L2])
    return [c and (c.date if c.commit else "uncommitted") for c in found.values()]


def test_a_change_of_a_statement_or_a_threshold_counts_and_no_other(study):
    source = study(FIRST, 1)
    assert dates(source) == ["2026-01-01"] * 3
    study("# a comment above\n" + FIRST, 2)
    assert dates(source) == ["2026-01-01"] * 3
    study(FIRST.replace("at_most(1)", "at_most(2)"), 3)
    assert dates(source) == ["2026-01-03", "2026-01-01", "2026-01-01"]
    study(FIRST.replace("LEAST = 0.01", "LEAST = 0.02"), 4)
    assert dates(source) == ["2026-01-04", "2026-01-04", "2026-01-01"], "a threshold by its name"
    study(FIRST.replace("lowers", "always lowers"), 5)
    assert dates(source)[2] is None, "it is not there any more"


DECORATED = """
@study.claim(
    "Ridge shrinks the weights.",
    at_most(1),
    measured="ratio",
)
def shrinks(results):
    return 1


@study.claim("More {word} lowers variance.", at_least(0), each=WORDS)
def lowers(results, word):
    return 2
"""


def test_a_claim_under_a_decorator_has_the_lines_of_its_call(study):
    source = study(DECORATED, 1)
    study(DECORATED.replace("return 1", "return 3"), 2)
    found = last_changes(source, [RIDGE, L2])
    assert [c.date for c in found.values()] == ["2026-01-01"] * 2, "how it is tested is no change"
    study(DECORATED.replace("at_least(0)", "at_least(0.1)"), 3)
    found = last_changes(source, [RIDGE, L2])
    assert [c.date for c in found.values()] == ["2026-01-01", "2026-01-03"]


def test_another_form_of_the_same_claim_is_no_change(study):
    """Neither the call around it, nor another line, nor how a number is written."""
    source = study(FIRST, 1)
    study(DECORATED.replace("at_most(1)", "at_most(1.0)"), 2)
    found = last_changes(source, [RIDGE, L2])
    assert [c.date for c in found.values()] == ["2026-01-01"] * 2


def test_a_claim_that_comes_back_counts_from_then_on(study):
    source = study(FIRST, 1)
    study(FIRST.replace("at_most(1)", "at_most(9)"), 2)
    study(FIRST, 3)
    assert dates(source) == ["2026-01-03", "2026-01-01", "2026-01-01"]


def test_a_package_s_claims_may_move_between_its_files(tmp_path, study):
    study("", 1)
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "claims.py").write_text(FIRST)
    study("x = 1", 2, everything=True)
    (tmp_path / "claims.py").rename(tmp_path / "other.py")
    study("x = 2", 3, everything=True)
    found = last_changes(str(tmp_path / "__init__.py"), [RIDGE, L2])
    assert [c.date for c in found.values()] == ["2026-01-02"] * 2


def test_what_is_not_committed_is_told(study):
    source = study(FIRST, 1)
    study(FIRST.replace("at_most(1)", "at_most(2)"), None)
    assert dates(source) == ["uncommitted", "2026-01-01", "2026-01-01"]
    found = last_changes(source, [RIDGE, LASSO])
    assert committed_before(found.values(), "2026-01-02T00:00:00+00:00")[:2] == (1, 2)
    assert committed_before(found.values(), "2025-01-02T00:00:00+00:00")[:2] == (0, 2)


def test_outside_of_a_repository_there_is_no_history(tmp_path):
    path = tmp_path / "study.py"
    path.write_text(FIRST)
    assert last_changes(str(path), [RIDGE]) == {}
