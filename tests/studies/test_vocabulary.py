"""What claims are made of, on drawn data: intervals cover the truth as often as they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from wellposed_studies.claims import (
    Axis,
    Estimate,
    allowing_for,
    at_least,
    change_of_log_slope,
    decade_changes,
    halves,
    largest_spread_left,
    least_mean,
    least_share,
    level_for_all,
    mean,
    mean_difference,
    peak_inside,
    range_in_last_decade,
    ranks,
    relative_change,
    relative_slope,
    saved_by_best,
    share_saved,
    standard_errors_off,
    too_much_hurts,
)
from wellposed_studies.judging.verdicts import p_value
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


def seldom(count: int, share: float = 0.025) -> bool:
    """Whether so many of `N_STUDIES` are what happens in this share of them, or less."""
    return count <= stats.binom.ppf(0.999, N_STUDIES, share)


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


def test_a_paired_difference_and_what_allows_for_a_bias_cover() -> None:
    def differs(rng: np.random.Generator) -> tuple[Estimate, float]:
        a, b = paired(rng, [2.0, 1.5], 12)
        return mean_difference(a, b), 0.5

    def biased(rng: np.random.Generator) -> tuple[Estimate, float]:
        x = rng.normal(size=30) + 0.3 * rng.normal()
        return allowing_for(mean(x), 0.3), 0.0

    assert about_95(covered(differs))
    assert about_95(covered(biased))
    alone = covered(lambda rng: (mean(rng.normal(size=30) + 0.3 * rng.normal()), 0.0))
    assert alone < 0.8 * N_STUDIES, "an interval that does not allow for it is too short"


def test_many_intervals_hold_at_once() -> None:
    """Nine of ten means have one error in common, and one has its own."""
    rng, level, together = np.random.default_rng(0), level_for_all(10), 0
    for _ in range(N_STUDIES):
        common, own = rng.normal(size=(2, 12))
        samples = [*(common + 0.5 * rng.normal(size=(9, 12))), own]
        ends = [mean(x).at(level) for x in samples]
        together += all(low <= 0 <= high for low, high in ends)
    assert seldom(N_STUDIES - together, 0.05)


def test_standard_errors_are_those_of_students_test() -> None:
    x = np.random.default_rng(0).normal(size=(20, 8))
    expected = np.abs(stats.ttest_1samp(x, 0.3, axis=1).statistic)
    assert [standard_errors_off(row, 0.3) for row in x] == pytest.approx(expected.tolist())


def test_how_much_spread_is_left_covers() -> None:
    def left(rng: np.random.Generator) -> tuple[Estimate, float]:
        off = rng.normal(size=(2, 15, 20))
        a, b = (share * off + 0.1 * rng.normal(size=(15, 20)) for share in (0.2, 0.6))
        return largest_spread_left({"a": (a[0], off[0]), "b": (b[1], off[1])}), np.hypot(0.6, 0.1)

    assert about_95(covered(left))
    assert left(np.random.default_rng(0))[0].note == "b"


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
    assert seldom(held)


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


class Drawn(Axis):
    """The same, made at once; `off` are the errors without regularizer, if given."""

    def __init__(
        self,
        rng: np.random.Generator,
        levels: list[float],
        name: str = "l2",
        n: int = 24,
        off: np.ndarray | None = None,
    ) -> None:
        settings = [("none", 0.0), *((name, float(k)) for k in range(1, len(levels)))]
        super().__init__(name, settings, [s for _, s in settings], 0, NO_ROWS)
        errors = paired(rng, levels, n)
        errors[0] = errors[0] if off is None else off
        object.__setattr__(self, "errors", errors)

    def matrix(self, column: str) -> np.ndarray:
        return self.errors / {"error": 1, "bias": 10}[column]


NO_ROWS = pd.DataFrame()


def test_what_the_chosen_strength_saves_covers() -> None:
    """Strength 2 is always the one that is chosen; it saves half."""

    def saved(rng: np.random.Generator) -> tuple[Estimate, float]:
        return Drawn(rng, LEVELS).saved_by_chosen(), 0.5

    def best(rng: np.random.Generator) -> tuple[Estimate, float]:
        worse = Drawn(rng, [2.0, 1.9, 1.8], "dropout")
        better = Drawn(rng, LEVELS, off=worse.matrix("error")[0])
        return saved_by_best([worse, better]), 0.5

    assert about_95(covered(saved))
    assert about_95(covered(best))
    assert best(np.random.default_rng(0))[0].note == "L2"


def test_where_nothing_helps_choosing_does_not_look_like_a_gain() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(N_STUDIES):
        held += p_value(Drawn(rng, [2.0] * 6).saved_by_chosen(), at_least(1e-9)) <= 0.05
    assert seldom(held, 0.03)


def test_how_much_too_much_hurts_covers() -> None:
    def hurts(rng: np.random.Generator) -> tuple[Estimate, float]:
        return too_much_hurts([Drawn(rng, LEVELS), Drawn(rng, [2.0, 1.0, 5.0], "dropout")]), 1.0

    assert about_95(covered(hurts))
    assert hurts(np.random.default_rng(0))[0].note == "L2"


def test_slopes_cover() -> None:
    steps = np.arange(5) - 2.0
    true = float(steps @ LEVELS / (steps @ steps) / 10 / LEVELS[0])

    def slope(rng: np.random.Generator) -> tuple[Estimate, float]:
        return relative_slope([Drawn(rng, LEVELS)], {"bias": 1}), true

    def least(rng: np.random.Generator) -> tuple[Estimate, float]:
        steeper = Drawn(rng, [2.0, 3.0, 4.0, 5.0, 6.0], "dropout")
        return relative_slope([steeper, Drawn(rng, LEVELS)], {"bias": 1}), true

    assert about_95(covered(slope))
    assert about_95(covered(least))
    assert least(np.random.default_rng(0))[0].note == "L2"


def test_that_all_of_several_rise_is_seldom_held_falsely() -> None:
    """None of three does."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(N_STUDIES):
        axes = [Drawn(rng, [2.0] * 4, name, n=12) for name in ("l1", "l2", "dropout")]
        held += at_least(0).contains(*relative_slope(axes, {"bias": 1}).at(0.95))
    assert seldom(held)


