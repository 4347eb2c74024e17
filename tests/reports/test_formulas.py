"""Formulas: no glyph is missing, functions are operators, bars are delimiters, in both formats."""

from __future__ import annotations

import html
import re
import subprocess
from pathlib import Path

import pytest

from wellposed_studies.rendering import reports_folder

MATH = re.compile(r"<math.*?</math>", re.DOTALL)
FONT = reports_folder() / "theme" / "math-font" / "wellposed-math.woff"
FORMULAS = r"""
$h_\alpha(x)^\top \hat f(x)$ $\bar f$ $\log g(y)$ $\exp \frac1R$ $\log(x)$ $\operatorname{sign} w$
$\lvert w \rvert$ $\lVert w \rVert_2$ $\operatorname{sign}(w)$ $\underbrace{x}_{\text{bias}}$
"""


def pandoc(text: str, to: str, *options: str) -> str:
    import pypandoc

    theme = reports_folder() / "theme" / "math.lua"
    command = [pypandoc.get_pandoc_path(), "--from=markdown", f"--to={to}", f"--lua-filter={theme}"]
    done = subprocess.run(
        [*command, *options], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout


def drawn(page: str) -> set[str]:
    """The characters of all formulas of a page, as a browser draws them."""
    formulas = (
        re.sub(r"<annotation.*?</annotation>", "", formula, flags=re.DOTALL)
        for formula in MATH.findall(page)
    )
    return {
        _italic(c)
        for formula in formulas
        for tag, text in re.findall(r"<(\w+)[^>]*>([^<]*)", formula)
        for c in html.unescape(text)
        if not c.isspace() or tag == "mtext"
    }


def _italic(character: str) -> str:
    """A letter is drawn in italics if it stands alone in an mi; the italic h is of its own."""
    return "\u210e" if character == "h" else character


def characters(font: Path) -> set[str]:
    from fontTools import ttLib

    return {chr(code) for code in ttLib.TTFont(font).getBestCmap()}


def sources() -> list[Path]:
    return sorted(reports_folder().glob("*.qmd"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_the_font_has_every_character_of_every_formula(path):
    """Of the documents themselves: what cells print has no formulas."""
    page = pandoc(path.read_text(encoding="utf-8"), "html5", "--mathml")
    missing = drawn(page) - characters(FONT)
    assert not missing, f"{path.name}: not in {FONT.name}: {sorted(map(ascii, missing))}"


def test_the_font_has_what_formulas_of_the_chapter_need():
    greek = "".join(map(chr, range(0x1D6FC, 0x1D71B)))
    wanted = "ℎ⊤‾̂̄̃−∑∏∫√∇∂≤≥≈∝∞∈∼→←↦⟨⟩‖∣⏟⏞⊙⊗∘ℓℝ𝔼𝒩ℒ" + greek
    assert set(wanted) <= characters(FONT)


def test_accents_have_a_width_or_they_would_lie_beside_their_letter():
    from fontTools import ttLib

    font = ttLib.TTFont(FONT)
    names = font.getBestCmap()
    for accent in (0x302, 0x303, 0x304, 0x305, 0x307, 0x203E):
        assert font["hmtx"][names[accent]][0] > 50, hex(accent)


def test_a_function_is_followed_by_a_space_in_html():
    page = html.unescape(pandoc(FORMULAS, "html5", "--mathml"))
    spaced = re.findall(r"<mi[^>]*>(log|exp|sign)</mi><mo>\u2061</mo></mrow><mspace", page)
    assert spaced == ["log", "exp", "sign"], "but not before a bracket"


def test_operators_and_bars_in_typst():
    made = pandoc(FORMULAS, "typst")
    assert "lr(|w|)" in made
    assert 'op("sign") \\( w \\)' in made
    assert 'underbrace(x, upright("bias"))' in made
    assert r"\|" not in made


def test_the_pdf_of_formulas_has_no_missing_glyph(tmp_path):
    """Typst warns of none, and draws what it cannot find as a box."""
    import pypdf
    import typst

    source = tmp_path / "a.typ"
    source.write_text(pandoc(FORMULAS, "typst"))
    typst.compile(source, output=tmp_path / "a.pdf", ignore_system_fonts=True)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "a.pdf").pages)
    assert "\ufffd" not in text
    assert "sign" in text
