"""The figure of all claims: margins against thresholds, groups, signs; what is told in words."""

from __future__ import annotations

from math import inf, nan

import pandas as pd
import pytest

from wellposed_studies.reporting.forest import (
    NARROW,
    bounds,
    described,
    forest,
    groups,
    labels,
    margins,
    upper_end,
)
from wellposed_studies.reporting.standing import standing, tally


def row(
    claim, threshold, value, low, high, verdict="held", reason="", measured="ratio", kind="claim"
):
    return {
        "claim": claim,
        "statement": "",
        "measured": measured,
        "threshold": threshold,
        "value": value,
        "low": low,
        "high": high,
        "verdict": verdict,
        "reason": reason,
        "kind": kind,
        "n": 9,
        "level": 0.99,
    }


@pytest.fixture
def verdicts():
    return pd.DataFrame(
        [
            row("trade-pays-l2", "≥ 0.5", 1.5, 1.0, 2.0),
            row("trade-pays-l1", "≥ 0.5", 0.0, -0.5, 0.4, "failed", "contradicted: all outside"),
            row("small", "≤ 1e-06", 1e-7, 1e-7, 1e-7, measured="distance"),
            row("within", "in [0.9, 1.1]", 1.0, 0.95, 1.2, "failed", "undecided: across", "slope"),
            row("sum", "≤ 0", 0.0, 0.0, 0.0, measured="error", kind="identity"),
            row("open", "≥ 0", 1.0, -inf, inf, "failed", "undecided: all agree", "difference"),
            row("missing", "≥ 0", nan, nan, nan, "not run", "no data", "nothing"),
        ]
    )


def test_claims_on_one_quantity_with_one_threshold_share_a_scale(verdicts):
    found = groups(verdicts)
    assert [len(group.rows) for group in found] == [2, 1, 1, 1, 1]
    assert labels(found[0]) == ["l2", "l1"]
    first, second = margins(found[0])
    assert first == pytest.approx((1 / 1.5, 0.5 / 1.5, 1.0))
    assert second == pytest.approx((-0.5 / 1.5, -1 / 1.5, -0.1 / 1.5))


def test_right_is_what_was_claimed_whichever_way_the_threshold_points(verdicts):
    small, within, open_still, _ = groups(verdicts)[1:]
    assert margins(small) == [pytest.approx((1.0, 1.0, 1.0))]
    (value, low, high), end = margins(within)[0], upper_end(within)
    assert 0 < low < value < end < high == 1.0, "it reaches across the upper end"
    assert margins(open_still) == [(1.0, -inf, inf)]
    assert bounds("≥ -0.05") == (-0.05, inf)


@pytest.mark.parametrize("width", [6.5, NARROW])
def test_what_is_drawn_agrees_with_the_verdicts(verdicts, width):
    figure = forest(verdicts, width)
    (axes,) = figure.axes
    texts = {text.get_text() for text in axes.texts}
    assert {"l2", "l1", "small", "within", "open", "not run"} <= texts
    assert ("1.5 (1 to 2)" in texts) == (width > 5)
    assert ("≤ 10⁻⁶" in texts) == (width > 5)
    markers = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    colours = [line.get_color() for line in markers]
    assert colours == ["#0072B2", "#D55E00", "#0072B2", "#52606d", "#52606d"]
    assert [line.get_marker() for line in markers] == ["o", "X", "o", "o", "o"]
    assert markers[3].get_markerfacecolor() == "white", "open sign: undecided"
    assert markers[0].get_xdata()[0] > 0 > markers[1].get_xdata()[0]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == [
        "held (2)",
        "contradicted (1)",
        "undecided (2)",
        "not run (1)",
    ]
    figure.canvas.draw()
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights["l1"] == heights["l2"] + 1, "a family has one heading, its claims a line each"
    assert heights["small"] > heights["l1"] + 1, "a claim that is none of them stands apart"
    assert heights["within"] == heights["small"] + 1


@pytest.mark.parametrize("width", [6.5, NARROW])
def test_no_name_is_cut_off_and_numbers_stay_where_they_are(verdicts, width):
    long = verdicts.assign(claim=[f"{'wide' * 7}{i}" for i in range(len(verdicts))])
    figures = [forest(each, width) for each in (verdicts, long)]
    for figure in figures:
        figure.canvas.draw()
        (axes,) = figure.axes
        assert min(text.get_window_extent().x0 for text in axes.texts) >= 0
    assert figures[0].axes[0].bbox.x1 == figures[1].axes[0].bbox.x1
    assert figures[0].axes[0].bbox.x0 < figures[1].axes[0].bbox.x0


def test_the_figure_in_words(verdicts):
    text = described(verdicts)
    assert "6 claims in 5 groups" in text
    assert "1 contradicted: trade-pays-l1" in text
    assert "2 undecided: within, open" in text


def test_identities_are_counted_apart(verdicts):
    found = tally(verdicts)
    assert found.counts == {"held": 2, "contradicted": 1, "undecided": 2, "not run": 1}
    assert (found.claims, found.identities, found.checked) == (6, 1, 1)
    assert str(found + found).startswith("4 held, 2 contradicted, 4 undecided, 2 not run")


def test_what_is_not_a_number_is_not_contradicted():
    assert standing(row("a", "≥ 0", nan, nan, nan, "failed", "is not a number")) == "undecided"
    assert standing(row("a", "≥ 0", -1.0, -1.0, -1.0, "failed")) == "contradicted"
