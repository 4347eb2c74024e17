"""The strengths of a regularizer from off to strong, and what is measured along them.

An experiment that `wellposed_studies.study.sweep` lays out has the factors ``regularizer`` and
``strength``; the network without any is ``("none", 0)``. Of it an `Axis` reads the settings of one
regularizer in order, repetition by repetition, so that all differences along it are paired.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .choosing import choose_then_test
from .estimates import Estimate, jackknife
from .paired import least_share, share, share_saved
from .tables import slope

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: The setting without any regularizer, as `sweep` writes it.
OFF = ("none", 0.0)


@dataclass(frozen=True)
class Axis:
    """The settings of one regularizer, from off (or weak) to strong.

    Attributes
    ----------
    regularizer : str
    settings : list of (regularizer, strength)
        As they stand in the table; ``("none", 0.0)`` for the network without any.
    strengths : list of float
        As the regularizer counts: off is 0, or what the plain network has.
    off : int
        Position of the setting without any regularizer.
    frame : DataFrame
        The rows of a table: ``regularizer``, ``strength``, ``repetition`` and what was measured.
    remainder : callable ``(component) -> array (n_settings,)``, optional
        What may be left of the bias of a component's estimates; none by default.
    """

    regularizer: str
    settings: list[tuple[str, float]]
    strengths: list[float]
    off: int
    frame: pd.DataFrame
    remainder: Callable[[str], np.ndarray] | None = None

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        regularizer: str,
        *,
        plain: float = 0.0,
        strong: str = "large",
        remainder: Callable[[str], np.ndarray] | None = None,
    ) -> Axis:
        """The axis of one regularizer in a table.

        Parameters
        ----------
        frame : DataFrame
            The table of one data set.
        regularizer : str
        plain : float
            The strength that the network without regularizers has, 64 of a width of 64 say.
        strong : {"large", "small"}
            Which strengths are strong: few epochs and few units are.
        remainder : callable, optional
            See `Axis`.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({
        ...     "regularizer": ["none", "epochs", "epochs"], "strength": [0.0, 5.0, 20.0],
        ...     "repetition": 0, "error": [3.0, 2.0, 1.0]})
        >>> axis = Axis.of(frame, "epochs", plain=60.0, strong="small")
        >>> axis.strengths, axis.off, axis.matrix("error").ravel().tolist()
        ([60.0, 20.0, 5.0], 0, [3.0, 1.0, 2.0])
        """
        if strong not in ("large", "small"):
            raise ValueError(f"strong={strong!r}; expected 'large' or 'small'.")
        found = frame.loc[frame["regularizer"] == regularizer, "strength"].unique()
        if not len(found):
            known = ", ".join(sorted(set(frame["regularizer"]) - {"none"}))
            raise KeyError(f"no regularizer {regularizer!r} in the table; there are {known}.")
        strengths = sorted([plain, *(float(s) for s in found)], reverse=strong == "small")
        settings = [OFF if s == plain else (regularizer, s) for s in strengths]
        return cls(regularizer, settings, strengths, strengths.index(plain), frame, remainder)

    @property
    def word(self) -> str:
        """How the regularizer is written in a sentence."""
        return word(self.regularizer)

    def matrix(self, column: str) -> np.ndarray:
        """What was measured, (n_settings, n_repetitions)."""
        index = ["regularizer", "strength"]
        if self.frame.duplicated([*index, "repetition"]).any():
            raise ValueError(
                "the axis has several rows for a setting and repetition; make it of the rows of "
                "one data set: Axis.of(table(data=...), ...)."
            )
        wide = self.frame.pivot(index=index, columns="repetition", values=column)
        return wide.loc[self.settings].to_numpy(dtype=float)

    def saved_by_chosen(self, column: str = "error") -> Estimate:
        """The share of the error without regularization that is saved at the strength which the
        first half of the repetitions chose, on the second half."""
        chosen, errors = choose_then_test(self.matrix(column))
        return share_saved(errors[self.off], errors[chosen])


#: How the losses of `wellposed.bias_variance` are written.
LOSSES = {"squared": "squared error", "log": "log loss", "zero_one": "0-1 loss"}


def word(name: str) -> str:
    """How a regularizer is written in a sentence, a norm in capitals; or one of `LOSSES`.

    Examples
    --------
    >>> word("l2"), word("input_noise"), word("zero_one")
    ('L2', 'input noise', '0-1 loss')
    """
    if name in LOSSES:
        return LOSSES[name]
    parts = name.split("_")
    return " ".join(part.upper() if re.fullmatch(r"[a-z]\d", part) else part for part in parts)


def saved_by_best(axes: Sequence[Axis], column: str = "error") -> Estimate:
    """What the regularizer and strength that the first half of the repetitions chose among all
    axes save on the second half, a share of the error without regularization.

    The estimate's note says which regularizer that is.
    """
    import numpy as np

    chosen, tested = choose_then_test(np.vstack([axis.matrix(column) for axis in axes]))
    name, _ = [setting for axis in axes for setting in axis.settings][chosen]
    note = "no regularizer" if name == "none" else word(name)
    return replace(share_saved(tested[axes[0].off], tested[chosen]), note=note)


def too_much_hurts(axes: Sequence[Axis], column: str = "error") -> Estimate:
    """Least loss, over the axes, by going from the chosen strength to the strongest.

    The strength is chosen on the first half of the repetitions, the loss is a share of the error
    without regularization on the second.
    """
    import numpy as np

    worse, off = [], []
    for axis in axes:
        chosen, errors = choose_then_test(axis.matrix(column))
        worse.append(errors[-1] - errors[chosen])
        off.append(errors[axis.off])
    return least_share(np.array(worse), np.array(off), [axis.word for axis in axes])


def relative_slope(
    axes: Sequence[Axis], signs: Mapping[str, int], whole: str = "error"
) -> Estimate:
    """How a component moves with strength: a share of the error without regularization per step.

    It is the slope of a line through the component at the strengths 0, 1, 2, ... from weak to
    strong. Of several axes, and of several components, it is the least, and the estimate's note
    says which that is. Where an axis knows of remainders, as under the 0-1 loss, the interval
    allows for them.

    Parameters
    ----------
    axes : sequence of Axis
        On the same repetitions, with the same setting without regularizer.
    signs : mapping of str to {1, -1}
        The columns, and which way each is claimed to move: ``{"bias": 1, "variance": -1}``.
    whole : str
        The column of which the slope is a share, at the setting without regularizer.
    """
    import numpy as np

    named = [(axis, name, sign) for axis in axes for name, sign in signs.items()]
    sampled = np.array([sign * slope(axis.matrix(name)) for axis, name, sign in named])
    least = int(np.argmin(sampled.mean(axis=1)))
    axis, name, _ = named[least]
    note = "" if len(named) == 1 else name if len(axes) == 1 else axis.word
    off = axis.matrix(whole)[axis.off]
    estimate = jackknife(
        lambda i: share(sampled[:, i].mean(axis=1).min(), off[i].mean()), len(off), of=len(named)
    )
    if axis.remainder is not None:
        left = share(float(slope(axis.remainder(name))), off.mean())
        estimate = allowing_for(estimate, left)
    return replace(estimate, note=note)


def allowing_for(estimate: Estimate, remainder: float) -> Estimate:
    """An estimate whose interval allows for a bias of about so much, as if it were a standard
    error that adds in squares.

    Examples
    --------
    >>> from .estimates import mean
    >>> plain = mean([1.0, 2.0, 3.0, 2.0])
    >>> allowing_for(plain, 0.0).at(0.95) == plain.at(0.95)
    True
    """
    import numpy as np
    from scipy.stats import t

    if not remainder:
        return estimate

    def interval(level: float) -> tuple[float, float]:
        low, high = estimate.at(level)
        allowed = float(t.ppf((1 + level) / 2, estimate.n - 1)) * remainder
        reach = float(np.hypot((high - low) / 2, allowed))
        return estimate.value - reach, estimate.value + reach

    return replace(estimate, interval=interval)
