"""The standard figures of what is measured along an axis, and of methods that are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from wellposed_studies.claims import Axis, ranks
from wellposed_studies.reporting.drawing import along_axis, critical_differences, sweeps

LEVELS = [2.0, 1.6, 1.0, 1.5, 3.0]


def axis(rng: np.random.Generator, levels: list[float], name: str = "l2") -> Axis:
    """Errors of these means at off and at the strengths 1, 2, ..., of 24 repetitions."""
    frames = [
        pd.DataFrame({"repetition": range(24), "error": level + 0.1 * rng.normal(size=24)}).assign(
            strength=float(k), regularizer=name if k else "none"
        )
        for k, level in enumerate(levels)
    ]
    return Axis.of(pd.concat(frames), name)


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
