"""Bias, variance and noise against a hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from .._axes import PALETTE, axes_or_new, is_numeric, set_value_axis
from .fitting import bias_variance_of
from .result import COMPONENT_LABELS, BiasVarianceResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOK: Mapping[str, tuple[str, str, str]] = {  # colour, line style, marker
    "error": (PALETTE["black"], "-", "o"),
    "bias": (PALETTE["blue"], "--", "s"),
    "variance": (PALETTE["vermillion"], "-.", "^"),
    "noise": (PALETTE["grey"], ":", ""),
}
_LOSS_LABELS: Mapping[str, str] = {
    "squared": "Expected squared error",
    "zero_one": "Expected 0-1 loss",
    "log": "Expected log loss (nats)",
}
_SAMPLING_LABELS: Mapping[str, str] = {
    "independent": "{R} independent training sets",
    "bootstrap": "{R} bootstraps of one data set",
    "subsample": "{R} subsamples of one data set",
    "splits": "{R} disjoint parts of one data set",
    "given": "{R} training sets",
}


class BiasVarianceDisplay:
    """Bias, variance and noise of an expected error against a hyperparameter.

    Make one with :meth:`from_estimator`, or from results that are there already.

    Parameters
    ----------
    results : sequence of BiasVarianceResult of length n_values
        One decomposition for each value of the hyperparameter, of the same loss and sampling.
    param_name : str
        Name of the hyperparameter.
    param_range : sequence of length n_values
        Its values: numbers, or anything else, which is then shown as a category.

    Attributes
    ----------
    components : dict of str to ndarray of shape (n_values,)
        Each component's mean over the test points, and ``"error"``.
    intervals : dict of str to ndarray of shape (n_values, 2)
        Their confidence intervals, (low, high).
    terms : tuple of str
        The components that add up to the error.
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.

    See Also
    --------
    bias_variance : One value of the hyperparameter.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from wellposed import BiasVarianceDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> display = BiasVarianceDisplay.from_estimator(
    ...     Ridge(), X, y, param_name="alpha", param_range=np.logspace(-3, 2, 6),
    ...     sampling="subsample", n_repetitions=20, random_state=0,
    ... )
    >>> bool(display.components["variance"][0] > display.components["variance"][-1])
    True
    """

    def __init__(
        self, results: Sequence[BiasVarianceResult], *, param_name: str, param_range: Sequence[Any]
    ) -> None:
        if len(results) != len(param_range) or len(results) == 0:
            raise ValueError(
                "results and param_range must be of the same length, at least 1; "
                f"got {len(results)} and {len(param_range)}."
            )
        kinds = {(result.loss, result.sampling, result.terms) for result in results}
        if len(kinds) > 1:
            raise ValueError(
                "results must be of one loss, one sampling and one kind of truth to share an "
                f"axis; got {sorted(kinds)}. Make one display for each."
            )
        self.results = list(results)
        self.param_name = param_name
        self.param_range = param_range
        self.terms = results[0].terms
        self.loss = results[0].loss
        self.sampling = results[0].sampling
        intervals = [result.intervals for result in results]
        names = list(results[0].per_point)
        self.components = {
            name: np.array([getattr(result, name) for result in results]) for name in names
        }
        self.intervals = {name: np.array([each[name] for each in intervals]) for name in names}

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: Any = None,
        *,
        param_name: str,
        param_range: Sequence[Any],
        ax: Axes | None = None,
        kind: str = "line",
        line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> BiasVarianceDisplay:
        """Decompose the error at every value of a hyperparameter, and plot it.

        All values see the same training sets and seeds, so the curves differ by the
        hyperparameter alone.

        Parameters
        ----------
        estimator : estimator
            Any scikit-learn estimator with the parameter `param_name`.
        X, y : see :func:`~wellposed.bias_variance`
            A :class:`~wellposed.bias_variance.KnownTruth`, or one data set.
        param_name : str
            Parameter to vary, ``step__name`` within a pipeline.
        param_range : sequence
            Its values.
        ax : matplotlib Axes, optional
            Where to plot; by default a new figure.
        kind, line_kw, fill_between_kw
            See :meth:`plot`.
        **options
            Passed to :func:`~wellposed.bias_variance`: ``loss``, ``sampling``,
            ``n_repetitions``, ``random_state``, ``n_jobs`` and the others.

        Returns
        -------
        BiasVarianceDisplay
            Plotted.

        Raises
        ------
        ValueError
            If `estimator` has no such parameter, or as :func:`~wellposed.bias_variance` does.
        """
        if not isinstance(param_name, str) or not np.iterable(param_range) or not len(param_range):
            raise ValueError(
                f"param_name={param_name!r} and param_range={param_range!r}; expected the name of "
                "a parameter and a sequence of one value of it or more."
            )
        candidates = [clone(estimator).set_params(**{param_name: value}) for value in param_range]
        results = bias_variance_of(candidates, X, y, **options)
        display = cls(results, param_name=param_name, param_range=param_range)
        return display.plot(ax, kind=kind, line_kw=line_kw, fill_between_kw=fill_between_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: str = "line",
        line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> BiasVarianceDisplay:
        """Draw the components against the hyperparameter.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to plot; by default a new figure.
        kind : {"line", "stacked"}, default="line"
            ``"line"`` draws each term and the error with its interval. ``"stacked"`` draws the
            terms as areas, one on another, with the error and its interval on top.
        line_kw, fill_between_kw : dict, optional
            Passed to ``Axes.plot`` and ``Axes.fill_between``.

        Returns
        -------
        BiasVarianceDisplay
            This display, with ``ax_`` and ``figure_`` set.

        Raises
        ------
        ValueError
            If `kind` is neither, or a component that is below zero beyond its interval is to be
            stacked.
        """
        if kind not in ("line", "stacked"):
            raise ValueError(f"kind must be 'line' or 'stacked'; got {kind!r}.")
        if kind == "stacked":
            self._check_stackable()
        ax = axes_or_new(ax, self)
        x = set_value_axis(ax, self.param_range)
        if kind == "stacked":
            self._plot_areas(ax, x, fill_between_kw or {})
            curves: tuple[str, ...] = ("error",)
        else:
            curves = ("error", *self.terms)
        for name in curves:
            self._plot_curve(ax, x, name, line_kw or {}, fill_between_kw or {})
        ax.set_xlabel(self.param_name)
        ax.set_ylabel(_LOSS_LABELS[self.loss])
        R = self.results[0].n_repetitions
        handles, labels = ax.get_legend_handles_labels()
        if kind == "stacked":  # from top to bottom, as the areas are
            handles, labels = handles[::-1], labels[::-1]
        title = _SAMPLING_LABELS[self.sampling].format(R=R)
        ax.legend(handles, labels, title=title, frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def frame(self) -> pd.DataFrame:
        """Return one row for each value and component.

        Returns
        -------
        DataFrame
            ``param_name``, ``param_value``, then the columns of
            :meth:`~wellposed.bias_variance.BiasVarianceResult.frame`.
        """
        frames = []
        for value, result in zip(self.param_range, self.results):
            frame = result.frame()
            frame.insert(0, "param_name", self.param_name)
            frame.insert(1, "param_value", [value] * len(frame))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        best = self.param_range[int(np.argmin(self.components["error"]))]
        shown = f"{best:.4g}" if is_numeric([best]) else repr(best)
        return (
            f"BiasVarianceDisplay: {self.loss} loss at {len(self.results)} values of "
            f"{self.param_name}, least error at {shown}\n{self.results[0].description}"
        )

    def _plot_curve(
        self,
        ax: Axes,
        x: np.ndarray,
        name: str,
        line_kw: Mapping[str, Any],
        fill_between_kw: Mapping[str, Any],
    ) -> None:
        color, linestyle, marker = _look(name)
        style = {"color": color, "linestyle": linestyle, "marker": marker, "markersize": 4}
        label = COMPONENT_LABELS[name]
        (line,) = ax.plot(x, self.components[name], label=label, **{**style, **line_kw})
        low, high = self.intervals[name].T
        if is_numeric(self.param_range):
            band = {"color": line.get_color(), "alpha": 0.2, "linewidth": 0}
            ax.fill_between(x, low, high, **{**band, **fill_between_kw})
        else:
            ax.vlines(x, low, high, color=line.get_color())

    def _plot_areas(self, ax: Axes, x: np.ndarray, fill_between_kw: Mapping[str, Any]) -> None:
        floor = np.zeros(len(x))
        for name in self._stacking_order():
            top = floor + self.components[name]
            area = {"color": _look(name)[0], "alpha": 0.6, "linewidth": 0}
            label = COMPONENT_LABELS[name]
            ax.fill_between(x, floor, top, label=label, **{**area, **fill_between_kw})
            floor = top

    def _stacking_order(self) -> list[str]:
        return sorted(self.terms, key=lambda name: ["noise", "bias", "variance"].index(_part(name)))

    def _check_stackable(self) -> None:
        for name in self.terms:
            negative = np.flatnonzero(self.intervals[name][:, 1] < 0)
            if len(negative):
                value = self.param_range[int(negative[0])]
                raise ValueError(
                    f"{COMPONENT_LABELS[name]} is below zero at {self.param_name}={value}, and "
                    "areas below zero do not stack. Use kind='line'."
                )


def _part(name: str) -> str:
    """Which of bias, variance, noise and error a component is, or is mostly."""
    return next(part for part in ("bias", "variance", "noise", "error") if part in name)


def _look(name: str) -> tuple[str, str, str]:
    return _LOOK[_part(name)]
