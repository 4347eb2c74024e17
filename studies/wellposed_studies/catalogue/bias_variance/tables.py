"""Derived tables: the components of every setting, and how to lay them out along an axis.

Predictions are decomposed by `wellposed.bias_variance`. Its pseudo-values are one number a
training set, so that differences between settings are paired.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Estimate, choose_then_test, exact, jackknife
from .data import EPOCHS, REGULARIZERS, WIDTH, word

if TYPE_CHECKING:
    import pandas as pd

    from ...storing.results import Results

SETTING = ["data", "regularizer", "strength", "sampling"]

#: Probabilities below it count as this much, so that no log loss is infinite.
CLIP = 1e-12

#: Columns of a real data set's terms, and those of a known truth, under common names.
COMMON = {
    "bias2": "bias",
    "bias2_plus_noise": "bias",
    "bias_plus_noise": "bias",
    "net_variance": "variance",
}


def decompositions(results: Results, part: slice = slice(None)) -> list[tuple[dict, Any]]:
    """A pair for every setting and loss: the setting, and its `BiasVarianceResult`.

    Parameters
    ----------
    results : Results
    part : slice
        Which repetitions; all by default.
    """
    from wellposed.bias_variance import decompose_log, decompose_squared, decompose_zero_one

    found: list[tuple[dict, Any]] = []
    for row in _stacked(results, "prediction"):
        data, sampling = results.data(row["data"]), _sampling(row)
        truth: dict[str, Any] = {"y": data.y_test} if "y_test" in data else {}
        if "f_test" in data:
            truth = {"f": data.f_test, "noise": data.noise}
        P = row.pop("prediction")[part]
        found.append((row, decompose_squared(P, **truth, sampling=sampling)))
    for row in _stacked(results, "draws"):
        data = results.data(row["data"])
        draws = row.pop("draws")[part]
        P = draws.reshape(-1, draws.shape[-1])
        result = decompose_squared(P, f=data.f_test, noise=data.noise, sampling="independent")
        found.append((row, result))
    for row in _stacked(results, "probability"):
        data, sampling = results.data(row["data"]), _sampling(row)
        P = row.pop("probability")[part]
        classes = np.arange(P.shape[2])
        about = {"y": data.y_test, "classes": classes, "sampling": sampling}
        found.append((row, decompose_log(P, clip=CLIP, **about)))
        found.append((row, decompose_zero_one(P.argmax(axis=2), **about)))
    return found


def _stacked(results: Results, name: str) -> list[dict]:
    if name not in results.array_names:
        return []
    return results.stacked(name).to_dict("records")


def _sampling(row: dict) -> Any:
    return row["sampling"] if row["sampling"] in ("independent", "bootstrap") else "subsample"


@lru_cache(maxsize=1)
def _all(results: Results) -> list[tuple[dict, Any]]:
    return decompositions(results)


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


def trades(results: Results) -> pd.DataFrame:
    """What each regularizer saves and pays at the strength that the first half of the repetitions
    chose, measured on the second half: one row a data set, loss and regularizer.

    ``saved`` is the variance saved, ``paid`` the bias paid, ``gain`` their difference with its
    paired 95 % interval, all as shares of the error without regularization. ``first`` is the share
    that the first half saw saved, by which one may choose among regularizers.
    """
    import pandas as pd

    rows = []
    half = _repetitions(results) // 2
    tested = {
        (*(row[name] for name in SETTING), result.loss): result
        for row, result in decompositions(results, slice(half, None))
    }
    for data, loss, sampling in _sets(results):
        for regularizer in REGULARIZERS:
            axis = Axis(results, data, loss, regularizer, sampling)
            errors = axis.matrix("error")
            chosen, later = choose_then_test(errors)
            first = errors[:, :half].mean(axis=1)
            best = tested[(data, *axis.settings[chosen], sampling, loss)]
            off = tested[(data, "none", 0.0, sampling, loss)]
            gain = share_saved(later[axis.off], later[chosen])
            low, high = gain.at(0.95)
            rows.append(
                {
                    "data": data,
                    "loss": loss,
                    "regularizer": regularizer,
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


def share_saved(off: np.ndarray, chosen: np.ndarray) -> Estimate:
    """The share of the mean error `off` that a setting saves, from paired errors (n,) each."""
    if np.array_equal(off, chosen):
        return exact(0.0)
    saved = off - chosen
    return jackknife(lambda i: share(saved[i].mean(), off[i].mean()), len(off))


def share(part: float, whole: float) -> float:
    """A quotient that is NaN where there is no whole.

    Examples
    --------
    >>> share(1.0, 4.0), share(0.0, 0.0)
    (0.25, nan)
    """
    return float(part) / float(whole) if whole else float("nan")


def slopes(results: Results) -> pd.DataFrame:
    """Which way bias and variance move with strength: one row a data set, loss, regularizer and
    component, with the 95 % interval of `relative_slope`, and with one that holds for all rows at
    once (Bonferroni), by which one may pick among them."""
    import pandas as pd

    found = [
        ({"data": data, "loss": loss, "regularizer": regularizer, "component": component}, estimate)
        for data, loss, sampling in _sets(results)
        for regularizer in REGULARIZERS
        for axis in [Axis(results, data, loss, regularizer, sampling)]
        for component in ("bias", "variance")
        for estimate in [relative_slope([axis], **{component: 1})]
    ]
    rows = []
    for row, estimate in found:
        (low, high), (low_all, high_all) = estimate.at(0.95), estimate.at(1 - 0.05 / len(found))
        ends = {"low": low, "high": high, "low_all": low_all, "high_all": high_all}
        rows.append({**row, "slope": estimate.value, **ends})
    return pd.DataFrame(rows)


def relative_slope(axes: list[Axis], **signs: int) -> Estimate:
    """How a component moves with strength: a share of the error without regularization per step.

    It is the slope of a line through the component at the strengths 0, 1, 2, ... from weak to
    strong. Of several axes, and of several components (``bias=1, variance=-1``, the number is a
    sign to multiply by), it is the least, and the estimate's note says which that is.

    Under the 0-1 loss the interval allows for the remainders of the components, as theirs do.
    """
    named = [(axis, name, sign) for axis in axes for name, sign in signs.items()]
    sampled = np.array([sign * slope(axis.matrix(name)) for axis, name, sign in named])
    least = int(np.argmin(sampled.mean(axis=1)))
    axis, name, _ = named[least]
    note = "" if len(named) == 1 else name if len(axes) == 1 else word(axis.regularizer)
    off = axis.matrix("error")[axis.off]
    estimate = jackknife(
        lambda i: share(sampled[:, i].mean(axis=1).min(), off[i].mean()), len(off), of=len(named)
    )
    remainder = share(float(slope(axis.estimates(name)["remainder"].to_numpy())), off.mean())
    return replace(allowing_for(estimate, remainder), note=note)


def allowing_for(estimate: Estimate, remainder: float) -> Estimate:
    """An estimate whose interval allows for a bias of about so much, as if it were a standard
    error that adds in squares.

    Examples
    --------
    >>> from ...claims import mean
    >>> plain = mean([1.0, 2.0, 3.0, 2.0])
    >>> allowing_for(plain, 0.0).at(0.95) == plain.at(0.95)
    True
    """
    from scipy.stats import t

    if not remainder:
        return estimate

    def interval(level: float) -> tuple[float, float]:
        low, high = estimate.at(level)
        allowed = float(t.ppf((1 + level) / 2, estimate.n - 1)) * remainder
        reach = float(np.hypot((high - low) / 2, allowed))
        return estimate.value - reach, estimate.value + reach

    return replace(estimate, interval=interval)


def slope(values: np.ndarray) -> np.ndarray:
    """Least-squares slope of `values` (n_settings,) or (n_settings, n) per step of strength.

    Examples
    --------
    >>> slope(np.array([[0.0, 5.0], [1.0, 4.0], [2.0, 3.0]]))
    array([ 1., -1.])
    """
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    return steps @ values / (steps @ steps)


def _term(result: Any, name: str) -> float:
    """The component that is called `name` in the tables."""
    return next(getattr(result, t) for t in result.terms if COMMON.get(t, t) == name)


def _repetitions(results: Results) -> int:
    return int(results.table()["repetition"].max()) + 1


def _sets(results: Results) -> list[tuple[str, str, str]]:
    """Data set, loss and sampling of all axes that are complete."""
    table = results.table("components")
    table = table[(table["regularizer"] == "none") & (table["sampling"] != "bootstrap")]
    pairs = table[["data", "loss", "sampling"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


class Axis:
    """The settings of one regularizer from off to strong, in a data set and a loss.

    Attributes
    ----------
    settings : list of (regularizer, strength)
    strengths : list of float
        As the regularizer counts: 0 is off, and for epochs and width that of the plain network.
    off : int
        Position of the setting without any regularizer.
    """

    def __init__(
        self, results: Results, data: str, loss: str, regularizer: str, sampling: str
    ) -> None:
        self.results, self.loss, self.regularizer = results, loss, regularizer
        self.where = {"data": data, "loss": loss, "sampling": sampling}
        table = results.table("components", regularizer=regularizer, **self.where)
        strengths = sorted(table["strength"].unique())
        plain = 0.0
        if regularizer in ("epochs", "width"):
            task = "regression" if loss == "squared" else "classification"
            plain = float(EPOCHS[task] if regularizer == "epochs" else WIDTH)
            strengths = sorted([*strengths, plain], reverse=True)
        else:
            strengths = [plain, *strengths]
        self.strengths = [float(s) for s in strengths]
        self.off = self.strengths.index(plain)
        self.settings = [("none", 0.0) if s == plain else (regularizer, s) for s in self.strengths]

    def matrix(self, component: str) -> np.ndarray:
        """Pseudo-values of a component, (n_settings, n_repetitions)."""
        frame = self.results.table("pseudo_values", **self.where)
        index = ["regularizer", "strength"]
        wide = frame.pivot(index=index, columns="repetition", values=component)
        return wide.loc[self.settings].to_numpy(dtype=float)

    def estimates(self, component: str) -> pd.DataFrame:
        """``estimate``, ``low``, ``high`` and ``remainder`` of a component, one row a setting.

        Components are called as in the table, or by their common names, bias and variance.
        """
        table = self.results.table("components", **self.where)
        named = table["term"] & (table["component"].replace(COMMON) == component)
        rows = table[named if named.any() else table["component"] == component]
        frame = rows.set_index(["regularizer", "strength"])
        return frame[["estimate", "low", "high", "remainder"]].reindex(self.settings)


DERIVED = {
    "components": components,
    "pseudo_values": pseudo_values,
    "trades": trades,
    "slopes": slopes,
}
