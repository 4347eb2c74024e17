"""A document's captions begin with the question that the study's figure declares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellposed_studies.discovery import find, names

REPORTS = Path(__file__).parents[2] / "reports"
FIGURE = re.compile(
    r'^#\| label: fig-([\w-]+)\n#\| fig-cap: "([^"\n]*)"\n#\| fig-alt: "([^"\n]*)"$', re.MULTILINE
)


@pytest.mark.parametrize("name", names())
def test_captions_ask_what_figures_answer(name: str) -> None:
    text = (REPORTS / f"{name}.qmd").read_text(encoding="utf-8")
    captions = {label: caption for label, *caption in FIGURE.findall(text)}
    figures = find(name).study.figures
    assert set(captions) == set(figures)
    for label, (caption, alt) in captions.items():
        assert caption.startswith(figures[label].question), label
        assert alt == figures[label].alt, label
