"""Adversarial examples for fitted networks, and scores on them (section 7.13)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.nn import functional as F

from ._base import BaseNet
from ._missing import fill_missing, refuse_missing
from ._threads import in_one_thread
from .ranges import Range
from .regularizers.ascent import climb

_ROWS = 512  # attacked at once
_SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
_CONSTRAINTS: dict[str, Any] = {
    "eps": [Range(Real, 0, None, closed="left"), "array-like"],
    "steps": [Range(Integral, 1, None, closed="left")],
    "clip": [None, tuple, list],
}


@in_one_thread
@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def adversarial_examples(
    estimator: Any,
    X: Any,
    y: Any,
    eps: float,
    *,
    steps: int = 1,
    norm: float = math.inf,
    clip: tuple[float, float] | None = None,
) -> np.ndarray:
    """Return rows within `eps` of X at which a fitted network's loss is large (section 7.13).

    One step is the fast gradient (sign) method of Goodfellow et al. 2015, several are the projected
    gradient ascent of Madry et al. 2018, from X itself. Along the way the loss is that of training
    without regularizers, up to a factor a row that keeps its gradient from vanishing where
    probabilities round to 1.

    Parameters
    ----------
    estimator : NetClassifier, NetRegressor or Pipeline
        Fitted. The steps of a pipeline before the network may be scalers: ``StandardScaler``,
        ``MinMaxScaler``, ``MaxAbsScaler`` and ``RobustScaler``.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The truth, from which predictions are led away. Of several columns, NaN is missing: these
        predictions are led nowhere.
    eps : float >= 0
        Radius, in units of X.
    steps : int, default=1
    norm : {inf, 2}, default=inf
        Norm of the ball.
    clip : (float, float), optional
        Smallest and largest number that a feature may be, (0, 1) for images say. Those of X are
        within.

    Returns
    -------
    ndarray of shape (n_samples, n_features)

    Raises
    ------
    TypeError
        For another estimator, and for a pipeline with other steps.
    ValueError
        For numbers that make no sense.

    See Also
    --------
    adversarial_score : How well predictions hold there.
    Adversarial : Training on such examples.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier, adversarial_examples
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), learning_rate=0.01, random_state=0).fit(X, y)
    >>> moved = adversarial_examples(net, X, y, 0.3, steps=5)
    >>> float(np.abs(moved - X).max().round(12))
    0.3
    """
    net, scalers = _parts(estimator)
    _check(eps, norm, clip)
    check_is_fitted(net)
    scale, offset = _affine(scalers)
    if issparse(X):
        raise TypeError(
            "Adversarial examples of sparse rows are dense. Give X.toarray(), or a part of it."
        )
    X = validate_data(
        scalers[0] if scalers else net, X, reset=False, dtype=[np.float64, np.float32]
    )
    y, there = fill_missing(np.asarray(y))
    refuse_missing(y)
    _check_inside(X, clip)
    if len(y) != len(X):
        raise ValueError(f"X has {len(X)} rows and y {len(y)}. Give both of the same rows.")
    target = torch.from_numpy(net._targets.encode(y, X.dtype))
    if there is not None:
        target[torch.from_numpy(~there)] = torch.nan
    rows = torch.from_numpy(X.copy())
    attack = _Attack(net, scale, offset, rows.dtype)
    parts = [
        attack(rows[i : i + _ROWS], target[i : i + _ROWS], float(eps), int(steps), norm, clip)
        for i in range(0, len(rows), _ROWS)
    ]
    return torch.cat(parts).numpy()


def adversarial_score(
    estimator: Any,
    X: Any,
    y: Any,
    eps: Any,
    *,
    steps: int = 1,
    norm: float = math.inf,
    clip: tuple[float, float] | None = None,
    scoring: Any = None,
    sample_weight: Any = None,
) -> Any:
    """Return the score of a fitted network on adversarial examples (section 7.13).

    Parameters
    ----------
    estimator, X, y, steps, norm, clip
        As of `adversarial_examples`.
    eps : float or array-like of float
        Radius, or several.
    scoring : str, callable or None
        What is measured, as in scikit-learn; None is the estimator's ``score``: accuracy or R^2.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float, or ndarray of shape (n_eps,)

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from wellposed import NetClassifier, adversarial_score
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NetClassifier((64,), learning_rate=0.01, max_epochs=20, random_state=0)
    >>> net = net.fit(X[:1000] / 16, y[:1000])
    >>> clean, attacked = adversarial_score(net, X[1000:] / 16, y[1000:], [0, 0.1], clip=(0, 1))
    >>> bool(clean > 0.9 > attacked)
    True
    """
    scorer = check_scoring(estimator, scoring)
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    scores = []
    for each in np.ravel(eps).tolist():
        moved: Any = adversarial_examples(estimator, X, y, each, steps=steps, norm=norm, clip=clip)
        if hasattr(X, "columns"):
            moved = type(X)(moved, columns=X.columns, index=X.index)
        scores.append(scorer(estimator, moved, y, **weight))
    return float(scores[0]) if np.ndim(eps) == 0 else np.array(scores)


class _Attack:
    """Gradient ascent on the loss of a fitted network, or ensemble, behind a scaling."""

    def __init__(
        self, net: BaseNet, scale: np.ndarray | None, offset: np.ndarray | None, dtype: torch.dtype
    ) -> None:
        members = net._members if net._has_members else [vars(net)]
        self.networks = [
            (member["_network"], member["_state"].theta.to("cpu", dtype)[None])
            for member in members
        ]
        self.loss, self.n_outputs = net._made_by.loss, net.n_outputs_  # without further tasks
        like = torch.zeros((), dtype=dtype)
        self.scale = None if scale is None else torch.as_tensor(scale).to(like)[:, None]
        self.offset = None if offset is None else torch.as_tensor(offset).to(like)[:, None]

    def __call__(
        self, rows: Tensor, target: Tensor, eps: float, steps: int, norm: float, clip: Any
    ) -> Tensor:
        x, goal = rows.T[None], target.T[None]

        def slope(x: Tensor) -> Tensor:
            at = (x if clip is None else x.clamp(*clip)).detach().requires_grad_()
            with torch.enable_grad():
                return torch.autograd.grad(self._loss(at, goal).sum(), at)[0]

        moved = climb(x, slope, x.new_full((1, 1, 1), eps), steps, norm)
        return (moved if clip is None or not eps else moved.clamp(*clip))[0].T.contiguous()

    def _outputs(self, x: Tensor) -> Tensor:
        """Outputs [members, outputs, B] of x [1, inputs, B]."""
        if self.scale is not None and self.offset is not None:
            x = x * self.scale + self.offset
        found = []
        for network, theta in self.networks:
            padded = F.pad(x, (0, 0, 0, network.n_inputs_padded - x.shape[1]))
            found.append(network.forward(*network.parameters(theta), padded)[:, : self.n_outputs])
        return torch.cat(found)

    def _loss(self, x: Tensor, target: Tensor) -> Tensor:
        """What is made large: of each row, something that grows with its loss."""
        z, there, target = self._outputs(x), ~target.isnan(), target.nan_to_num()
        if self.loss == "squared_error":
            return ((z.mean(0, keepdim=True) - target).square() * there).sum(1)
        if self.loss == "poisson":
            log_mean = torch.logsumexp(z, 0, keepdim=True) - math.log(len(z))
            return ((log_mean.exp() - target * log_mean) * there).sum(1)
        if self.loss == "logistic":
            wrong = torch.logsumexp(F.logsigmoid(-(2 * target - 1) * z), 0)
            right = torch.logsumexp(F.logsigmoid((2 * target - 1) * z), 0)
            against = wrong - right  # log odds of the wrong label
            return against if len(against) == 1 else F.softplus(against) * there[0]
        log_p = torch.logsumexp(torch.log_softmax(z, 1), 0)
        others = log_p.masked_fill(target[0] > 0.5, -torch.inf)
        return torch.logsumexp(others, 0) - (log_p * target[0]).sum(0)


def _parts(estimator: Any) -> tuple[BaseNet, list[Any]]:
    """The network, and the scalers before it."""
    if isinstance(estimator, BaseNet):
        return estimator, []
    if not isinstance(estimator, Pipeline) or not isinstance(estimator.steps[-1][1], BaseNet):
        raise TypeError(
            f"Adversarial examples are made for NetClassifier and NetRegressor, alone or at the "
            f"end of a pipeline of scalers, got {type(estimator).__name__}. Give the network, or "
            "best_estimator_ of a search."
        )
    steps = [part for part in estimator.steps[:-1] if part[1] not in (None, "passthrough")]
    for name, step in steps:
        if not isinstance(step, _SCALERS) or getattr(step, "clip", False):
            raise TypeError(
                f"The step {name!r} of the pipeline, {type(step).__name__}, does more than scale "
                "each feature, and its gradient is not known. Score the network on what it is "
                "shown: adversarial_score(pipe[-1], pipe[:-1].transform(X), y, eps)."
            )
    return estimator.steps[-1][1], [step for _, step in steps]


def _affine(scalers: Sequence[Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Scale and offset of each feature: what becomes of 0 and 1."""
    if not scalers:
        return None, None
    for scaler in scalers:
        check_is_fitted(scaler)
    zeros = np.zeros((1, scalers[0].n_features_in_))
    ends = [zeros, np.ones_like(zeros)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        for scaler in scalers:
            ends = [np.asarray(scaler.transform(end)) for end in ends]
    return (ends[1] - ends[0])[0], ends[0][0]


def _check(eps: Any, norm: Any, clip: Sequence[float] | None) -> None:
    if not isinstance(eps, Real):
        raise ValueError(f"eps={eps!r} must be one number >= 0; adversarial_score takes several.")
    if norm not in (2, math.inf):
        raise ValueError(f"norm={norm!r} must be 2 or inf (numpy.inf).")
    numbers = clip is None or all(isinstance(end, Real) for end in clip)
    if clip is not None and not (numbers and len(clip) == 2 and clip[0] < clip[1]):
        raise ValueError(
            f"clip={clip!r} must be the smallest and the largest number of a feature, (0, 1) say."
        )


def _check_inside(X: np.ndarray, clip: Sequence[float] | None) -> None:
    """Refuse rows that clipping would move by itself, further than the radius allows."""
    if clip is None:
        return
    smallest, largest = float(X.min()), float(X.max())
    rounding = 1e-6 * max(abs(smallest), abs(largest))
    if smallest < clip[0] - rounding or largest > clip[1] + rounding:
        raise ValueError(
            f"X holds numbers from {smallest:g} to {largest:g}, and clip={clip!r} is what features "
            "may be. Give the smallest and the largest number in units of X, or clip X itself."
        )
