"""Weights, support and error along a strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable

from .._axes import PALETTE, axes_or_new, is_numeric, set_value_axis
from ._inside import inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = ("weights", "support", "error")
_MAX_NAMED = 8  # curves that a legend tells apart


class RegularizationPathDisplay:
    """Weights, support and error against the strength of a regularizer.

    Make one with :meth:`from_estimator`, or from arrays that are there already.

    Parameters
    ----------
    param_name : str
    param_range : sequence of length n_values
        The strengths.
    weights : ndarray of shape (n_values, n_features)
        A weight for each input: that of a linear model with one output; otherwise the 2-norm of
        the weights that leave the input.
    signed : bool
        Whether they are weights, which have a sign, and not norms.
    support : ndarray of shape (n_values,)
        Inputs whose weights are not all exactly zero.
    train_scores, test_scores : ndarray of shape (n_values, n_folds), optional
        Scores on the folds' own rows and on those left out.
    feature_names : sequence of str, optional
    scoring : str
        What the scores are, for the label.

    Attributes
    ----------
    best_index_ : int
        Of the strength with the highest mean test score.
    axes_, figure_ : array of matplotlib Axes, and Figure
        Set by :meth:`plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from wellposed import NetRegressor, RegularizationPathDisplay, fit_together
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> lasso = NetRegressor((), solver="lbfgs")
    >>> with fit_together():
    ...     display = RegularizationPathDisplay.from_estimator(
    ...         lasso, X, y, param_name="l1", param_range=np.logspace(-2, 0.5, 8)
    ...     )
    >>> int(display.support[0]), int(display.support[-1])
    (10, 0)
    """

    def __init__(
        self,
        *,
        param_name: str,
        param_range: Sequence[Any],
        weights: np.ndarray,
        support: np.ndarray,
        signed: bool = True,
        train_scores: np.ndarray | None = None,
        test_scores: np.ndarray | None = None,
        feature_names: Sequence[str] | None = None,
        scoring: str = "score",
    ) -> None:
        weights = np.asarray(weights)
        if weights.ndim != 2 or len(weights) != len(param_range) or len(support) != len(weights):
            raise ValueError(
                "weights must have a row for each value of param_range, and support a number; got "
                f"shapes {weights.shape} and {np.shape(support)} for {len(param_range)} values."
            )
        self.param_name, self.param_range, self.signed = param_name, [*param_range], signed
        self.weights, self.support = weights, np.asarray(support)
        self.train_scores, self.test_scores = train_scores, test_scores
        names = range(weights.shape[1]) if feature_names is None else feature_names
        self.feature_names = [str(name) for name in names]
        self.scoring = scoring

    @property
    def best_index_(self) -> int:
        if self.test_scores is None:
            raise AttributeError("best_index_ is there with test scores: from_estimator(..., cv=5)")
        return int(np.nanargmax(self.test_scores.mean(1)))

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: Any,
        *,
        param_name: str,
        param_range: Sequence[Any],
        cv: Any = 5,
        scoring: Any = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        kind: str | Sequence[str] = _KINDS,
        ax: Any = None,
    ) -> RegularizationPathDisplay:
        """Fit an estimator at every strength, and plot its path.

        Parameters
        ----------
        estimator : estimator
            Any with ``coef_`` or ``coefs_``, or a pipeline that ends with one.
        X, y : array-like
        param_name : str
            The strength, ``step__name`` within a pipeline.
        param_range : sequence
            Its values.
        cv : int, splitter or None, default=5
            Folds for the error; None leaves it out.
        scoring : str or callable, optional
            By default the estimator's own score.
        warm_start : bool, default=False
            Fit the strengths on all rows one after another in the order given, each beginning at
            the last one's weights. By default all are fitted afresh and, inside of
            ``fit_together()``, side by side. The error's fits are always afresh.
        n_jobs : int, optional
        kind : str or sequence of them, default=("weights", "support", "error")
            See :meth:`plot`.
        ax : matplotlib Axes or array of them, optional

        Returns
        -------
        RegularizationPathDisplay
            Plotted.

        Raises
        ------
        ValueError
            If there is no such parameter, or no weights once it is fitted.
        """
        values = [] if isinstance(param_range, str | set | dict) else param_range
        values = [*values] if np.iterable(values) else []
        if not values:
            raise ValueError(
                f"param_range={param_range!r}; expected a sequence of one strength or more."
            )
        param_range = values
        X, y = indexable(X, y)
        candidates = [clone(estimator).set_params(**{param_name: value}) for value in param_range]
        splits = []
        scorer = None
        if cv is not None:
            splits = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))
            if isinstance(scoring, list | tuple | set | dict):
                raise ValueError(
                    f"scoring={scoring!r} is several scores, and one is drawn. Give one of them."
                )
            scorer = check_scoring(estimator, scoring)
        whole = [] if warm_start else [(candidate, None) for candidate in candidates]
        parts = [(candidate, split) for candidate in candidates for split in splits]
        found = Parallel(n_jobs=n_jobs)(
            delayed(_fit_and_measure)(clone(candidate), X, y, split, scorer)
            for candidate, split in [*whole, *parts]
        )
        if warm_start:
            paths = _warm_path(estimator, X, y, param_name, param_range)
        else:
            paths = found[: len(whole)]
        weights, signed = zip(*paths)
        scores = np.array(found[len(whole) :]).reshape(len(candidates), len(splits), 2)
        display = cls(
            param_name=param_name,
            param_range=param_range,
            weights=np.array([_summary(each) for each in weights]),
            support=np.array([np.count_nonzero(each.any(0)) for each in weights]),
            signed=signed[0],
            train_scores=scores[..., 0] if splits else None,
            test_scores=scores[..., 1] if splits else None,
            feature_names=_names(X, weights[0].shape[1]),
            scoring=scoring if isinstance(scoring, str) else _score_name(estimator, scoring),
        )
        return display.plot(ax, kind=kind)

    def plot(
        self, ax: Any = None, *, kind: str | Sequence[str] = _KINDS
    ) -> RegularizationPathDisplay:
        """Draw one panel or several above one another.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, optional
            As many as there are panels; by default a new figure.
        kind : {"weights", "support", "error"} or sequence of them
            What to draw. Without scores there is no error, and it is left out of the default.

        Returns
        -------
        RegularizationPathDisplay
            This display, with ``axes_`` and ``figure_`` set.
        """
        kinds = [kind] if isinstance(kind, str) else list(kind)
        unknown = [each for each in kinds if each not in _KINDS]
        if unknown or not kinds:
            raise ValueError(f"kind must be of {', '.join(_KINDS)}; got {kind!r}.")
        if self.test_scores is None and "error" in kinds:
            if kinds != list(_KINDS):
                raise ValueError("There are no scores to draw the error of. Give cv=5.")
            kinds.remove("error")
        axes = self._axes(ax, len(kinds))
        for panel, each in zip(axes, kinds):
            getattr(self, f"_plot_{each}")(panel, set_value_axis(panel, self.param_range))
            panel.spines[["top", "right"]].set_visible(False)
        axes[-1].set_xlabel(self.param_name)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def frame(self) -> pd.DataFrame:
        """Return one row for each strength and feature.

        Returns
        -------
        DataFrame
            ``param_name``, ``param_value``, ``feature``, ``weight``, ``support`` and, with scores,
            the means ``train_score`` and ``test_score``.
        """
        n_values, n_features = self.weights.shape
        values = [value for value in self.param_range for _ in range(n_features)]
        frame = pd.DataFrame(
            {
                "param_name": self.param_name,
                "param_value": values,
                "feature": self.feature_names * n_values,
                "weight": self.weights.ravel(),
                "support": np.repeat(self.support, n_features),
            }
        )
        if self.test_scores is not None and self.train_scores is not None:
            frame["train_score"] = np.repeat(self.train_scores.mean(1), n_features)
            frame["test_score"] = np.repeat(self.test_scores.mean(1), n_features)
        return frame

    # ------------------------------------------------------------------ panels

    def _axes(self, ax: Any, n: int) -> np.ndarray:
        if ax is not None:
            axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
            if len(axes) != n:
                raise ValueError(f"There are {n} panels to draw, and ax holds {len(axes)} axes.")
            return axes
        first = axes_or_new(None, self)
        figure: Any = first.figure
        figure.clear()
        figure.set_size_inches(6.4, 1.4 + 2.4 * n)
        return np.atleast_1d(figure.subplots(n, sharex=True))

    def _plot_weights(self, ax: Axes, x: np.ndarray) -> None:
        largest = np.abs(self.weights).max(0)
        named = np.argsort(-largest, kind="stable")[:_MAX_NAMED]
        if len(largest) > _MAX_NAMED:
            others = [j for j in range(len(largest)) if j not in named]
            ax.plot(x, self.weights[:, others], color=PALETTE["grey"], linewidth=0.6, alpha=0.6)
        colors = [color for name, color in PALETTE.items() if name not in ("grey", "yellow")]
        styles = ["-", "--"]
        for i, j in enumerate(sorted(named)):
            ax.plot(
                x,
                self.weights[:, j],
                color=colors[i % len(colors)],
                linestyle=styles[i // len(colors)],
                label=self.feature_names[j],
            )
        if self.signed:
            ax.axhline(0, color=PALETTE["black"], linewidth=0.6)
        ax.set_ylabel("Weight" if self.signed else "2-norm of an\ninput's weights")
        title = "Largest of all" if len(largest) > _MAX_NAMED else None
        ax.legend(
            title=title, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5)
        )

    def _plot_support(self, ax: Axes, x: np.ndarray) -> None:
        ax.step(x, self.support, where="mid", color=PALETTE["black"], marker="o", markersize=3)
        ax.set_ylim(0, self.weights.shape[1] * 1.05)
        ax.set_ylabel("Inputs in use")

    def _plot_error(self, ax: Axes, x: np.ndarray) -> None:
        assert self.train_scores is not None
        assert self.test_scores is not None
        curves = [
            ("rows fitted on", self.train_scores, PALETTE["blue"], "--"),
            ("rows left out", self.test_scores, PALETTE["vermillion"], "-"),
        ]
        for label, scores, color, style in curves:
            mean, n_folds = scores.mean(1), scores.shape[1]
            error = scores.std(1, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.zeros_like(mean)
            ax.plot(x, mean, color=color, linestyle=style, marker="o", markersize=3, label=label)
            if is_numeric(self.param_range):
                ax.fill_between(x, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
            else:
                ax.vlines(x, mean - error, mean + error, color=color)
        best = x[self.best_index_]
        ax.axvline(best, color=PALETTE["grey"], linestyle=":", label="best")
        ax.set_ylabel(self.scoring)
        one = self.test_scores.shape[1] == 1
        title = "One fold" if one else "Mean ± standard error of folds"
        ax.legend(title=title, frameon=False, fontsize="small")

    def __repr__(self) -> str:
        text = (
            f"RegularizationPathDisplay: {len(self.param_range)} values of {self.param_name}, "
            f"{self.support.min()} to {self.support.max()} of {self.weights.shape[1]} inputs in use"
        )
        if self.test_scores is not None:
            best = self.param_range[self.best_index_]
            text += f", best at {f'{best:.4g}' if is_numeric([best]) else repr(best)}"
        return text


def _fit_and_measure(estimator: Any, X: Any, y: Any, split: Any, scorer: Any) -> Any:
    """Return the weights of a fit on all rows, or the two scores of a fold."""
    if split is None:
        return _weights_of(estimator.fit(X, y))
    train, test = split
    X_train, y_train = _safe_indexing(X, train), _safe_indexing(y, train)
    estimator.fit(X_train, y_train)
    held_out = scorer(estimator, _safe_indexing(X, test), _safe_indexing(y, test))
    return scorer(estimator, X_train, y_train), held_out


def _warm_path(
    estimator: Any, X: Any, y: Any, param_name: str, param_range: Sequence[Any]
) -> list[tuple[np.ndarray, bool]]:
    prefix = param_name.rpartition("__")[0]
    warm = f"{prefix}__warm_start" if prefix else "warm_start"
    path = clone(estimator)
    if warm not in path.get_params():
        raise ValueError(
            f"warm_start=True goes on from the last strength's weights, and "
            f"{type(estimator).__name__} has no parameter {warm}. Leave warm_start=False."
        )
    path.set_params(**{warm: True})
    return [_weights_of(path.set_params(**{param_name: value}).fit(X, y)) for value in param_range]


def _weights_of(estimator: Any) -> tuple[np.ndarray, bool]:
    """Weights (outputs or units, n_features) that leave the inputs, and whether it is one layer."""
    last = inside(estimator, "coef_")
    if len(getattr(last, "coefs_", ())) > 1:
        return np.asarray(last.coefs_[0]).reshape(last.coefs_[0].shape[0], -1).T, False
    if hasattr(last, "members_"):
        raise ValueError(
            f"{type(last).__name__} is an ensemble of {len(last.members_)} networks, each with "
            "weights of its own, so that there is no one path. Follow one network: set n_members=1 "
            "and bootstrap=False, and switch off a regularizer that keeps several."
        )
    if not hasattr(last, "coef_"):
        raise ValueError(
            f"{type(last).__name__} has neither coef_ nor coefs_ once it is fitted, so that there "
            "are no weights to follow."
        )
    coef = last.coef_.toarray() if hasattr(last.coef_, "toarray") else np.asarray(last.coef_)
    coef = np.atleast_2d(coef)
    return coef, len(coef) == 1


def _names(X: Any, n_features: int) -> Sequence[str] | None:
    """The columns of X, if it is these that weights are of."""
    names = getattr(X, "columns", None)
    return names if names is not None and len(names) == n_features else None


def _summary(weights: np.ndarray) -> np.ndarray:
    """One number for each input."""
    return weights[0] if len(weights) == 1 else np.sqrt(np.square(weights).sum(0))


def _score_name(estimator: Any, scoring: Any) -> str:
    if scoring is not None:
        return getattr(scoring, "__name__", "Score")
    return "Accuracy" if is_classifier(estimator) else "R²"
