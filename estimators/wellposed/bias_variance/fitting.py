"""Fit estimators to the same training sets and split their expected errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.utils import indexable
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples
from threadpoolctl import threadpool_limits

from .log import decompose_log
from .result import Array, BiasVarianceResult
from .side_by_side import together_by_default
from .squared import decompose_squared
from .training_sets import (
    Draws,
    KnownTruth,
    TrainingSet,
    hold_out,
    resamples,
    root_seed,
    seed_estimator,
)
from .zero_one import decompose_zero_one

_CONSTRAINTS = {
    "estimator": [HasMethods(["fit", "predict"])],
    "loss": [StrOptions({"auto", "squared", "zero_one", "log"})],
    "sampling": [StrOptions({"auto", "independent", "bootstrap", "splits", "subsample"})],
    "n_repetitions": [Interval(Integral, 2, None, closed="left")],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    "train_size": [
        Interval(Integral, 2, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
        None,
    ],
    "fit_params": [Mapping, None],
}


class World(NamedTuple):
    """Where training sets come from, and what is known at the test points."""

    sampling: str
    sampler: Callable[[int], TrainingSet]
    X_test: Any
    targets: dict[str, Any]
    classes: Array


def bias_variance_of(
    estimators: Sequence[BaseEstimator],
    X: Any,
    y: Any = None,
    *,
    loss: str = "auto",
    sampling: str = "auto",
    X_test: Any = None,
    y_test: Any = None,
    test_size: float | int = 0.25,
    train_size: float | int | None = None,
    n_repetitions: int = 100,
    clip: float | None = None,
    confidence_level: float = 0.95,
    fit_params: Mapping[str, Any] | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> list[BiasVarianceResult]:
    """Return one result for each estimator, all fitted to the same training sets."""
    options: dict[str, Any] = {
        "loss": loss,
        "sampling": sampling,
        "n_repetitions": n_repetitions,
        "confidence_level": confidence_level,
        "train_size": train_size,
        "fit_params": fit_params,
    }
    for estimator in estimators:
        options["estimator"] = estimator
        validate_parameter_constraints(_CONSTRAINTS, options, caller_name="bias_variance")
    loss = _loss_for(estimators[0], loss)
    root, parameters = root_seed(random_state), dict(fit_params or {})
    if isinstance(X, KnownTruth):
        _refuse_data_beside_truth(y, X_test, y_test, sampling, train_size)
        world = _known_world(X, loss, Draws(X.sample, parameters, root))
    else:
        _refuse_half_a_data_set(y, X_test, y_test, sampling)
        X, y = indexable(X, y)
        if X_test is None:
            X, y, parameters, X_test, y_test = hold_out(X, y, parameters, test_size, root)
        X_test, y_test = indexable(X_test, y_test)
        sampling = "bootstrap" if sampling == "auto" else sampling
        sampler = resamples(X, y, parameters, sampling, train_size, n_repetitions, root)
        classes = np.array([]) if loss == "squared" else _classes(y, y_test)
        world = World(sampling, sampler, X_test, {"y": np.asarray(y_test)}, classes)

    predictions = _predictions(estimators, world, loss, root, n_repetitions, n_jobs)
    common = {
        "sampling": world.sampling,
        "confidence_level": confidence_level,
        **world.targets,
    }
    if loss == "squared":
        return [decompose_squared(p, **common) for p in predictions]
    if loss == "zero_one":
        return [decompose_zero_one(p, classes=world.classes, **common) for p in predictions]
    return [decompose_log(p, classes=world.classes, clip=clip, **common) for p in predictions]


def _known_world(truth: KnownTruth, loss: str, sampler: Draws) -> World:
    if loss == "squared":
        targets = {"f": truth.f_test, "noise": truth.noise}
        return World("independent", sampler, truth.X_test, targets, np.array([]))
    if np.any(np.asarray(truth.noise)):
        raise ValueError(
            f"With the {loss} loss, KnownTruth.f_test holds class probabilities, which are "
            f"the noise; got noise={truth.noise!r} as well. Leave it out."
        )
    if np.ndim(truth.f_test) != 2:
        raise ValueError(
            f"With the {loss} loss, KnownTruth takes class probabilities, f_test of shape "
            f"(n_test, n_classes); got shape {np.shape(truth.f_test)}."
        )
    columns = np.arange(np.shape(truth.f_test)[1])
    classes = columns if truth.classes is None else np.asarray(truth.classes)
    return World("independent", sampler, truth.X_test, {"probabilities": truth.f_test}, classes)


def _predictions(
    estimators: Sequence[BaseEstimator],
    world: World,
    loss: str,
    root: int,
    n_repetitions: int,
    n_jobs: int | None,
) -> list[Array]:
    """Return the predictions of each estimator, [n_repetitions, n_test, ...]."""
    tasks = [(estimator, r) for estimator in estimators for r in range(n_repetitions)]
    with threadpool_limits(limits=1), together_by_default(estimators, n_jobs):
        flat = Parallel(n_jobs=n_jobs)(
            delayed(_fit_and_predict)(estimator, world, loss, root, repetition, os.getpid())
            for estimator, repetition in tasks
        )
    shapes = {np.shape(p) for p in flat}
    if len(shapes) > 1:
        raise ValueError(
            f"Predictions at the test points differ in shape between repetitions: {sorted(shapes)}."
            " KnownTruth.sample must draw y with the same number of outputs every time."
        )
    return [
        np.stack(flat[start : start + n_repetitions])
        for start in range(0, len(flat), n_repetitions)
    ]


def _fit_and_predict(
    estimator: BaseEstimator,
    world: World,
    loss: str,
    root: int,
    repetition: int,
    parent_process: int,
) -> Array:
    estimator = clone(estimator)
    seed_estimator(estimator, root, repetition)
    X, y, fit_params = world.sampler(repetition)
    # One thread in every process: sums, and so predictions, change with the number of threads.
    alone = nullcontext() if os.getpid() == parent_process else threadpool_limits(limits=1)
    with alone:
        try:
            estimator.fit(X, y, **fit_params)
        except Exception as error:
            error.add_note(
                f"bias_variance was fitting repetition {repetition}, a training set of "
                f"{_num_samples(X)} rows."
            )
            raise
        if loss != "log":
            return np.asarray(estimator.predict(world.X_test))
        probabilities = estimator.predict_proba(world.X_test)
        return _align_columns(probabilities, estimator.classes_, world.classes)


def _align_columns(probabilities: Any, seen: Array, classes: Array) -> Array:
    """Put columns in the order of `classes`; a class the training set lacked has probability 0."""
    columns = [np.flatnonzero(classes == label) for label in seen]
    if any(len(column) == 0 for column in columns):
        raise ValueError(
            f"The estimator predicts the classes {np.asarray(seen).tolist()}, but the truth is "
            f"given for {classes.tolist()}. Set KnownTruth.classes to the labels, one a column."
        )
    aligned = np.zeros((len(probabilities), len(classes)))
    aligned[:, np.concatenate(columns)] = probabilities
    return aligned


def _classes(y: Any, y_test: Any) -> Array:
    labels = [np.asarray(values) for values in (y, y_test)]
    if any(values.ndim != 1 for values in labels):
        raise ValueError(
            "The 0-1 and log losses take one label a row, y of shape (n_samples,); "
            f"got shape {next(v.shape for v in labels if v.ndim != 1)}. "
            "Call bias_variance once for each output."
        )
    return np.unique(np.concatenate(labels))


def _loss_for(estimator: BaseEstimator, loss: str) -> str:
    name = type(estimator).__name__
    if loss == "auto":
        return "zero_one" if is_classifier(estimator) else "squared"
    if loss == "squared" and is_classifier(estimator):
        raise ValueError(
            f"loss='squared' takes a regressor; {name} is a classifier. "
            "Use loss='zero_one', or loss='log' for its probabilities."
        )
    if loss != "squared" and is_regressor(estimator):
        raise ValueError(
            f"loss={loss!r} takes a classifier; {name} is a regressor. Use loss='squared'."
        )
    if loss == "log" and not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"loss='log' needs predict_proba, which {name} does not have as it is set. "
            "Use loss='zero_one', or wrap it in CalibratedClassifierCV."
        )
    return loss


def _refuse_half_a_data_set(y: Any, X_test: Any, y_test: Any, sampling: str) -> None:
    if y is None:
        raise ValueError("y is needed with a data set X; only a KnownTruth brings its own.")
    if (X_test is None) != (y_test is None):
        raise ValueError("X_test and y_test go together: give both or neither.")
    if sampling == "independent":
        raise ValueError(
            "sampling='independent' takes a known truth: pass a KnownTruth in place of X. "
            "A data set can be resampled by 'bootstrap', 'splits' or 'subsample'."
        )


def _refuse_data_beside_truth(
    y: Any, X_test: Any, y_test: Any, sampling: str, train_size: float | int | None
) -> None:
    given = {"y": y, "X_test": X_test, "y_test": y_test, "train_size": train_size}
    superfluous = [name for name, value in given.items() if value is not None]
    if superfluous:
        raise ValueError(
            f"A KnownTruth brings its training sets and test points; {', '.join(superfluous)} "
            "cannot be given with it."
        )
    if sampling not in ("auto", "independent"):
        raise ValueError(
            f"A KnownTruth gives independent training sets, so sampling={sampling!r} has no "
            "meaning with it. Pass a data set (X, y) to resample one."
        )
