"""Ensembles: several networks of one estimator, trained side by side (section 7.11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from scipy.sparse import issparse
from scipy.special import log_expit, log_softmax, logsumexp
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_array, check_random_state
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import _check_sample_weight, _num_samples

from ._missing import accuracy, r_squared
from ._strengths import regularizers_on

if TYPE_CHECKING:
    from ._base import BaseNet

_MAX_SEED = np.iinfo(np.int32).max
_CURVES = ("loss_curve_", "validation_loss_curve_", "validation_scores_")
_OUT_OF_BAG = ("oob_score_", "oob_decision_function_", "oob_prediction_")
_NOT_ITS_OWN = ("best_epoch_", "random_state")


def is_ensemble(estimator: BaseNet) -> bool:
    """Whether an estimator is several networks, or one of rows drawn anew."""
    return bool(estimator.n_members > 1 or estimator.bootstrap)


def pooled(loss: str, z: np.ndarray) -> np.ndarray:
    """Outputs whose prediction is the mean of the members': z [k, n, outputs] -> [n, outputs].

    The mean is of numbers, counts or probabilities, after the link of the loss.
    """
    if loss == "squared_error":
        return z.mean(0)
    wide = z.astype(np.float64)
    if loss == "logistic":
        found = logsumexp(log_expit(wide), axis=0) - logsumexp(log_expit(-wide), axis=0)
    else:
        logs = log_softmax(wide, axis=2) if loss == "cross_entropy" else wide
        found = logsumexp(logs, axis=0) - np.log(len(z))
    return found.astype(z.dtype)


# ---------------------------------------------------------------------- fitting


def fit_members(estimator: BaseNet, method: str, X: Any, y: Any, given: Mapping[str, Any]) -> None:
    """Fit all members by `method`, "fit" or "partial_fit", side by side."""
    for name, regularizer in regularizers_on(estimator).items():
        if regularizer.has_members:
            raise ValueError(
                f"{name} keeps several networks of one training, and n_members="
                f"{estimator.n_members} and bootstrap={estimator.bootstrap} train several. Switch "
                f"{name} off, or set n_members=1 and bootstrap=False."
            )
    going_on = estimator.__sklearn_is_fitted__() and (
        method == "partial_fit" or estimator.warm_start
    )
    X = X.tocsr() if issparse(X) else X
    members = _go_on(estimator) if going_on else _begin(estimator)
    rows = [_rows(estimator, seed, X, given.get("sample_weight")) for _, seed in members]
    nets = [net for net, _ in members]
    with _side_by_side():
        fitted = Parallel()(
            delayed(_fit)(
                net, method, X, y, {**given, **({} if c is None else {"sample_weight": c})}
            )
            for net, c in zip(nets, rows)
        )
    _take(estimator, fitted, [seed for _, seed in members])
    if estimator.bootstrap:
        _score_out_of_bag(estimator, fitted, rows, X, y)


def _fit(net: BaseNet, method: str, X: Any, y: Any, given: dict[str, Any]) -> BaseNet:
    return getattr(net, method)(X, y, **given)


def _begin(estimator: BaseNet) -> list[tuple[BaseNet, int]]:
    """Fresh members and the seed of each, as scikit-learn's ensembles draw them."""
    rng = check_random_state(estimator.random_state)
    if estimator.random_state is None:
        rng = np.random.RandomState(np.random.SeedSequence().generate_state(4))
    seeds = rng.randint(_MAX_SEED, size=estimator.n_members).tolist()
    return [(_member(estimator, seed), seed) for seed in seeds]


def _member(estimator: BaseNet, seed: int) -> BaseNet:
    own = int(check_random_state(seed).randint(_MAX_SEED))
    return clone(estimator).set_params(n_members=1, bootstrap=False, random_state=own)


def _go_on(estimator: BaseNet) -> list[tuple[BaseNet, int]]:
    check_going_on(estimator)
    if "_seeds" not in vars(estimator):
        raise ValueError(
            "bootstrap=True draws rows for the networks of an ensemble, and training goes on with "
            "a network that was fitted without. Set bootstrap=False, or clone the estimator."
        )
    return list(zip(members_of(estimator), estimator._seeds))


def check_going_on(estimator: BaseNet) -> None:
    """Refuse to go on with another number of networks than were trained side by side."""
    had = len(vars(estimator).get("_seeds", (None,)))
    if had != estimator.n_members:
        raise ValueError(
            f"Training goes on with the {had} fitted network{'s' * (had > 1)}, and n_members is "
            f"{estimator.n_members}. Set n_members={had}, or clone the estimator."
        )


