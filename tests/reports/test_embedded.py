"""What the embedded engine makes of a document that uses every feature."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from wellposed_studies.rendering import RenderError, render

HEAD = '---\ntitle: "T"\ntoc: false\n---\n'


@pytest.fixture(scope="module")
def page(features):
    return (features / "features.html").read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """The visible text of a page, white space collapsed."""
    pieces: list[str] = []

    class Reader(HTMLParser):
        hidden = 0

        def handle_starttag(self, tag, attrs):
            self.hidden += tag in ("style", "script", "annotation")

        def handle_endtag(self, tag):
            self.hidden -= tag in ("style", "script", "annotation")

        def handle_data(self, data):
            if not self.hidden:
                pieces.append(data)

    Reader().feed(page)
    return re.sub(r"\s+", " ", "".join(pieces))


def link(page: str, target: str) -> set[str]:
    found = re.findall(rf'<a\s[^>]*href="#{target}"[^>]*>(.*?)</a>', page, re.DOTALL)
    return {re.sub(r"<[^>]+>", "", text).replace("\u00a0", " ") for text in found}


@pytest.mark.parametrize(
    ("target", "texts"),
    [
        ("fig-trade", {"Figure 1"}),
        ("fig-pair", {"Figure 2", "2"}),
        ("fig-pair-1", {"Figure 2 (a)"}),
        ("fig-pair-2", {"Figure 2 (b)"}),
        ("tbl-verdict", {"Table 1"}),
        ("tbl-priors", {"Table 2"}),
        ("eq-parts", {"Equation 1"}),
    ],
)
def test_cross_references_are_numbered(page, target, texts):
    assert link(page, target) == texts
    assert f'id="{target}"' in page


def test_sections_are_numbered_and_referred_to(page):
    assert "Section 2.1" in link(page, "sec-number")
    assert "Section 1" in link(page, "sec-verdict")
    assert '<span class="header-section-number">2.2</span> Two pictures' in page
    assert ">References</h2>" in page  # unnumbered


def test_the_contents_link_to_every_section(page):
    contents = page[page.index('<nav id="TOC"') : page.index("</nav>")]
    assert contents.count('<a href="#') == len(re.findall(r"<h[23]", page)) - 1  # its own heading
    assert "How to read" not in contents, "a callout's title is not a section"


def test_captions_follow_their_numbers(page):
    text = text_of(page)
    assert "Figure 1: Where does L2 pay?" in text
    assert "(b) Second half: judges, it’s fair." in text
    assert "Table 2: Which prior is which penalty?" in text


def test_alternative_texts_survive_quotes(page):
    alternatives = [html.unescape(alt) for alt in re.findall(r'<img[^>]* alt="([^"]*)"', page)]
    assert len(alternatives) == 3
    assert alternatives[2].endswith("""falling line, with "quotes" and it's fine.""")


def test_inline_values_and_unicode(page):
    text = text_of(page)
    assert "The best strength is 0.281, as" in text
    assert "by hand; 2 penalties" in text
    assert "naïve, θ̂, ≤, “quotes” and an apostrophe’s curl" in text


def test_citations_and_bibliography(page):
    text = text_of(page)
    assert "follow Goodfellow et al. (2016)" in text
    assert "(Geman et al. 1992, sec. 3)" in text
    assert "Holm, Sture. 1979." in text
    assert "Srivastava" not in text, "only what is cited is listed"


def test_callouts_have_titles(page):
    assert '<div class="callout callout-note">' in page
    assert "How to read an interval" in text_of(page)


def test_code_is_hidden_unless_echoed(page):
    text = text_of(page)
    assert "verdict_table(verdicts)" not in text
    assert 'for name in ("l1", "l2"):' in text
    assert "the penalty l1" in text


def test_math_is_mathml(page):
    assert page.count("<math") >= 3
    assert "mathjax" not in page.lower()


def test_the_footer_names_engine_and_versions(page):
    import typst

    from wellposed_studies.rendering.embedded import pandoc_version

    text = text_of(page)
    assert "Rendered by the embedded engine of wellposed" in text
    assert f"typst {typst.__version__}" in text
    assert f"Pandoc {pandoc_version()}" in text


def test_pages_are_identical_when_rendered_again(features, project):
    source = (features.parent / "reports" / "features.qmd").read_text(encoding="utf-8")
    project(features=source)
    for again in render(["features"], engine="embedded", results_dir=features.parent):
        assert again.read_bytes() == (features / again.name).read_bytes()


def test_pdf_figures_are_described(features):
    import pypdf

    found: list[str] = []

    def walk(node):
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            found.extend([node["/Alt"]] if "/Alt" in node else [])
            if "/K" in node:
                walk(node["/K"])

    walk(pypdf.PdfReader(features / "features.pdf").trailer["/Root"]["/StructTreeRoot"])
    assert len(found) == 3
    assert found[2].endswith("""falling line, with "quotes" and it's fine.""")


def test_pdf_text_links_and_metadata(features):
    import pypdf

    reader = pypdf.PdfReader(features / "features.pdf")
    text = re.sub(r"\s+", " ", " ".join(p.extract_text() for p in reader.pages)).replace(
        "\xa0", " "
    )
    assert reader.metadata.title == "Every feature of a report"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    for expected in (
        "1 Verdict",
        "2.1 One number",
        "Figure 1: Where does L2 pay?",
        "Table 1: What was claimed",
        "Section 2.1",
        "Figure 2 (a)",
        "Goodfellow et al. (2016)",
        "Holm, Sture. 1979",
        "contradicted",
        "Rendered by the embedded engine of wellposed",
    ):
        assert expected in text, expected
    annotations = [a.get_object() for p in reader.pages for a in p.get("/Annots", [])]
    addresses = {a["/A"].get("/URI") for a in annotations if "/A" in a}
    assert "index.pdf" in addresses, "a neighbouring report is linked in the same format"
    assert not any("/Image" in str(p["/Resources"].get("/XObject", "")) for p in reader.pages)


def test_formats_can_be_chosen(project, tmp_path):
    project(doc=HEAD + "text\n")
    (only,) = render(["doc"], ["pdf"], engine="embedded", output_dir=tmp_path / "out")
    assert only == tmp_path / "out" / "doc.pdf"
    assert only.read_bytes().startswith(b"%PDF")
    assert [p.name for p in only.parent.iterdir()] == ["doc.pdf"]


def test_cells_run_once_for_all_formats(project, tmp_path):
    log = tmp_path / "log"
    project(
        doc=HEAD + f"```{{python}}\nwith open({str(log)!r}, 'a') as f:\n    f.write('x');\n```\n"
    )
    render(["doc"], engine="embedded")
    assert log.read_text() == "x"


def test_documents_are_told_where_the_results_are(project, tmp_path):
    project(doc=HEAD + "```{python}\nimport os\nprint(os.environ['WELLPOSED_RESULTS'])\n```\n")
    (page,) = render(["doc"], ["html"], engine="embedded", results_dir=tmp_path / "r_1")
    assert str(tmp_path / "r_1") in text_of(page.read_text())


def test_a_source_the_browser_would_fetch_is_refused(project):
    folder = project(doc=HEAD + "text\n")
    (folder / "theme" / "before.html").write_text('<main><img src="https://example.org/a.png">')
    with pytest.raises(RenderError):
        render(["doc"], ["html"], engine="embedded")
    assert not (folder / "_output").exists()
