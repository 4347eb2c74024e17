"""The objective, what its parts are, and the validation loss, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from .._axes import PALETTE, axes_or_new
from ._inside import inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class TrainingCurveDisplay:
    """The objective of a fitted network against its epochs.

    Make one with :meth:`from_estimator`, or from curves that are there already.

    Parameters
    ----------
    objective : sequence of float of length n_epochs
    validation : sequence of float, optional
        Validation loss J after each epoch.
    validation_scores : sequence of float, optional
        Where there are scores and no losses.
    best_epoch : int, optional
        1-based.
    parts : mapping of str to sequence of float, optional
        What regularizers add to the objective: after each epoch, or at the end alone.

    Attributes
    ----------
    loss : ndarray of shape (n_epochs,)
        The objective without the parts: the mean loss J, where they are known of every epoch.
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier, TrainingCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), l2=1e-2, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(net)
    >>> list(display.parts)
    ['l2']
    >>> display.best_epoch == net.best_epoch_
    True
    """

    def __init__(
        self,
        objective: Sequence[float],
        *,
        validation: Sequence[float] | None = None,
        validation_scores: Sequence[float] | None = None,
        best_epoch: int | None = None,
        parts: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.objective = np.asarray(objective, dtype=np.float64)
        if self.objective.ndim != 1 or not len(self.objective):
            raise ValueError(
                f"objective must hold one number an epoch, got shape {self.objective.shape}."
            )
        self.validation = None if validation is None else np.asarray(validation, dtype=np.float64)
        scores = validation_scores
        self.validation_scores = None if scores is None else np.asarray(scores, dtype=np.float64)
        self.best_epoch = best_epoch
        self.parts = {name: np.asarray(part) for name, part in (parts or {}).items()}
        for name, part in self.parts.items():
            if len(part) not in (1, len(self.objective)):
                raise ValueError(
                    f"parts[{name!r}] holds {len(part)} numbers for {len(self.objective)} epochs; "
                    "expected one an epoch, or one for the end."
                )

    @property
    def loss(self) -> np.ndarray:
        whole = [part for part in self.parts.values() if len(part) == len(self.objective)]
        return self.objective - sum(whole)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, ax: Axes | None = None
    ) -> TrainingCurveDisplay:
        """Plot the training of an estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted, or else fitted to X and y: ours, a pipeline, search or
            ``TransformedTargetRegressor`` with it inside, or any with ``loss_curve_``, such as
            scikit-learn's MLP.
        X, y : array-like, optional
            Where the estimator is not fitted yet, which is left as it is.
        ax : matplotlib Axes, optional

        Returns
        -------
        TrainingCurveDisplay
            Plotted.

        Raises
        ------
        ValueError
            If it records no loss.
        NotFittedError
            If it is neither fitted nor given X and y.
        """
        if X is not None:
            from sklearn.base import clone

            estimator = clone(estimator).fit(X, y)
        check_is_fitted(estimator)
        last = inside(estimator, "loss_curve_")
        if not hasattr(last, "loss_curve_"):
            raise ValueError(
                f"{type(last).__name__} has no loss_curve_, so that there is no training to draw. "
                "Give a NetClassifier, a NetRegressor, or another network trained in epochs."
            )
        validation = getattr(last, "validation_loss_curve_", None)
        display = cls(
            last.loss_curve_,
            validation=validation,
            validation_scores=getattr(last, "validation_scores_", None),
            best_epoch=getattr(last, "best_epoch_", None),
            parts=getattr(last, "objective_parts_", None),
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> TrainingCurveDisplay:
        """Draw the curves.

        The objective stands above the mean loss by what the regularizers add, an area each; the
        best epoch is marked on the validation loss. The axis is logarithmic where the curves span
        more than a factor of 20 and none is zero or below.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to plot; by default a new figure.

        Returns
        -------
        TrainingCurveDisplay
            This display, with ``ax_`` and ``figure_`` set.
        """
        ax = axes_or_new(ax, self)
        epochs = np.arange(1, len(self.objective) + 1)
        self._plot_parts(ax, epochs)
        ax.plot(epochs, self.objective, color=PALETTE["black"], label="objective")
        if self.validation is not None:
            self._plot_validation(ax)
        elif self.validation_scores is not None:
            self._plot_scores(ax)
        self._scale(ax)
        ax.set_xlabel("Epoch")
        ax.set_ylabel("Loss")
        ax.spines["top"].set_visible(False)
        ax.legend(frameon=False, loc="center right" if self.validation is None else "best")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def frame(self) -> pd.DataFrame:
        """Return one row for each epoch.

        Returns
        -------
        DataFrame
            ``epoch``, ``objective``, ``loss``, a column for each part that is known of every
            epoch, and ``validation_loss`` and ``validation_score`` where there are any.
        """
        frame = pd.DataFrame({"epoch": np.arange(1, len(self.objective) + 1)})
        frame["objective"], frame["loss"] = self.objective, self.loss
        others = {
            **self.parts,
            "validation_loss": self.validation,
            "validation_score": self.validation_scores,
        }
        for name, values in others.items():
            if values is not None and len(values) > 1:
                frame[name] = pd.Series(values)
        return frame

    def _plot_parts(self, ax: Axes, epochs: np.ndarray) -> None:
        whole = {name: p for name, p in self.parts.items() if len(p) == len(epochs)}
        if not whole:
            return
        floor = self.loss
        ax.plot(epochs, floor, color=PALETTE["blue"], label="mean loss J")
        colors = [PALETTE[name] for name in ("orange", "sky", "green", "purple", "yellow")]
        for i, (name, part) in enumerate(whole.items()):
            ax.fill_between(
                epochs,
                floor,
                floor + part,
                color=colors[i % len(colors)],
                alpha=0.6,
                linewidth=0,
                label=f"added by {name}",
            )
            floor = floor + part

    def _plot_validation(self, ax: Axes) -> None:
        assert self.validation is not None
        epochs = np.arange(1, len(self.validation) + 1)
        color = PALETTE["vermillion"]
        ax.plot(epochs, self.validation, color=color, linestyle="--", label="validation loss")
        if self.best_epoch is not None:
            at = self.best_epoch, self.validation[self.best_epoch - 1]
            ax.plot(*at, "o", color=color, label=f"best epoch, {self.best_epoch}")

    def _plot_scores(self, ax: Axes) -> None:
        assert self.validation_scores is not None
        epochs = np.arange(1, len(self.validation_scores) + 1)
        color = PALETTE["vermillion"]
        twin = ax.twinx()
        twin.plot(epochs, self.validation_scores, color=color, linestyle="--")
        twin.set_ylabel("Validation score", color=color)
        ax.plot([], [], color=color, linestyle="--", label="validation score")

    def _scale(self, ax: Axes) -> None:
        curves = [self.objective, self.loss]
        if self.validation is not None:
            curves.append(self.validation)
        values = np.concatenate(curves)
        values = values[np.isfinite(values)]
        if len(values) and values.min() > 0 and values.max() > 20 * values.min():
            ax.set_yscale("log")

    def __repr__(self) -> str:
        text = (
            f"TrainingCurveDisplay: {len(self.objective)} epochs, objective "
            f"{self.objective[0]:.4g} to {self.objective[-1]:.4g}"
        )
        return text if self.best_epoch is None else f"{text}, best epoch {self.best_epoch}"
