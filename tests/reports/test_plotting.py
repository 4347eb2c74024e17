"""What is in a report's cells: tables of claims and records, numbers, the figures' theme."""

from __future__ import annotations

import html
import io
import logging
import re

import numpy as np
import pandas as pd
import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies.rendering.sources import choose
from wellposed_studies.reporting import plotting
from wellposed_studies.reporting.claims_shown import not_held, strip, verdict_table
from wellposed_studies.reporting.gallery import gallery, total
from wellposed_studies.reporting.markdown import evidence, number, table
from wellposed_studies.reporting.record import data_table, manifest_block, reproduce


def cells(markdown: str) -> list[list[str]]:
    """What is read in each cell of a table."""
    markdown = html.unescape(re.sub(r"\[([^]]*)\]\{\.given(-code)?\}", r"\1", markdown))
    lines = [line for line in markdown.splitlines() if not line.startswith(("|:", "|-"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_gallery_has_a_card_for_each_study_with_its_counts(studies, tmp_path):
    results, _ = studies
    (tmp_path / "one.qmd").touch()
    (tmp_path / "two.qmd").touch()
    one, two = gallery(results).split("::: {.card")[1:]
    assert 'held="1" contradicted="1" undecided="0" not-run="1"' in one
    assert "[Small one](one.html)" in one
    assert 'image="figures/card-one.svg"' in one
    assert (tmp_path / "figures" / "card-one.svg").read_text().startswith("<?xml")
    assert "two.html" not in two
    assert "3 claims wait for [wellposed run two]{.given-code}" in html.unescape(two)
    assert total(results) == "3 claims of 1 study: 1 held, 1 contradicted, 0 undecided, 1 not run."


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
    assert '<div class="card">' in page
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
    rows = cells(verdict_table(finished.verdicts))
    assert [row[0] for row in rows[1:]] == ["● held", "**✕ contradicted**", "**– not run**"]
    source = "sec. 7.1; sec. 7, introduction; Hoerl 1970"
    assert rows[1][1:] == ["yes True_ish.", "2: x", "≥ 1", source]
    assert "ZeroDivisionError" in rows[3][2]


def test_intervals_are_shown():
    row = {key: key for key in ("statement", "measured", "threshold", "source", "reason")}
    row |= {"verdict": "held", "value": 0.31234, "low": -0.2, "high": 0.41234, "n": 7, "data": ""}
    text = "0.312 (−0.2 to 0.412, n = 7): measured"
    assert text in verdict_table(pd.DataFrame([row]))


def test_a_number_is_not_rounded_to_one_that_it_is_not():
    row = {"value": 0.9996473, "low": 0.9995474, "high": 0.9997472, "n": 12}
    assert evidence(row) == "0.99965 (0.99955 to 0.99975, n = 12)"
    assert evidence({"value": 0.99997, "low": 0.99997, "high": 0.99997, "n": 1}) == "0.99997"
    assert evidence({"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}) == "1"
    assert evidence({"value": 0.5, "low": -np.inf, "high": np.inf, "n": 3}) == (
        "0.5 (−inf to inf, n = 3)"
    )


def test_powers_of_ten_are_written_as_such():
    assert number(0.8, 1) == "0.8"
    assert number(8e-15, 1) == "8\u00a0×\u00a010⁻¹⁵"
    assert number(1e-6) == "10⁻⁶"
    assert number(1.5e8) == "1.5\u00a0×\u00a010⁸"


def test_what_did_not_hold_is_told_with_its_numbers(studies):
    _, finished = studies
    assert "These claims did not hold" in not_held(finished.verdicts)
    held = finished.verdicts[finished.verdicts["verdict"] == "held"]
    assert not_held(held) == "Every claim held."
    others = finished.verdicts[finished.verdicts["verdict"] != "failed"]
    assert not_held(others) == "No claim failed, and 1 were not run."
    row = {"statement": "So.", "measured": "mm", "threshold": "≥ 0", "verdict": "failed"}
    row |= {"value": -1.0, "low": -2.0, "high": 0.5, "n": 7, "reason": "undecided: across"}
    line = (
        "- So. Measured was −1 (−2 to 0.5, n = 7), required [≥ 0]{.given}: mm. *Undecided: across.*"
    )
    assert not_held(pd.DataFrame([row | {"data": ""}])).endswith(line)
    perfect = pd.DataFrame([row | {"data": "", "threshold": "≥ 1", "value": 1.0, "high": 1.0}])
    for shown in (not_held(perfect), strip(perfect)):
        assert "7 repetitions cannot decide it" in shown
    assert "cannot decide" not in strip(perfect.assign(value=0.9))


def test_the_strip_names_what_did_not_hold(studies):
    _, finished = studies
    shown = strip(finished.verdicts)
    assert 'held="1" contradicted="1" undecided="0" not-run="1"' in shown
    assert "- **contradicted**: False." in shown
    assert "- **not run**: Broken." in shown
    assert "True" not in shown
    held = strip(finished.verdicts[finished.verdicts["verdict"] == "held"])
    assert "All [1 claims](#sec-all-claims) held." in held


def test_the_manifest_says_what_ran(studies):
    _, finished = studies
    rows = dict(cells(manifest_block(finished.manifest))[1:])
    assert rows["Study"].startswith("one, version")
    assert rows["Run"].startswith("quick profile, 3 cells, 1 experiment, 1 repetitions, seed 0, ")
    assert f"numpy {np.__version__}" in rows["Versions"]
    header, data = cells(data_table(finished.manifest, finished.data))
    assert header[:5] == ["Data", "Rows", "Columns", "Train", "Test"]
    assert data[:5] == ["none", "–", "–", "–", "–"]
    assert finished.manifest["data"]["none"]["digest"][:12] == data[-1]


def test_sizes_of_data_are_told_whatever_their_arrays_are_called():
    X, y = np.zeros((30, 4)), np.zeros(30)
    record = {"source": "", "digest": "0" * 64}
    given = {
        "pool": {"X_pool": X, "y_pool": y, "X_test": X[:9], "y_test": y[:9], "n_train": 12},
        "drawn": {"n": 20, "p": 60},
        "whole": {"X": X, "target": y, "X_train": X[:5], "X_test": X[5:]},
    }
    shown = cells(data_table({"data": dict.fromkeys(given, record)}, given.__getitem__))
    assert [row[1:5] for row in shown[1:]] == [
        ["39", "4", "12", "9"],
        ["–", "60", "20", "–"],
        ["30", "4", "5", "25"],
    ]


def test_the_commands_that_make_a_page_again_can_be_pasted(studies, monkeypatch):
    _, finished = studies
    finished.manifest["own_table"] = {"path": "it's $5.csv", "target": "a b", "task": "regression"}
    monkeypatch.setenv("WELLPOSED_RESULTS_WRITTEN", "my results")
    shown = reproduce(finished).replace(" \\\n ", "")
    command = "wellposed run one --profile quick --data 'it'\"'\"'s $5.csv' --target 'a b' --task"
    assert f"{command} regression --results 'my results'\n" in shown
    assert "\nwellposed report one --results 'my results'\n" in shown
    monkeypatch.setenv("WELLPOSED_RESULTS_WRITTEN", "results")
    assert "\nwellposed report one\n" in reproduce(finished)


def test_a_table_without_rows_is_an_error():
    with pytest.raises(ValueError, match="at least one row"):
        table([])


def test_a_pipe_in_a_cell_does_not_break_the_table():
    assert r"| \|w\| |" in table([{"a": "|w|"}])


def test_wide_columns_get_the_room():
    rule = table([{"a": "x", "b": "y" * 100}]).splitlines()[1]
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
