"""What the embedded engine does not know is refused by file and line; nothing is written."""

from __future__ import annotations

import pytest

from wellposed_studies.rendering import RenderError, render

HEAD = '---\ntitle: "T"\n---\n'  # three lines: the text starts on line 4

CASES = {
    "shortcode": ("a\n\n{{< video x.mp4 >}}\n", 6, "shortcodes"),
    "tabset": ("a\n\n::: {.panel-tabset}\n## A\n\nb\n:::\n", 6, "panel-tabset"),
    "div class": ("::: {.column-margin}\nb\n:::\n", 4, "column-margin"),
    "div attribute": ('::: {data-x="1"}\nb\n:::\n', 4, "attribute"),
    "span class": ("a [b]{.aside}\n", 4, "aside"),
    "header class": ("## A {.foo}\n", 4, "foo"),
    "top-level header": ("# Alone\n", 4, "level 2"),
    "html block": ("a\n\n<div>\n\nb\n\n</div>\n", 6, "raw html"),
    "html inline": ("a\nb <b>c</b>\n", 5, "raw html"),
    "raw block": ("```{=html}\n<p>x</p>\n```\n", 5, "raw html"),
    "latex": ("a\n\n\\newpage\n", 6, "raw tex"),
    "other language": ("a\n\n```{r}\n1\n```\n", 6, "only {python}"),
    "mermaid": ("```{mermaid}\ngraph LR\n```\n", 4, "only {python}"),
    "cell header": ("```{python .foo}\n1\n```\n", 4, "#| key: value"),
    "unclosed cell": ("a\n```{python}\n1\n", 5, "never closed"),
    "code block class": ("a\n\n``` {.python .numberLines}\n1\n```\n", 6, "plain code block"),
    "code attribute": ("a\nb `c`{.python}\n", 5, "python"),
    "unlabelled table caption": ("| a |\n|---|\n| 1 |\n\n: Some caption\n", 8, "tbl-name"),
    "unknown option": ("```{python}\n#| echo: true\n#| code-fold: true\n1\n```\n", 6, "code-fold"),
    "wrong value": ("```{python}\n#| echo: maybe\n1\n```\n", 5, "maybe"),
    "broken options": ("```{python}\n#| label: [\n1\n```\n", 5, "YAML"),
    "no fig-alt": ("```{python}\n#| label: fig-a\n#| fig-cap: b\n1\n```\n", 5, "fig-alt"),
    "no tbl-cap": ("```{python}\n#| label: tbl-a\n1\n```\n", 5, "tbl-cap"),
    "caption without label": ("```{python}\n#| tbl-cap: a\n1\n```\n", 5, "label: tbl-name"),
    "asis with label": (
        "```{python}\n#| label: tbl-a\n#| tbl-cap: b\n#| output: asis\nprint(1)\n```\n",
        5,
        "asis",
    ),
    "dataframe": (
        "a\n\n```{python}\nimport pandas as pd\npd.DataFrame({'a': [1]})\n```\n",
        7,
        "HTML",
    ),
    "printed object": ("```{python}\nimport math\nmath\n```\n", 5, "semicolon"),
    "unlabelled figure": (
        "```{python}\nimport matplotlib.pyplot as plt\nplt.plot([1]);\n```\n",
        5,
        "1 figures",
    ),
    "two figures, one caption": (
        "```{python}\n#| label: fig-a\n#| fig-cap: b\n#| fig-alt: c\n"
        "import matplotlib.pyplot as plt\nfor _ in 'ab':\n    plt.plot([1]); plt.show()\n```\n",
        8,
        "2 figures",
    ),
    "unlabelled image": ("![a](b.svg){fig-alt=c}\n", 4, "fig-name"),
    "image without alt": ("![a](b.svg){#fig-a}\n", 4, "fig-alt"),
    "inline image": ("see ![a](b.svg){fig-alt=c}\n", 4, "stands alone"),
    "reference to nothing": ("a\n\nsee @fig-none.\n", 6, "@fig-none refers to nothing"),
    "section reference without id": ("see @sec-a\n\n## A\n", 4, "@sec-a"),
    "reference with text": ("$$a$$ {#eq-a}\n\n[see @eq-a]\n", 6, "alone"),
    "unknown citation": ("a\n\nas @nobody1900 says\n", 6, "not in the bibliography"),
    "defined twice": ("$$a$$ {#eq-a}\n\n$$b$$ {#eq-a}\n", 4, "defined twice"),
    "equation without reference form": ("$$a$$ {#foo}\n", 4, "not understood"),
    "table without caption": ("::: {#tbl-a}\n\n| a |\n|---|\n| 1 |\n:::\n", 4, "caption"),
    "layout attribute": ('::: {#fig-a layout="[1,2]"}\nb\n\nc\n:::\n', 4, "layout"),
    "inline string": ("a\n\nb `{python} str(1)` c\n", 6, "Markdown"),
    "empty inline": ("a\n\nb `{python} None` c\n", 6, "shows nothing"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_by_file_and_line(name, project):
    body, line, why = CASES[name]
    folder = project(doc=HEAD + body)
    with pytest.raises(RenderError) as caught:
        render(["doc"], engine="embedded")
    message = str(caught.value)
    assert f"doc.qmd:{line}: " in message, message
    assert why in message, message
    assert not (folder / "_output").exists()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("no front matter\n", 1, "front matter"),
        ("---\ntitle: a\n", 1, "not closed"),
        ("---\nsubtitle: a\n---\n", 1, "no title"),
        ("---\ntitle: a\nformat: revealjs\n---\n", 3, "format"),
        ('---\ntitle: "a\n---\n', 2, "YAML"),
        ("---\n- a\n---\n", 2, "key: value"),
    ],
)
def test_front_matter_is_checked(text, line, why, project):
    project(doc=text)
    with pytest.raises(RenderError, match=why) as caught:
        render(["doc"], engine="embedded")
    assert caught.value.line == line


