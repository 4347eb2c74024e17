"""How bias and variance are judged: the worst case, the other half, pairs, and their intervals.

Every expected number is computed here from the constructed errors, by loops and Student's table.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.utils import Bunch

from wellposed.bias_variance import decompose_squared
from wellposed_studies.catalogue.bias_variance import checks, known_truth
from wellposed_studies.catalogue.bias_variance.setup import REGULARIZERS
from wellposed_studies.claims import (
    Axis,
    Estimate,
    relative_slope,
    saved_by_best,
    too_much_hurts,
)
from wellposed_studies.loading.training_sets import split

N = 20  # repetitions, the first ten to choose by


def leave_one_out(statistic: Callable[..., float], *samples: np.ndarray) -> tuple[float, float]:
    """A statistic of samples (n,) that are paired, and its standard error by the jackknife."""
    n = len(samples[0])
    without = [statistic(*(np.delete(s, i) for s in samples)) for i in range(n)]
    error = np.sqrt((n - 1) / n * sum((w - np.mean(without)) ** 2 for w in without))
    return statistic(*samples), float(error)


def assert_is(estimate: Estimate, value: float, error: float, n: int, of: int = 1) -> None:
    reach = stats.t.ppf(0.975, n - 1) * error
    assert estimate.value == pytest.approx(value, rel=1e-9)
    assert estimate.at(0.95) == pytest.approx((value - reach, value + reach), rel=1e-9)
    assert (estimate.n, estimate.of) == (n, of)


class GivenAxis(Axis):
    """An axis of given components (n_settings, N), the network without regularizer at `off`."""

    def __init__(self, regularizer: str, off: int = 0, **components: np.ndarray) -> None:
        n_settings = len(next(iter(components.values())))
        settings = [(regularizer, float(k)) for k in range(n_settings)]
        settings[off] = ("none", 0.0)
        strengths = [strength for _, strength in settings]
        super().__init__(regularizer, settings, strengths, off, pd.DataFrame())
        object.__setattr__(self, "components", components)

    def matrix(self, component: str) -> np.ndarray:
        return self.components[component]


class Experiments(dict):
    """What experiments measured on one data set."""

    data_names = ("given",)

    def __init__(self, data: Bunch, **cells: Any) -> None:
        super().__init__(cells)
        self.data = lambda: data


def errors_of(levels: list[tuple[float, float]], seed: int) -> np.ndarray:
    """Errors with these means in the first half and in the other, and much in common."""
    rng = np.random.default_rng(seed)
    common = 0.3 * rng.normal(size=N)
    halves = [np.repeat(level, N // 2) for level in levels]
    return np.array([half + common + 0.01 * rng.normal(size=N) for half in halves])


#: In the first half setting 2 is best, in the other and in all it is setting 1.
LEVELS = [(4.0, 4.0), (2.0, 1.0), (1.8, 3.0), (3.5, 3.6)]


@pytest.fixture
def axes() -> dict[str, GivenAxis]:
    """Of six regularizers dropout loses least by going to the strongest, and L1 most."""
    strongest = dict(zip(REGULARIZERS, (3.8, 4.8, 3.6, 4.0, 4.2, 4.4)))
    return {
        name: GivenAxis(name, error=errors_of([*LEVELS[:3], (3.5, strongest[name])], seed))
        for seed, name in enumerate(REGULARIZERS)
    }


# ------------------------------------------------------------------ chosen on one half


def test_a_trade_is_chosen_on_the_first_half_and_measured_on_the_other(axes: dict) -> None:
    errors = axes["l2"].matrix("error")[:, N // 2 :]
    value, error = leave_one_out(lambda off, on: 1 - on.mean() / off.mean(), errors[0], errors[2])
    assert value == pytest.approx(0.25, abs=0.02)
    assert_is(axes["l2"].saved_by_chosen(), value, error, N // 2)


def test_off_may_stand_anywhere_on_an_axis(axes: dict) -> None:
    """As the plain width does, between narrower and wider ones."""
    object.__setattr__(axes["l2"], "off", 3)
    errors = axes["l2"].matrix("error")[:, N // 2 :]
    value, error = leave_one_out(lambda off, on: 1 - on.mean() / off.mean(), errors[3], errors[2])
    assert_is(axes["l2"].saved_by_chosen(), value, error, N // 2)


def test_the_best_of_all_is_chosen_on_the_first_half_too(axes: dict) -> None:
    axes["width"].components["error"][2, : N // 2] -= 0.5
    object.__setattr__(axes["l2"], "off", 3)
    off, on = axes["l2"].matrix("error")[3, N // 2 :], axes["width"].matrix("error")[2, N // 2 :]
    value, error = leave_one_out(lambda off, on: 1 - on.mean() / off.mean(), off, on)
    found = saved_by_best(list(axes.values()))
    assert_is(found, value, error, N // 2)
    assert found.note == "width"


def test_too_much_is_judged_by_the_regularizer_that_loses_least(axes: dict) -> None:
    shares = {}
    for name, axis in axes.items():
        errors = axis.matrix("error")[:, N // 2 :]
        shares[name] = leave_one_out(
            lambda last, chosen, off: (last - chosen).mean() / off.mean(), *errors[[3, 2, 0]]
        )
    assert min(shares, key=lambda name: shares[name][0]) == "dropout"
    found = too_much_hurts(list(axes.values()))
    assert_is(found, *shares["dropout"], N // 2, of=6)
    assert found.note == "dropout"


# ------------------------------------------------------------------ the peak of variance


@pytest.fixture
def widths(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Predictions (n_widths, N, 50): most variance at width 1 at first, later at width 2."""
    rng = np.random.default_rng(0)
    deviations = np.array([[0.3, 2.0, 1.5, 0.6], [0.3, 1.5, 2.5, 0.6]])
    scale = np.repeat(deviations, N // 2, axis=0).T[:, :, np.newaxis]
    P = scale * rng.normal(size=(4, N, 50))
    axis = GivenAxis("width", error=np.ones((4, N)))

    def decompositions(results: object, part: slice, experiments: list) -> list[tuple[dict, Any]]:
        assert experiments == ["independent"]
        found = []
        for setting, predictions in zip(axis.settings, P):
            row = dict(zip(("regularizer", "strength"), setting))
            result = decompose_squared(predictions[part], f=np.zeros(50), noise=0.0)
            found.append((row, result))
        return found

    monkeypatch.setattr(known_truth, "decompositions", decompositions)
    monkeypatch.setattr(known_truth, "place", lambda results: None)
    monkeypatch.setattr(known_truth, "axis_at", lambda results, place, name: axis)
    return P


def test_the_peak_is_chosen_on_one_half_and_tested_on_the_other(widths: np.ndarray) -> None:
    later = widths[:, N // 2 :].var(axis=1, ddof=1).mean(axis=1)
    found = known_truth.variance_peaks(None)
    assert found.value == pytest.approx(later[1] - later[3], rel=1e-9)  # the higher end is meant
    assert (found.n, found.of) == (N // 2, 2)
    both = np.swapaxes(widths[[1, 3], N // 2 :], 0, 1)
    pseudo = np.array(
        [decompose_squared(both[:, k], f=np.zeros(50)).pseudo_values["variance"] for k in (0, 1)]
    )
    assert_is(found, *leave_one_out(lambda a, b: (a - b).mean(), *pseudo), N // 2, of=2)


def test_variance_that_is_highest_at_an_end_has_no_peak(widths: np.ndarray) -> None:
    widths[3] *= 10
    found = known_truth.variance_peaks(None)
    assert found.at(0.95)[1] < 0


# ------------------------------------------------------------------ slopes


def lines(bias: float, variance: float, seed: int) -> dict[str, np.ndarray]:
    rng, steps = np.random.default_rng(seed), np.arange(4.0)[:, np.newaxis]
    common = rng.normal(size=N)
    b = 2 + bias * steps + 0.1 * (common + rng.normal(size=(4, N)))
    v = 3 + variance * steps + 0.1 * (common + rng.normal(size=(4, N)))
    return {"bias": b, "variance": v, "error": b + v}


def test_a_slope_is_the_least_of_the_axes_and_its_interval_is_paired() -> None:
    axes = [GivenAxis(n, **lines(b, -1, i)) for i, (n, b) in enumerate({"l2": 3, "l1": 1}.items())]
    axes.append(GivenAxis("dropout", **lines(2, -1, 9)))
    slopes = np.array([np.polyfit(range(4), a.matrix("bias"), 1)[0] for a in axes])
    off = axes[1].matrix("error")[0]
    expected = leave_one_out(lambda s, o: s.mean() / o.mean(), slopes[1], off)
    found = relative_slope(axes, {"bias": 1})
    assert_is(found, *expected, N, of=3)
    assert found.note == "L1"


def test_what_is_left_of_the_bias_of_votes_widens_the_interval_of_their_slope() -> None:
    axis = GivenAxis("l2", **lines(1.0, -0.5, 6))
    plain = relative_slope([axis], {"bias": 1})
    remainder = np.array([0.9, 0.6, 0.3, 0.0])  # falls by 0.3 a step
    object.__setattr__(axis, "remainder", lambda component: remainder)
    found = relative_slope([axis], {"bias": 1})
    reach = plain.at(0.95)[1] - plain.value
    added = stats.t.ppf(0.975, N - 1) * 0.3 / axis.matrix("error")[0].mean()
    assert found.value == plain.value
    assert found.at(0.95)[1] - found.value == pytest.approx(np.hypot(reach, added))
    assert found.value - found.at(0.95)[0] == pytest.approx(np.hypot(reach, added))


def test_of_a_rise_and_a_fall_the_smaller_is_judged() -> None:
    axis = GivenAxis("l2", **lines(1.0, -0.5, 3))
    falls = -np.polyfit(range(4), axis.matrix("variance"), 1)[0]
    expected = leave_one_out(lambda s, o: s.mean() / o.mean(), falls, axis.matrix("error")[0])
    found = relative_slope([axis], {"bias": 1, "variance": -1})
    assert_is(found, *expected, N, of=2)
    assert found.note == "variance"


def test_each_component_has_to_move_its_own_way() -> None:
    given = [GivenAxis("l2", **lines(1, -1, 4)), GivenAxis("l1", **lines(0.5, -0.2, 5))]
    for component, sign, slope in (("bias", 1, 0.5), ("variance", -1, 0.2)):
        found = relative_slope(given, {component: sign})
        assert found.value == pytest.approx(slope / 5, rel=0.1)
        assert found.of == 2


# ------------------------------------------------------------------ worst cases


P3 = np.random.default_rng(0).dirichlet(np.ones(3), size=(8, 5))
Y = np.array([0, 1, 2, 0, 1])
LOSSES = {
    "squared": (P3[:, :, 0], (P3[:, :, 0] - Y) ** 2),
    "zero_one": (P3.argmax(axis=2), P3.argmax(axis=2) != Y),
    "log": (P3, -np.log(P3[:, range(5), Y])),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("setting", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_terms_that_do_not_add_up_at_one_point_are_found(
    monkeypatch: pytest.MonkeyPatch, loss: str, setting: int, sign: int
) -> None:
    predictions, losses = LOSSES[loss]
    settings = []
    for k in range(3):
        shift = np.zeros(5)
        if k == setting:
            shift[[1, 3]] = [sign * 1e-3, -sign * 1e-3]  # no difference on average
        per_point = {"bias": losses.mean(axis=0) / 2 + shift, "variance": losses.mean(axis=0) / 2}
        result = SimpleNamespace(
            loss=loss, predictions=predictions, terms=("bias", "variance"), per_point=per_point
        )
        settings.append(({"data": "d"}, result))
    monkeypatch.setattr(checks, "decompositions", lambda results: settings)
    results = SimpleNamespace(data=lambda name: Bunch(y_test=Y))
    assert checks.adds_up(results).value == pytest.approx(1e-3)


def test_one_network_that_is_not_ridge_is_enough() -> None:
    table = pd.DataFrame({"repetition": [0, 0, 1, 1], "ridge_distance": [1e-9, 1e-3, 1e-9, 1e-9]})
    found = checks.ridge_fit({"fixed_design": SimpleNamespace(table=lambda: table)})
    assert (found.value, found.n) == (1e-3, 2)


def test_components_are_as_far_from_ridge_as_a_t_test_says() -> None:
    """The statistics of one-sample t tests on pairs of training sets; the second is the largest."""
    rng = np.random.default_rng(0)
    X, X_test, w = rng.normal(size=(12, 3)), rng.normal(size=(9, 3)), rng.normal(size=3)
    data = Bunch(X=X, f=X @ w, X_test=X_test, f_test=X_test @ w, noise=1.0)
    rows, expected = [], []
    for strength, shift in ((0.1, 0.0), (0.2, 0.7), (0.3, 0.0)):
        hat = X_test @ np.linalg.solve(X.T @ X + 12 * strength * np.eye(3), X.T)
        draws = (data.f + rng.normal(size=(40, 12))) @ hat.T + shift
        rows.append({"strength": strength, "draws": draws.reshape(4, 10, 9)})
        a, b = draws[::2], draws[1::2]
        variance = ((a - b) ** 2 / 2).mean(axis=1)
        bias2 = (((a + b) / 2 - data.f_test) ** 2).mean(axis=1) - variance / 2
        truth = np.mean((hat @ data.f - data.f_test) ** 2), (hat**2).sum(axis=1).mean()
        for values, value in zip((bias2, variance), truth):
            expected.append(abs(stats.ttest_1samp(values, value).statistic))
    cells = SimpleNamespace(stacked=lambda name: pd.DataFrame(rows))
    results = Experiments(data, fixed_design=cells)
    assert np.argmax(expected) in (2, 3)
    assert checks.ridge_components(results).value == pytest.approx(max(expected), rel=1e-9)


def test_the_sum_of_terms_is_compared_with_the_errors_of_the_same_training_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    axis = GivenAxis("l2", error=np.ones((2, N)))
    monkeypatch.setattr(checks, "axes_at", lambda results, place: [axis])
    data = Bunch(f_test=rng.normal(size=7), noise=0.25)
    offsets = rng.normal(size=(1, N, 1))  # a training set that is bad is so at all strengths
    P = data.f_test + 0.3 * offsets + 0.2 * rng.normal(size=(2, N, 7))
    errors = ((P - data.f_test) ** 2).mean(axis=2) + data.noise + 0.01 * rng.normal(size=(2, N))
    settings = pd.MultiIndex.from_tuples(axis.settings, names=["regularizer", "strength"])
    stacked = settings.to_frame(index=False).assign(prediction=list(P))
    cells = SimpleNamespace(
        matrix=lambda *names: pd.DataFrame(errors, index=settings), stacked=lambda name: stacked
    )
    results = Experiments(data, independent=cells)
    pairs = P.reshape(2, N // 2, 2, 7)
    variance = pairs.var(axis=2, ddof=1).mean(axis=2)
    bias2 = ((pairs.mean(axis=2) - data.f_test) ** 2).mean(axis=2) - variance / 2
    sums = (bias2 + variance + data.noise).mean(axis=0)
    per_pair = errors.reshape(2, N // 2, 2).mean(axis=(0, 2))
    expected = leave_one_out(lambda s, e: s.mean() / e.mean() - 1, sums, per_pair)
    assert_is(checks.fresh_error(results), *expected, N // 2)


# ------------------------------------------------------------------ test rows stay unseen


def test_inputs_and_target_are_scaled_by_the_pool_alone() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(3, 2, size=(60, 4)), rng.normal(5, 3, size=60)
    data = split(Bunch(X=X, y=y), np.random.default_rng(1))
    for values in (data["X_pool"], data["y_pool"]):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-12)
    pool = {tuple(row) for row in np.column_stack([data["X_pool"], data["y_pool"]])}
    assert {tuple(row) for row in np.column_stack([data["X_one"], data["y_one"]])} < pool
