"""What claims are made of, on drawn data: intervals cover the truth as often as they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from wellposed_studies.claims import (
    Axis,
    Estimate,
    at_least,
    least_mean,
    least_share,
    ranks,
    relative_change,
    relative_slope,
    saved_by_best,
    share_saved,
    too_much_hurts,
)
from wellposed_studies.judging.verdicts import p_value
from wellposed_studies.reporting.drawing import (
    along_axis,
    critical_differences,
    sweeps,
)
from wellposed_studies.reporting.strength_axis import strength_labels

N_STUDIES = 300


def covered(interval_of: Callable[[np.random.Generator], tuple[Estimate, float]]) -> int:
    """How often a 95 % interval has the truth inside, of `N_STUDIES` drawn studies."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(N_STUDIES):
        estimate, truth = interval_of(rng)
        low, high = estimate.at(0.95)
        inside += low <= truth <= high
    return inside


def about_95(count: int) -> bool:
    """Whether so many of `N_STUDIES` are what intervals of 94 to 97 % coverage give."""
    return (
        stats.binom.ppf(0.001, N_STUDIES, 0.94) <= count <= stats.binom.ppf(0.999, N_STUDIES, 0.97)
    )


def paired(rng: np.random.Generator, levels: list[float], n: int) -> np.ndarray:
    """Samples (m, n) of these means; most of what varies is shared by all rows."""
    common = rng.normal(size=n)
    return np.array(levels)[:, np.newaxis] * (1 + 0.3 * common) + 0.1 * rng.normal(
        size=(len(levels), n)
    )


# ------------------------------------------------------------------ two settings


@pytest.mark.parametrize("n", [8, 30])
def test_shares_of_two_settings_cover(n: int) -> None:
    def saved(rng: np.random.Generator) -> tuple[Estimate, float]:
        off, on = paired(rng, [2.0, 1.5], n)
        return share_saved(off, on), 0.25

    def changed(rng: np.random.Generator) -> tuple[Estimate, float]:
        before, after = paired(rng, [2.0, 1.5], n)
        return relative_change(after, before), -0.25

    assert about_95(covered(saved))
    assert about_95(covered(changed))


def test_saving_and_changing_are_two_views_of_one_number() -> None:
    off, on = paired(np.random.default_rng(1), [2.0, 1.5], 12)
    saved, changed = share_saved(off, on), -relative_change(on, off)
    assert saved.value == pytest.approx(changed.value, rel=1e-12)
    assert saved.at(0.99) == pytest.approx(changed.at(0.99), rel=1e-9)


def test_what_is_paired_is_paired() -> None:
    with pytest.raises(ValueError, match="one entry a repetition each"):
        share_saved(np.ones(3), np.ones(4))
    off, on = paired(np.random.default_rng(2), [2.0, 1.9], 20)
    shuffled = np.random.default_rng(3).permutation(on)
    widths = [np.ptp(share_saved(off, other).at(0.95)) for other in (on, shuffled)]
    assert widths[0] < 0.5 * widths[1], "what the repetitions share is not noise"


# ------------------------------------------------------------------ least of several