def test_what_a_cell_prints_is_refused_at_the_cell(project):
    body = "a\n\n```{python}\n#| output: asis\nprint('<b>x</b>')\n```\n"
    project(doc=HEAD + body)
    with pytest.raises(RenderError, match="raw html") as caught:
        render(["doc"], engine="embedded")
    assert caught.value.line == 8


def test_failing_cell_names_line_and_traceback_and_writes_nothing(project):
    folder = project(doc=HEAD + "a\n\n```{python}\n#| echo: false\nx = 1\n\n1 / 0\n```\n")
    with pytest.raises(RenderError) as caught:
        render(["doc"], engine="embedded")
    assert caught.value.line == 10
    assert "doc.qmd:10: " in str(caught.value)
    assert "ZeroDivisionError: division by zero" in str(caught.value)
    assert not (folder / "_output").exists()


def test_failing_inline_expression_names_its_line(project):
    project(doc=HEAD + "a\n\nb `{python} undefined_name` c\n")
    with pytest.raises(RenderError, match="undefined_name") as caught:
        render(["doc"], engine="embedded")
    assert caught.value.line == 6


def test_failure_inside_a_library_names_the_cell_s_line(project):
    project(doc=HEAD + "```{python}\nimport json\njson.loads('{')\n```\n")
    with pytest.raises(RenderError, match="JSONDecodeError") as caught:
        render(["doc"], engine="embedded")
    assert caught.value.line == 6


def test_dead_kernel_is_said(project):
    project(doc=HEAD + "```{python}\nimport os\nos._exit(3)\n```\n")
    with pytest.raises(RenderError, match="kernel died") as caught:
        render(["doc"], engine="embedded")
    assert caught.value.line == 5


def test_an_earlier_output_survives_a_failure(project):
    folder = project(doc=HEAD + "fine\n")
    (page,) = render(["doc"], ["html"], engine="embedded")
    before = page.read_bytes()
    (folder / "doc.qmd").write_text(HEAD + "{{< bad >}}\n")
    with pytest.raises(RenderError):
        render(["doc"], ["html"], engine="embedded")
    assert page.read_bytes() == before
    assert [p.name for p in page.parent.iterdir()] == ["doc.html"]
