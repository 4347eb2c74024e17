"""What a study found, in its own words, and what its page and card show of it.

A study says it in a module ``page`` beside its claims: `KEY_FIGURE`, the name of the figure that
the report opens with, and ``findings(results)``, three sentences in Markdown, made from the
finished tables. A study without one is spoken for by its claims.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import TYPE_CHECKING

from .. import catalogue
from ..escaping import markdown
from .markdown import Markdown
from .standing import tally

if TYPE_CHECKING:
    from ..storing.results import Results


def page_module(study: str) -> ModuleType | None:
    """The module of a built-in study that says what it found, if it has one."""
    package = f"{catalogue.__name__}.{study.replace('-', '_')}"
    if importlib.util.find_spec(package) is None:
        return None
    if not hasattr(importlib.import_module(package), "__path__"):
        return None
    name = f"{package}.page"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def key_figure(results: Results) -> str | None:
    """The figure that the report opens with: the study's choice, or its first."""
    chosen = getattr(page_module(results.name), "KEY_FIGURE", None)
    return chosen or next(iter(results.source.study.figures), None)


def findings(results: Results) -> list[str]:
    """Sentences on what was found, in Markdown, the most important one first."""
    module = page_module(results.name)
    if module is not None:
        return list(module.findings(results))
    found = tally(results.verdicts)
    return [f"{markdown(results.source.study.title)} Of {found.claims} claims: {found}."]


def answer(results: Results) -> Markdown:
    """The findings as a report opens with them."""
    lines = "\n".join(f"- {sentence}" for sentence in findings(results))
    return Markdown(f"\n::: {{.answer}}\n{lines}\n:::\n")
