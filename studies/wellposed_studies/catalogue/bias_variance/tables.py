"""Derived tables: the components of every setting, and how to lay them out along an axis.

Predictions are decomposed by `wellposed.bias_variance`. Its pseudo-values are one number a
training set, so that differences between settings are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...claims import (
    Axis,
    choose_then_test,
    halves,
    level_for_all,
    relative_slope,
    share,
    share_saved,
)
from .setup import REGULARIZERS, plain_strength, study

if TYPE_CHECKING:
    import pandas as pd

    from ...storing.results import Results


class Place(NamedTuple):
    """Where axes lie: a data set, a loss, and how training sets are drawn."""

    data: str
    loss: str
    sampling: str


SETTING = ["data", "regularizer", "strength", "sampling"]

#: Experiments of trained networks, which are ways of sampling the training sets.
SAMPLINGS = ("independent", "subsample", "bootstrap")
EXPERIMENTS = (*SAMPLINGS, "fixed_design")

#: Probabilities below it count as this much, so that no log loss is infinite.
CLIP = 1e-12

#: Columns of a real data set's terms, and those of a known truth, under common names.
COMMON = {
    "bias2": "bias",
    "bias2_plus_noise": "bias",
    "bias_plus_noise": "bias",
    "net_variance": "variance",
}


def decompositions(
    results: Results, part: slice = slice(None), experiments: Sequence[str] = EXPERIMENTS
) -> list[tuple[dict, Any]]:
    """A pair for every setting and loss: the setting, and its `BiasVarianceResult`.

    Parameters
    ----------
    results : Results
    part : slice
        Which repetitions; all by default.
    experiments : sequence of str
        Of which experiments; all by default.
    """
    from wellposed.bias_variance import decompose_log, decompose_squared, decompose_zero_one

    found: list[tuple[dict, Any]] = []
    for row, P in _stacked(results, "prediction", experiments):
        data = results.data(row["data"])
        truth = {"f": data.f_test, "noise": data.noise} if "f_test" in data else {"y": data.y_test}
        found.append((row, decompose_squared(P[part], **truth, sampling=row["sampling"])))
    if "fixed_design" in experiments and "fixed_design" in results:
        found += _of_draws(results, part)
    for row, P in _stacked(results, "probability", experiments):
        classes = np.arange(P.shape[2])
        about = {"y": results.data(row["data"]).y_test, "classes": classes}
        about["sampling"] = row["sampling"]
        found.append((row, decompose_log(P[part], clip=CLIP, **about)))
        found.append((row, decompose_zero_one(P[part].argmax(axis=2), **about)))
    return found


def _of_draws(results: Results, part: slice) -> list[tuple[dict, Any]]:
    """Of the linear networks, whose training sets are the outputs of one network."""
    from wellposed.bias_variance import decompose_squared

    found = []
    for row in results["fixed_design"].stacked("draws").to_dict("records"):
        data, draws = results.data(row["data"]), row.pop("draws")[part]
        P = draws.reshape(-1, draws.shape[-1])
        result = decompose_squared(P, f=data.f_test, noise=data.noise, sampling="independent")
        found.append((row | {"regularizer": "linear", "sampling": "fixed design"}, result))
    return found


def _stacked(
    results: Results, name: str, experiments: Sequence[str]
) -> Iterator[tuple[dict, np.ndarray]]:
    """Every setting of the trained networks, with its stored predictions."""
    for sampling in [e for e in SAMPLINGS if e in experiments and e in results]:
        if name in results[sampling].array_names:
            for row in results[sampling].stacked(name).to_dict("records"):
                P = row.pop(name)
                yield row | {"sampling": sampling}, P


@lru_cache(maxsize=1)
def _all(results: Results) -> list[tuple[dict, Any]]:
    return decompositions(results)


@study.derived
def components(results: Results) -> pd.DataFrame:
    """One row a setting, loss and component, with its 95 % interval.

    ``remainder`` is what is left of the bias of votes, see `BiasVarianceResult.remainders`.
    """
    import pandas as pd

    frames = []
    for row, result in _all(results):
        frame = result.frame()[["component", "estimate", "low", "high", "term", "loss"]]
        frame["remainder"] = [result.remainders.get(name, 0.0) for name in frame["component"]]
        frames.append(pd.DataFrame({name: row[name] for name in SETTING} | dict(frame)))
    return pd.concat(frames, ignore_index=True)


@study.derived
def pseudo_values(results: Results) -> pd.DataFrame:
    """One row a setting, loss and repetition: ``bias`` (with noise, on real data), ``variance``
    (the net one, under the 0-1 loss) and ``error``."""
    import pandas as pd

    frames = []
    for row, result in _all(results):
        if row["regularizer"] == "linear":
            continue
        named = {
            COMMON.get(name, name): result.pseudo_values[name] for name in (*result.terms, "error")
        }
        frame = pd.DataFrame({**row, "loss": result.loss, **named})
        frames.append(frame.rename_axis("repetition").reset_index())
    wanted = [*SETTING, "loss", "repetition", "bias", "variance", "error"]
    if not frames:
        return pd.DataFrame(columns=wanted)
    return pd.concat(frames, ignore_index=True).reindex(columns=wanted)


@study.derived
def trades(results: Results) -> pd.DataFrame:
    """What each regularizer saves and pays at the strength that the first half of the repetitions
    chose, measured on the second half: one row a data set, loss and regularizer.

    ``saved`` is the variance saved, ``paid`` the bias paid, ``gain`` their difference with its
    paired 95 % interval, all as shares of the error without regularization. ``first`` is the share
    that the first half saw saved, by which one may choose among regularizers.
    """
    import pandas as pd

    rows = []
    parts = {name: halves(results[name].repetitions) for name in SAMPLINGS if name in results}
    tested = {
        (*(row[name] for name in SETTING), result.loss): result
        for name, (_, second) in parts.items()
        for row, result in decompositions(results, second, [name])
    }
    for place in places(results):
        data, loss, sampling = place
        for axis in axes_at(results, place):
            errors = axis.matrix("error")
            chosen, later = choose_then_test(errors)
            first = errors[:, parts[sampling][0]].mean(axis=1)
            best = tested[(data, *axis.settings[chosen], sampling, loss)]
            off = tested[(data, "none", 0.0, sampling, loss)]
            gain = share_saved(later[axis.off], later[chosen])
            low, high = gain.at(0.95)
            rows.append(
                {
                    "data": data,
                    "loss": loss,
                    "regularizer": axis.regularizer,
                    "chosen": axis.strengths[chosen],
                    "chosen_is_off": chosen == axis.off,
                    "first": 1 - share(first[chosen], first[axis.off]),
                    "saved": share(_term(off, "variance") - _term(best, "variance"), off.error),
                    "paid": share(_term(best, "bias") - _term(off, "bias"), off.error),
                    "gain": gain.value,
                    "low": low,
                    "high": high,
                    "n": later.shape[1],
                }
            )
    return pd.DataFrame(rows)


@study.derived
def best_trades(results: Results) -> pd.DataFrame:
    """Of `trades` the row that the first half of the repetitions chose for each data set and
    loss."""
    trades = results.table("trades")
    chosen = trades["first"].fillna(0).groupby([trades["data"], trades["loss"]], sort=False)
    return trades.loc[chosen.idxmax()]


@study.derived
def slopes(results: Results) -> pd.DataFrame:
    """Which way bias and variance move with strength: one row a data set, loss, regularizer and
    component, with the 95 % interval of `relative_slope`, and with one that holds for all rows at
    once (Bonferroni), by which one may pick among them."""
    import pandas as pd

    found = [
        (place, axis.regularizer, component, estimate)
        for place in places(results)
        for axis in axes_at(results, place)
        for component in ("bias", "variance")
        for estimate in [relative_slope([axis], {component: 1})]
    ]
    rows, together = [], level_for_all(len(found))
    for place, regularizer, component, estimate in found:
        (low, high), (low_all, high_all) = estimate.at(0.95), estimate.at(together)
        ends = {"low": low, "high": high, "low_all": low_all, "high_all": high_all}
        row = {"data": place.data, "loss": place.loss, "regularizer": regularizer}
        row["component"] = component
        rows.append({**row, "slope": estimate.value, **ends})
    return pd.DataFrame(rows)


@study.derived
def against_the_rule(results: Results) -> pd.DataFrame:
    """Of `slopes` the rows that contradict "more regularization, more bias, less variance", by the
    intervals that hold for all of them at once."""
    found = results.table("slopes")
    bias = found["component"] == "bias"
    return found[(bias & (found["high_all"] < 0)) | (~bias & (found["low_all"] > 0))]


def _term(result: Any, name: str) -> float:
    """The component that is called `name` in the tables."""
    return next(getattr(result, t) for t in result.terms if COMMON.get(t, t) == name)


def places(results: Results) -> list[Place]:
    """Where all axes are complete."""
    table = results.table("components")
    table = table[(table["regularizer"] == "none") & (table["sampling"] != "bootstrap")]
    pairs = table[["data", "loss", "sampling"]].drop_duplicates()
    return [Place(*pair) for pair in pairs.itertuples(index=False)]


def axis_at(results: Results, place: Place, regularizer: str) -> Axis:
    """The settings of one regularizer from off to strong.

    Its columns are those of the table of pseudo-values: bias, variance and error.
    """
    axis = Axis.of(
        results.table("pseudo_values", **place._asdict()),
        regularizer,
        plain=plain_strength(regularizer, place.loss),
        strong="small" if regularizer in ("epochs", "width") else "large",
    )
    return replace(axis, remainder=partial(_remainder, results, place, axis))


def axes_at(results: Results, place: Place) -> list[Axis]:
    """Those of all regularizers."""
    return [axis_at(results, place, regularizer) for regularizer in REGULARIZERS]


def _remainder(results: Results, place: Place, axis: Axis, component: str) -> np.ndarray:
    return estimates(results, place, axis, component)["remainder"].to_numpy()


def estimates(results: Results, place: Place, axis: Axis, component: str) -> pd.DataFrame:
    """``estimate``, ``low``, ``high`` and ``remainder`` of a component, one row a setting.

    Components are called as in the table, or by their common names, bias and variance.
    """
    table = results.table("components", **place._asdict())
    named = table["term"] & (table["component"].replace(COMMON) == component)
    rows = table[named if named.any() else table["component"] == component]
    frame = rows.set_index(["regularizer", "strength"])
    return frame[["estimate", "low", "high", "remainder"]].reindex(axis.settings)