def test_a_peak_covers_and_is_seldom_held_where_there_is_none() -> None:
    def peak(rng: np.random.Generator, levels: list[float]) -> Estimate:
        samples = rng.normal(size=(4, 24)) + np.array(levels)[:, np.newaxis]
        return peak_inside(*(samples[:, part] for part in halves(24)))

    assert about_95(covered(lambda rng: (peak(rng, [0.0, 1.0, 5.0, 3.0]), 2.0)))
    rng = np.random.default_rng(0)
    flat = sum(peak(rng, [0.0, 1.0, 1.0, 1.0]).at(0.95)[0] >= 0 for _ in range(N_STUDIES))
    assert seldom(flat)
    with pytest.raises(ValueError, match="2 settings have none between the ends"):
        peak_inside(np.zeros((2, 4)), np.zeros((2, 4)))


def test_powers_of_the_steps_change_as_they_should() -> None:
    """Their slope against log step is 10**power times as large in the next decade."""
    steps, powers = np.logspace(0, 4, 41), np.array([0.5, 0.1, -0.2])
    change = change_of_log_slope(steps, steps[:, np.newaxis] ** powers)
    assert change[:2] == pytest.approx(10 ** powers[:2] - 1)
    assert np.isinf(change[2]), "it falls"
    ranges = range_in_last_decade(steps, steps[:, np.newaxis] ** powers)
    assert ranges == pytest.approx(10 ** np.abs(powers) - 1)
    assert decade_changes(steps, np.log10(steps)[:, np.newaxis]) == pytest.approx(np.ones((3, 1)))


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


def test_by_how_much_methods_are_ahead_covers_for_all_pairs_at_once() -> None:
    """Nemenyi's intervals are made for methods that are alike, and wider than others need."""
    rng, shifts, inside = np.random.default_rng(0), np.array([0.0, 0.2, 0.5, 1.5]), 0
    worse = stats.norm.cdf((shifts[:, np.newaxis] - shifts) / np.sqrt(2))
    expected = 0.5 + worse.sum(axis=1)  # mean ranks: how many others have less loss, and one
    for _ in range(N_STUDIES):
        found = ranks(pd.DataFrame(rng.normal(size=(12, 4)) + shifts))
        off = found.mean.sort_index().to_numpy() - expected
        a, b = off.argmin(), off.argmax()  # all intervals are of one width, and this is worst
        low, high = found.ahead(a, b).at(0.95)
        inside += low <= expected[b] - expected[a] <= high
    assert seldom(N_STUDIES - inside, 0.05)


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