@pytest.mark.parametrize("levels", [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
def test_a_claim_on_the_least_of_several_is_seldom_held_falsely(levels: list[float]) -> None:
    """The least mean is 1 and the claim that it is at least 1 may be held 2.5 % of the time."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(N_STUDIES):
        samples = rng.normal(size=(3, 12)) + np.array(levels)[:, np.newaxis]
        held += at_least(1.0).contains(*least_mean(samples).at(0.95))
    assert held <= stats.binom.ppf(0.999, N_STUDIES, 0.025)


def test_the_least_share_covers_where_one_is_least() -> None:
    def least(rng: np.random.Generator) -> tuple[Estimate, float]:
        parts, wholes = np.split(paired(rng, [0.5, 0.9, 1.2, 2.0, 2.0, 2.0], 20), 2)
        return least_share(parts, wholes, ["a", "b", "c"]), 0.25

    assert about_95(covered(least))
    assert least(np.random.default_rng(0))[0].note == "a"


# ------------------------------------------------------------------ along an axis


def axis(rng: np.random.Generator, levels: list[float], name: str = "l2", n: int = 24) -> Axis:
    """Errors of these means at off and at the strengths 1, 2, ...; bias is a tenth of them."""
    frames = [
        pd.DataFrame({"repetition": range(n), "error": row, "bias": row / 10}).assign(
            strength=float(k), regularizer=name if k else "none"
        )
        for k, row in enumerate(paired(rng, levels, n))
    ]
    return Axis.of(pd.concat(frames), name)


LEVELS = [2.0, 1.6, 1.0, 1.5, 3.0]


@pytest.mark.slow
def test_what_the_chosen_strength_saves_covers() -> None:
    """Strength 2 is always the one that is chosen; it saves half."""

    def saved(rng: np.random.Generator) -> tuple[Estimate, float]:
        return axis(rng, LEVELS).saved_by_chosen(), 0.5

    def best(rng: np.random.Generator) -> tuple[Estimate, float]:
        worse = axis(rng, [2.0, 1.9, 1.8], "dropout")
        better = axis(rng, LEVELS)
        off = worse.frame["regularizer"] == "none"
        better.frame.loc[better.frame["regularizer"] == "none", "error"] = worse.frame.loc[
            off, "error"
        ].to_numpy()
        return saved_by_best([worse, better]), 0.5

    assert about_95(covered(saved))
    assert best(np.random.default_rng(0))[0].note == "L2"
    assert best(np.random.default_rng(0))[0].value == pytest.approx(0.5, abs=0.2)


@pytest.mark.slow
def test_where_nothing_helps_choosing_does_not_look_like_a_gain() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(N_STUDIES):
        held += p_value(axis(rng, [2.0] * 6).saved_by_chosen(), at_least(1e-9)) <= 0.05
    assert held <= stats.binom.ppf(0.999, N_STUDIES, 0.03)


@pytest.mark.slow
def test_how_much_too_much_hurts_covers() -> None:
    def hurts(rng: np.random.Generator) -> tuple[Estimate, float]:
        return too_much_hurts([axis(rng, LEVELS), axis(rng, [2.0, 1.0, 5.0], "dropout")]), 1.0

    assert about_95(covered(hurts))
    assert hurts(np.random.default_rng(0))[0].note == "L2"


@pytest.mark.slow
def test_slopes_cover() -> None:
    steps = np.arange(5) - 2.0
    true = float(steps @ LEVELS / (steps @ steps) / 10 / LEVELS[0])

    def slope(rng: np.random.Generator) -> tuple[Estimate, float]:
        return relative_slope([axis(rng, LEVELS)], {"bias": 1}), true

    assert about_95(covered(slope))


def test_an_axis_is_of_one_data_set_and_one_regularizer() -> None:
    frame = axis(np.random.default_rng(0), LEVELS).frame
    with pytest.raises(KeyError, match="no regularizer 'l1' in the table; there are l2"):
        Axis.of(frame, "l1")
    with pytest.raises(ValueError, match="rows of one data set"):
        Axis.of(pd.concat([frame, frame]), "l2").matrix("error")
    with pytest.raises(ValueError, match="expected 'large' or 'small'"):
        Axis.of(frame, "l2", strong="high")


def test_an_axis_goes_from_weak_to_strong_with_the_plain_network_in_its_place() -> None:
    rows = [("none", 0.0, 1.0), ("width", 8.0, 3.0), ("width", 128.0, 2.0), ("width", 1.0, 4.0)]
    frame = pd.DataFrame(rows, columns=["regularizer", "strength", "error"]).assign(repetition=0)
    found = Axis.of(frame, "width", plain=64.0, strong="small")
    assert found.strengths == [128.0, 64.0, 8.0, 1.0]
    assert found.off == 1
    assert found.matrix("error").ravel().tolist() == [2.0, 1.0, 3.0, 4.0]
    assert strength_labels(found) == ["128", "64\n(off)", "8", "1"]


# ------------------------------------------------------------------ several methods


def test_methods_that_are_alike_are_seldom_told_apart() -> None:
    """Of all pairs of five at once, at most in one study of twenty."""
    rng, apart, friedman = np.random.default_rng(0), 0, 0
    for _ in range(N_STUDIES):
        found = ranks(pd.DataFrame(rng.normal(size=(15, 5))))
        apart += np.ptp(found.mean) > found.critical_difference()
        friedman += found.p_value <= 0.05
    low, high = stats.binom.ppf([0.001, 0.999], N_STUDIES, [0.03, 0.06])
    assert low <= apart <= high
    assert low <= friedman <= high


def test_a_better_method_is_ahead() -> None:
    rng = np.random.default_rng(1)
    losses = pd.DataFrame(rng.normal(size=(20, 4)), columns=list("abcd"))
    losses["c"] -= 3.0
    found = ranks(losses)
    assert found.mean.index[0] == "c"
    assert found.ahead("c", "a").at(0.95)[0] > 0
    assert not at_least(0).contains(*found.ahead("a", "b").at(0.95))
    by_hand = losses.apply(lambda row: stats.rankdata(row), axis=1, result_type="expand").mean()
    assert found.mean.sort_index().tolist() == pytest.approx(by_hand.tolist())


def test_critical_differences_are_demsars() -> None:
    """Table 5 of Demšar (2006): q for 95 %, of 2 to 10 methods."""
    for k, q in {3: 2.343, 4: 2.569, 5: 2.728, 8: 3.031, 10: 3.164}.items():
        found = ranks(pd.DataFrame(np.random.default_rng(0).normal(size=(30, k))))
        expected = q * np.sqrt(k * (k + 1) / (6 * 30))
        assert found.critical_difference() == pytest.approx(expected, rel=1e-3)


def test_two_methods_are_no_matter_of_ranks() -> None:
    with pytest.raises(ValueError, match="Compare two methods by `share_saved`"):
        ranks(pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}))


# ------------------------------------------------------------------ figures


def test_a_sweep_has_a_panel_for_each_regularizer() -> None:
    rng = np.random.default_rng(0)
    axes = [axis(rng, LEVELS), axis(rng, LEVELS[:3], "dropout"), *[axis(rng, LEVELS, "l1")] * 2]
    figure = Figure()
    sweeps(figure, axes, unit="squared error")
    drawn = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_xlabel() for ax in drawn] == ["L2 →", "dropout →", "L1 →", "L1 →"]
    assert drawn[0].get_ylabel() == "squared error"
    mean, marked = drawn[0].lines[0], drawn[0].lines[1]
    assert mean.get_ydata() == pytest.approx(axes[0].matrix("error").mean(axis=1))
    assert marked.get_xdata()[0] == 2, "the strength with the smallest error"
    assert [label.get_text() for label in drawn[1].get_xticklabels()] == ["off", "1", "2"]


def test_along_an_axis_bands_are_the_intervals() -> None:
    found = axis(np.random.default_rng(0), LEVELS)
    ax = Figure().subplots()
    along_axis(ax, found, label="errors")
    ends = ax.collections[0].get_paths()[0].vertices[:, 1]
    reach = stats.t.ppf(0.975, 23) * found.matrix("error")[4].std(ddof=1) / np.sqrt(24)
    assert ends.max() == pytest.approx(found.matrix("error")[4].mean() + reach)
    assert ax.get_legend_handles_labels()[1] == ["errors"]


def test_bars_join_methods_that_are_not_told_apart() -> None:
    losses = pd.DataFrame(np.tile([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (12, 1)), columns=list("abcdef"))
    ax = Figure().subplots()
    critical_differences(ax, ranks(losses))
    bars = [line.get_ydata().tolist() for line in ax.lines[1:]]
    assert bars == [[-0.2, 2.2], [0.8, 3.2], [1.8, 4.2], [2.8, 5.2]]  # 2.18 ranks apart
    assert [label.get_text() for label in ax.get_yticklabels()] == list("abcdef")
