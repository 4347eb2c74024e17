"""A document shows every figure of its study once; question and description are the study's."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from wellposed_studies.discovery import find, names

REPORTS = Path(__file__).parents[2] / "reports"
SHOWN = re.compile(r'page\.(?:figure|slider)\(\s*"([\w-]+)"(?:,\s*"([^"\n]*)")?')


@pytest.mark.parametrize("name", names())
def test_every_figure_is_shown_once(name: str) -> None:
    text = (REPORTS / f"{name}.qmd").read_text(encoding="utf-8")
    study = find(name).study
    shown = [*(label for label, _ in SHOWN.findall(text)), study.key_figure]
    assert sorted(shown) == sorted(study.figures)


@pytest.mark.parametrize("name", names())
def test_a_document_repeats_no_question_and_describes_no_figure_again(name: str) -> None:
    text = (REPORTS / f"{name}.qmd").read_text(encoding="utf-8")
    figures = find(name).study.figures
    for label, more in SHOWN.findall(text):
        assert figures[label].question not in more, label
    assert "fig-alt" not in text


def runs_of_words(name: str, n: int = 8) -> set[str]:
    """Every `n` words of a document that follow each other, imports left out."""
    text = (REPORTS / f"{name}.qmd").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(("from ", "import "))]
    words = re.findall(r"[a-z]{2,}", " ".join(kept).lower())
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


def test_what_several_documents_say_is_said_by_the_page() -> None:
    said = {name: runs_of_words(name) for name in names()}
    for one, other in combinations(said, 2):
        assert said[one] & said[other] == set(), (one, other)
