"""A document shows every figure of its study once; question and description are the study's."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from wellposed_studies.discovery import find, names
from wellposed_studies.rendering.document import Cell, Inline, read_document
from wellposed_studies.reporting.page import Page
from wellposed_studies.storing.results import Results

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


#: What documents import from, and what they do not read of results: the parts of a run's record.
PUBLIC = {"wellposed_studies.claims", "wellposed_studies.escaping"}
RAW = {"manifest", "folder", "source", "only"}
DOCUMENTS = [path.stem for path in sorted(REPORTS.glob("*.qmd"))]


def statements(name: str) -> Iterator[ast.AST]:
    """All nodes of the code in a document's cells."""
    for part in read_document(REPORTS / f"{name}.qmd").parts:
        if isinstance(part, Cell | Inline):
            yield from ast.walk(ast.parse(part.source))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_imports_no_study(name: str) -> None:
    found = [node for node in statements(name) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert found
    for node in found:
        assert isinstance(node, ast.ImportFrom), ast.unparse(node)
        module = str(node.module)
        assert module in PUBLIC or module.startswith("wellposed_studies.reporting"), module
        assert not [alias.name for alias in node.names if alias.name.startswith("_")]


@pytest.mark.parametrize("name", names())
def test_a_document_reads_the_public_face_of_results(name: str) -> None:
    classes = {"results": Results, "page": Page}
    read: dict[type, set[str]] = {cls: set() for cls in classes.values()}
    for node in statements(name):
        of = getattr(node, "value", None)
        if isinstance(node, ast.Attribute) and isinstance(of, ast.Name) and of.id in classes:
            read[classes[of.id]].add(node.attr)
    for cls, attributes in read.items():
        known = {*dir(cls), *inspect.signature(cls).parameters, "results"}
        public = {attribute for attribute in known if not attribute.startswith("_")} - RAW
        assert attributes
        assert attributes <= public, cls
