"""What belongs to a figure: the drawn data, its code, and its form for narrow screens."""

from __future__ import annotations

import base64
import io
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies.reporting.drawn import drawn
from wellposed_studies.reporting.exhibit import exhibit, source_of
from wellposed_studies.reporting.narrowing import WIDTH, narrow
from wellposed_studies.reporting.plotting import apply_theme


def two_panels():
    apply_theme()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3))
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot([0, 1, 2], [1.0, 0.5, 0.25], label="error")
    left.fill_between([0, 1, 2], [0.9, 0.4, 0.2], [1.1, 0.6, 0.3])
    left.errorbar([1.0], [2.0], yerr=[[0.5], [0.25]], fmt="o", label="mean")
    left.set_xticks([0, 1, 2], ["off", "0.1", "1"])
    right.set_yticks([0, 1], ["L2", "dropout"])
    left.set_title("L2")
    left.set_ylabel("squared error")
    right.barh([-0.2, 0.8], [3.0, -4.0], label="bias saved (left of 0: paid)", color="#009E73")
    right.plot([9.0, 9.5], [0.0, 1.0], color="#0072B2", alpha=0.3)
    right.scatter([5.0], [6.0], label="point", color="black")
    right.axvline(0, color="grey")
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def test_the_data_are_what_is_drawn():
    frame = drawn(two_panels())
    assert set(frame["panel"]) == {"1: L2", "2"}
    error = frame[(frame["series"] == "error") & (frame["kind"] == "line") & (frame["x"] < 9)]
    assert error[["x", "y"]].to_numpy().tolist() == [[0, 1], [1, 0.5], [2, 0.25]]
    assert error["x_label"].tolist() == ["off", "0.1", "1"]
    (mean,) = frame[frame["series"] == "mean"].to_dict("records")
    assert (mean["x"], mean["y"], mean["y_low"], mean["y_high"]) == (1, 2, 1.5, 2.25)
    band = frame[frame["kind"] == "band"]
    assert band["y_low"].tolist() == [0.9, 0.4, 0.2]
    assert band["y_high"].tolist() == [1.1, 0.6, 0.3]
    bars = frame[frame["kind"] == "bars"]
    assert np.allclose(bars[["x", "y"]], [[3, -0.2], [-4, 0.8]])
    assert bars["y_label"].tolist() == ["L2", "dropout"]
    by_colour = frame[frame["x"] >= 9]
    assert by_colour["series"].tolist() == ["error"] * 2, "told by the colour of the legend"
    assert frame[frame["series"] == "point"][["x", "y"]].to_numpy().tolist() == [[5, 6]]
    assert "curve" not in frame, "one curve of a name a panel"
    assert len(frame) == 3 + 1 + 3 + 2 + 2 + 1, "the line at zero is no data"


def test_curves_of_one_name_are_told_apart():
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [[1, 2], [3, 4]], color="grey")
    frame = drawn(figure)
    assert frame["curve"].tolist() == [1, 1, 2, 2]
    assert frame["y"].tolist() == [1, 3, 2, 4]


def test_panels_stand_one_below_the_other():
    figure = two_panels()
    assert narrow(figure) is figure
    figure.canvas.draw()
    first, second = (ax.get_position() for ax in figure.axes)
    assert figure.get_figwidth() == WIDTH
    assert first.y0 > second.y1
    assert second.x0 < 0.5
    assert figure.axes[1].get_ylabel() == "squared error", "a shared label is repeated"
    (legend,) = figure.legends
    assert legend._ncols < 4
    texts = {t.get_text() for t in legend.get_texts()}
    assert texts == {"error", "bias saved (left of 0: paid)", "point", "mean"}
    left = [text.get_window_extent().x0 for text in legend.get_texts()]
    right = [text.get_window_extent().x1 for text in legend.get_texts()]
    assert min(left) >= 0
    assert max(right) <= figure.bbox.x1


def test_a_figure_without_a_grid_stays_as_it_is():
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_axes((0.1, 0.1, 0.8, 0.8))
    assert narrow(figure) is None


def test_files_are_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = []
    for _ in range(2):
        shown = exhibit(two_panels(), "a", "Why?", 'A "line".', code="x = '```'", file="s-a")
        written.append({p.name: p.read_bytes() for p in (tmp_path / "figures").iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"s-a.svg", "s-a.narrow.svg", "s-a.png", "s-a.csv"}
    assert '![Why?](figures/s-a.svg){#fig-a fig-alt="A \\"line\\"."}' in shown
    assert pd.read_csv(io.BytesIO(written[0]["s-a.csv"]))["y"].notna().sum() == 9


def test_code_of_a_figure_says_what_it_was_called_with():
    text = source_of(partial(np.mean, axis=0), "results = 1", "figure = 2")
    assert "# called with axis=0" in text
    assert "def mean(" in text
    assert "not at hand" in source_of(print, "", "")


@pytest.fixture
def rendered(studies, project):
    results, _ = studies
    first = "from wellposed_studies.reporting import open_page"
    cells = f"```{{python}}\n{first}\npage = open_page('one')\n```\n"
    body = """```{python}
page.opening('More.')
```

```{python}
#| output: asis
print(page.claims('Sizes', 'Still more.'))
print(page.closing('In no time.'))
```
"""
    project(one=f'---\ntitle: "One"\n---\n{cells}{body}\n', index='---\ntitle: "I"\n---\ntext\n')
    return rendering.render(["one", "index"], engine="embedded", results_dir=results)


def test_a_page_of_any_study_renders_and_brings_its_files_along(rendered):
    page = rendered[0].read_text(encoding="utf-8")
    offered = re.findall(r'<a download="([^"]+)" href="data:([\w/]+);base64,([^"]+)"', page)
    assert [(name, kind) for name, kind, _ in offered] == [
        ("one-line.csv", "text/csv"),
        ("one-line.png", "image/png"),
        ("one-claims.csv", "text/csv"),
        ("one-claims.png", "image/png"),
    ]
    frame = pd.read_csv(io.BytesIO(base64.b64decode(offered[0][2])))
    assert frame["series"].tolist() == ["what_y is"] * 3
    assert frame["y"].tolist() == [1.0, 2.0, 3.0]
    assert base64.b64decode(offered[1][2]).startswith(b"\x89PNG")
    assert "def line(results, ax):" in page
    assert page.count("<picture>") == 2
    assert '<nav class="neighbours"' in page
    assert 'href="index.html">All reports</a>' in page
    assert 'class="contradicted"' in page
    assert "Sizes were set on runs with other seeds" in page
    for name in ("sec-claims", "sec-manifest", "sec-all-claims"):
        assert f'<section id="{name}"' in page
        assert f'href="#{name}" id="toc-{name}"' in page
    assert "not in a git checkout" in page, "a study outside of one says so"


def test_the_pdf_has_the_answer_and_no_code(rendered):
    import pypdf

    text = "".join(page.extract_text() for page in pypdf.PdfReader(rendered[1]).pages)
    assert "1 held" in text
    assert "1 contradicted" in text
    assert "Reproduce this page" in text
    assert "def line" not in text
