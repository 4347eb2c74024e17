"""What the reports share: Markdown tables and the figures' theme."""

from __future__ import annotations

import html
import io
import logging
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies import catalogue, discovery
from wellposed_studies.rendering.sources import choose
from wellposed_studies.reporting import plotting
from wellposed_studies.runner import run
from wellposed_studies.running.plan import Selection

STUDY = """
from wellposed_studies import Study
from wellposed_studies.claims import at_least, exact

study = Study(title="Small {name}", summary="Three numbers.")
about = {{"measured": "x", "oracle": "-"}}


@study.data("none", task="regression")
def none(rng, profile):
    return {{"a": 1.0}}


@study.experiment(x=[1, 2, 3])
def small(cell, x):
    return {{"y": float(x)}}


@study.claim("True_ish.", at_least(1), source="7.1", **about)
def yes(results):
    return exact(2.0)


@study.claim("False.", at_least(3), source="7.2", **about)
def no(results):
    return exact(2.0)


@study.claim("Broken.", at_least(0), source="7.3", **about)
def broken(results):
    return 1 / 0
"""


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """Two studies, `one` run and `two` not, in place of the built-in ones, also in kernels."""
    folder = tmp_path / "studies"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(STUDY.format(name=name))
    (tmp_path / "sitecustomize.py").write_text(
        f"import wellposed_studies.catalogue as catalogue\ncatalogue.__path__ = [{str(folder)!r}]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(catalogue, "__path__", [str(folder)])
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    yield results, run(Selection("one", "quick", 0), results)
    discovery._built_in.cache_clear()
    for name in ("one", "two"):
        sys.modules.pop(f"{catalogue.__name__}.{name}", None)


def cells(markdown: str) -> list[list[str]]:
    """What is read in each cell of a table."""
    markdown = html.unescape(re.sub(r"\[([^]]*)\]\{\.given(-code)?\}", r"\1", markdown))
    lines = [line for line in markdown.splitlines() if not line.startswith(("|:", "|-"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_study_table_counts_verdicts_and_names_what_was_not_run(studies, tmp_path):
    results, _ = studies
    (tmp_path / "one.qmd").touch()
    (tmp_path / "two.qmd").touch()
    assert cells(plotting.study_table(results)) == [
        ["Study", "Profile", "Held", "Failed", "of these undecided", "Not run"],
        ["[Small one](one.html)", "quick", "1", "1", "0", "1"],
        ["Small two", "not run yet", "0", "0", "0", "3"],
    ]


def test_reports_of_studies_that_were_not_run_are_left_out_aloud(studies, tmp_path, caplog):
    results, _ = studies
    for name in ("one", "two", "index"):
        (tmp_path / f"{name}.qmd").touch()
    with caplog.at_level(logging.WARNING):
        assert choose([], tmp_path, results) == ["one", "index"]
    assert "wellposed run two" in caplog.text
    with pytest.raises(rendering.RenderError, match=r"wellposed run two --results .*results"):
        choose(["two"], tmp_path, results)


def test_where_nothing_was_run_nothing_is_written(studies, project, tmp_path):
    project(index='---\ntitle: "Index"\n---\ntext\n', one='---\ntitle: "One"\n---\ntext\n')
    with pytest.raises(
        rendering.RenderError, match=r"no finished run of any study.*wellposed run --results"
    ):
        rendering.render(engine="embedded", results_dir=tmp_path / "nowhere")


def test_the_index_renders_when_only_some_studies_were_run(studies, project):
    results, _ = studies
    index = (rendering.reports_folder() / "index.qmd").read_text(encoding="utf-8")
    project(index=index, one='---\ntitle: "One"\n---\ntext\n', two='---\ntitle: "Two"\n---\ntext\n')
    written = rendering.render(formats=["html"], engine="embedded", results_dir=results)
    assert [path.name for path in written] == ["one.html", "index.html"]
    page = written[1].read_text(encoding="utf-8")
    assert '<a href="one.html">Small one</a>' in page
    assert "Small two" in page
    assert "two.html" not in page


def test_a_report_without_results_says_how_to_make_them(studies, project):
    results, _ = studies
    cell = "```{python}\nimport wellposed_studies\nwellposed_studies.load('two');\n```\n"
    project(extra='---\ntitle: "Two"\n---\n' + cell)
    with pytest.raises(rendering.RenderError, match="Make one with: wellposed run two") as caught:
        rendering.render(["extra"], engine="embedded", results_dir=results)
    assert caught.value.line == 6


def test_verdicts_are_words_with_intervals(studies):
    _, finished = studies
    rows = cells(plotting.verdict_table(finished.verdicts))
    assert [row[0] for row in rows[1:]] == ["**held**", "**FAILED**", "not run"]
    assert rows[1][1:] == ["True_ish.", "2: x", "≥ 1", "7.1"]
    assert "ZeroDivisionError" in rows[3][2]


def test_intervals_are_shown():
    row = {key: key for key in ("statement", "measured", "threshold", "source", "reason")}
    row |= {"verdict": "held", "value": 0.31234, "low": -0.2, "high": 0.41234, "n": 7, "data": ""}
    text = "0.312 (−0.2 to 0.412, n = 7): measured"
    assert text in plotting.verdict_table(pd.DataFrame([row]))


def test_failures_say_what_is_contradicted_and_what_is_open(studies):
    _, finished = studies
    assert "These claims did not hold" in plotting.failures(finished.verdicts)
    held = finished.verdicts[finished.verdicts["verdict"] == "held"]
    assert plotting.failures(held) == "Every claim held."
    others = finished.verdicts[finished.verdicts["verdict"] != "failed"]
    assert plotting.failures(others) == "No claim failed, and 1 were not run."
    row = {"statement": "So.", "measured": "mm", "threshold": "≥ 0", "verdict": "failed"}
    row |= {"value": -1.0, "low": -2.0, "high": 0.5, "n": 7, "reason": "undecided: across"}
    line = (
        "- So. Measured was −1 (−2 to 0.5, n = 7), required [≥ 0]{.given}: mm. *Undecided: across.*"
    )
    assert plotting.failures(pd.DataFrame([row])).endswith(line)


def test_the_manifest_says_what_ran(studies):
    _, finished = studies
    rows = dict(cells(plotting.manifest_block(finished.manifest))[1:])
    assert rows["Study"].startswith("one, version")
    assert rows["Run"].startswith("quick profile, 3 cells, 1 repetitions, seed 0, finished 20")
    assert f"numpy {np.__version__}" in rows["Versions"]
    assert finished.manifest["data"]["none"]["digest"][:12] in rows["Data: none"]


def test_a_table_without_rows_is_an_error():
    with pytest.raises(ValueError, match="at least one row"):
        plotting.table([])


def test_a_pipe_in_a_cell_does_not_break_the_table():
    assert r"| \|w\| |" in plotting.table([{"a": "|w|"}])


def test_wide_columns_get_the_room():
    rule = plotting.table([{"a": "x", "b": "y" * 100}]).splitlines()[1]
    first, second = rule.strip("|").split("|")
    assert len(second) > 5 * len(first)


def test_figures_are_outlines_and_repeat():
    from matplotlib.figure import Figure

    def draw() -> str:
        plotting.apply_theme()
        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], label="a")
        axes.set_clip_on(True)
        axes.legend()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()

    assert draw() == draw()
    assert "<text" not in draw()


def test_colours_are_told_apart_on_white():
    """Contrast of at least 2 to 1 with white for lines, and all different."""

    def luminance(colour: str) -> float:
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    assert all(1.05 / (luminance(colour) + 0.05) >= 2 for colour in plotting.PALETTE)
    assert len(set(plotting.PALETTE)) == len(plotting.PALETTE)
