"""Axes of strengths: where these stand, which have labels, and what is written beside lines."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from wellposed_studies.catalogue.bias_variance.setup import STRENGTHS
from wellposed_studies.claims import Axis
from wellposed_studies.reporting.drawing import label_ends, letters, sweeps
from wellposed_studies.reporting.drawn import drawn
from wellposed_studies.reporting.plotting import apply_theme
from wellposed_studies.reporting.strength_axis import logarithmic, place_ticks, positions

PLAIN = {"epochs": 160.0, "width": 64.0}


def axis(regularizer: str, strengths: list[float]) -> Axis:
    plain = PLAIN.get(regularizer, 0.0)
    rows = [("none", 0.0), *((regularizer, strength) for strength in strengths)]
    frame = pd.DataFrame(rows, columns=["regularizer", "strength"])
    frame = frame.merge(pd.DataFrame({"repetition": [0, 1, 2]}), how="cross")
    frame["error"] = np.random.default_rng(0).normal(size=len(frame))
    strong = "small" if plain else "large"
    return Axis.of(frame, regularizer, plain=plain, strong=strong)


def axes_of(profile: str) -> list[Axis]:
    return [axis(name, list(getattr(by, profile))) for name, by in STRENGTHS.items()]


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_labels_of_strengths_are_level_and_do_not_overlap(profile: str) -> None:
    apply_theme()
    figure = Figure(figsize=(6.5, 4.6), layout="constrained")
    sweeps(figure, axes_of(profile), unit="squared error")
    figure.draw_without_rendering()
    for ax, found in zip(figure.axes, axes_of(profile)):
        labels = ax.get_xticklabels()
        assert len(labels) >= 4
        assert any("off" in label.get_text() for label in labels)
        assert {label.get_rotation() for label in labels} == {0.0}
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2)), found.regularizer
        ticks = [*ax.get_xticks(), *ax.get_xticks(minor=True)]
        assert sorted(ticks) == pytest.approx(sorted(positions(found))), "every strength has a tick"


def test_weak_is_left_whichever_way_the_strengths_count() -> None:
    for found in axes_of("quick"):
        ax = Figure().subplots()
        place_ticks(ax, found)
        places = ax.transData.transform([(x, 0) for x in positions(found)])[:, 0]
        assert (np.diff(places) > 0).all(), found.regularizer
        low, high = ax.transAxes.transform([(0, 0), (1, 0)])[:, 0]
        assert low < places[0] < places[-1] < high


def test_only_what_is_spaced_so_is_logarithmic() -> None:
    for profile in ("quick", "full"):
        wanted = [name != "dropout" for name in STRENGTHS]
        assert [logarithmic(found) for found in axes_of(profile)] == wanted
    assert not logarithmic(axis("l2", [0.1, 0.2, 0.3]))
    assert not logarithmic(axis("l2", [1.0]))


def test_zero_stands_left_of_a_break_and_other_strengths_at_their_values() -> None:
    strengths = [0.001, 0.01, 0.1]
    found = axis("l2", strengths)
    assert positions(found)[1:].tolist() == strengths
    assert 0 < positions(found)[0] < 0.0005
    ax = Figure().subplots()
    place_ticks(ax, found)
    slashes = [float(line.get_xdata()[0]) for line in ax.lines]
    assert len(slashes) == 2
    assert all(positions(found)[0] < x < strengths[0] for x in slashes)
    linear, plain = axis("dropout", [0.2, 0.4]), axis("width", [128.0, 16.0, 1.0])
    for unbroken in (linear, plain):
        ax = Figure().subplots()
        place_ticks(ax, unbroken)
        assert not ax.lines
    assert positions(linear)[0] == 0.0


def test_the_data_of_a_figure_have_the_strengths_themselves() -> None:
    figure = Figure()
    ax = figure.subplots()
    found = axis("l2", [0.001, 0.00316, 0.01])
    ax.plot(positions(found), [1.0, 2.0, 3.0, 4.0])
    place_ticks(ax, found)
    table = drawn(figure)
    assert table["x"].tolist()[1:] == [0.001, 0.00316, 0.01]
    assert table["x_label"].fillna("").tolist() == ["off", "10⁻³", "", "10⁻²"]


@pytest.mark.parametrize("ends", [[1.0, 0.99, 0.98], [0.0, 0.0, 0.5], [9.0, 9.5, -3.0]])
def test_names_beside_lines_do_not_overlap_and_keep_their_order(ends: list[float]) -> None:
    figure = Figure(figsize=(4, 3), layout="constrained")
    ax = figure.subplots()
    ax.set(xlim=(0, 1.4), ylim=(0, 1))
    label_ends(ax, 1.0, [(y, f"line {i}", "k") for i, y in enumerate(ends)])
    figure.draw_without_rendering()
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}
    assert not any(a.overlaps(b) for a, b in combinations(boxes.values(), 2))
    heights = [boxes[f"line {i}"].y0 for i in range(len(ends))]
    assert np.argsort(heights, kind="stable").tolist() == np.argsort(ends, kind="stable").tolist()
    inside = ax.get_window_extent()
    assert all(inside.y0 - 1 <= box.y0 and box.y1 <= inside.y1 + 1 for box in boxes.values())


def test_panels_have_letters_before_their_titles() -> None:
    axes = Figure().subplots(1, 2)
    axes[0].set_title("bias", loc="left")
    letters(axes)
    assert [ax.get_title("left") for ax in axes] == ["a  bias", "b  "]