def forget_members(estimator: BaseNet) -> None:
    """Remove what one network alone does not have."""
    for name in ("_members", "_seeds", *_OUT_OF_BAG):
        estimator.__dict__.pop(name, None)


def _rows(estimator: BaseNet, seed: int, X: Any, sample_weight: Any) -> np.ndarray | None:
    """How often each row is drawn, as by scikit-learn's bagging; None without bootstrap.

    Rows are drawn as likely as they weigh.
    """
    if not estimator.bootstrap:
        return None
    checked = check_array(
        X, accept_sparse=True, dtype=None, ensure_all_finite=False, estimator=estimator
    )
    n, n_features = checked.shape
    rng = check_random_state(seed)
    sample_without_replacement(n_features, n_features, random_state=rng)  # bagging draws columns
    if sample_weight is None:
        drawn = rng.randint(0, n, n)
    else:
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        if not weight.any():
            raise ValueError(
                "Every row has weight zero, so that bootstrap=True can draw none. Give at least "
                "one row a positive sample_weight."
            )
        drawn = rng.choice(n, n, replace=True, p=weight / np.sum(weight))
    return np.bincount(drawn, minlength=n)


@contextmanager
def _side_by_side() -> Iterator[None]:
    """Train as part of the block that is open, or of one of this fit's own in this process."""
    from .together import fit_together
    from .together.backend import TogetherBackend

    if isinstance(get_active_backend()[0], TogetherBackend):
        yield
    else:
        with fit_together(n_trainers=1):
            yield


def _take(estimator: BaseNet, fitted: list[BaseNet], seeds: list[int]) -> None:
    """Leave in the estimator what its members have learned."""
    params = estimator.get_params(deep=False)
    states = [net.__getstate__() for net in fitted]
    states = [
        {n: v for n, v in s.items() if n not in params or n == "random_state"} for s in states
    ]
    own = {n: v for n, v in states[0].items() if n not in _NOT_ITS_OWN}
    forget_members(estimator)
    estimator.__dict__.pop("best_epoch_", None)
    estimator.__dict__.update(own)
    for name in _CURVES:
        if name in own:
            setattr(estimator, name, _mean_curve([state[name] for state in states]))
    parts = [state["objective_parts_"] for state in states]
    estimator.objective_parts_ = {name: _mean_curve([p[name] for p in parts]) for name in parts[0]}
    estimator.loss_ = float(np.mean([state["loss_"] for state in states]))
    for name in ("n_iter_", "t_"):
        setattr(estimator, name, max(state[name] for state in states))
    estimator._members, estimator._seeds = states, seeds


def _mean_curve(curves: list[list[float]]) -> list[float]:
    """Mean at each epoch, over the members that were still trained."""
    epochs = zip_longest(*curves)
    return [float(np.mean([v for v in epoch if v is not None])) for epoch in epochs]


def members_of(estimator: BaseNet) -> list[BaseNet]:
    """The members as estimators of one network each."""
    found = []
    for state in estimator._members:
        net = clone(estimator).set_params(n_members=1, bootstrap=False)
        net.__dict__.update(state)
        found.append(net)
    return found


# ---------------------------------------------------------------------- out of bag


def _score_out_of_bag(
    estimator: BaseNet, fitted: list[BaseNet], rows: list[np.ndarray | None], X: Any, y: Any
) -> None:
    """Predict each row by the members that were not shown it."""
    X = X if issparse(X) or hasattr(X, "columns") else np.asarray(X)
    total: Any = 0.0
    count = np.zeros(_num_samples(X))
    for net, drawn in zip(fitted, rows):
        out = np.flatnonzero(drawn == 0)
        if not len(out):
            continue
        found = _predicted(net, _safe_indexing(X, out))
        part = np.zeros((len(count), *found.shape[1:]))
        part[out] = found
        total = total + part
        count[out] += 1
    y = y.toarray() if issparse(y) else np.asarray(y)
    seen = count > 0
    estimator.oob_score_ = np.nan
    if not seen.any():
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count.reshape(-1, *[1] * (total.ndim - 1))
    mean[~seen] = np.nan
    if not hasattr(estimator, "predict_proba"):
        estimator.oob_prediction_ = mean
        estimator.oob_score_ = r_squared(y[seen], mean[seen]) if seen.sum() > 1 else np.nan
        return
    estimator.oob_decision_function_ = mean
    if estimator._labels.several:
        labels = (mean[seen] > 0.5).astype(int)
    else:
        labels = estimator.classes_[mean[seen].argmax(1)]
    estimator.oob_score_ = accuracy(y[seen], labels)


def _predicted(net: BaseNet, X: Any) -> np.ndarray:
    return net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
