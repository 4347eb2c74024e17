"""What a study found, in its own words; a study without findings is spoken for by its claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..escaping import markdown
from .markdown import Markdown
from .standing import tally

if TYPE_CHECKING:
    from ..storing.results import Results


def findings(results: Results) -> list[str]:
    """Sentences on what was found, in Markdown, the most important one first."""
    study = results.source.study
    found = tally(results.verdicts)
    return study.found(results) or [f"{markdown(study.title)} Of {found.claims} claims: {found}."]


def answer(results: Results) -> Markdown:
    """The findings as a report opens with them."""
    lines = "\n".join(f"- {sentence}" for sentence in findings(results))
    return Markdown(f"\n::: {{.answer}}\n{lines}\n:::\n")
