"""What the decompositions check about their input."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .result import Array


def check_repetitions(predictions: ArrayLike, caller: str, ndim: tuple[int, ...]) -> Array:
    P = np.asarray(predictions)
    if P.ndim not in ndim or len(P) < 2 or 0 in P.shape:
        axes = ("n_repetitions", "n_test", "n_classes" if ndim == (3,) else "n_outputs")
        expected = " or ".join(f"({', '.join(axes[:n])})" for n in ndim)
        raise ValueError(
            f"{caller} takes predictions of shape {expected} with at least 2 repetitions, "
            f"as one training set shows no variance; got shape {P.shape}."
        )
    return P


def one_of(
    truth: ArrayLike | None, y: ArrayLike | None, name: str, caller: str
) -> tuple[ArrayLike, bool]:
    if truth is not None and y is None:
        return truth, True
    if y is not None and truth is None:
        return y, False
    raise ValueError(
        f"{caller} takes either {name}= (the known truth) or y= (observed targets); "
        f"got {'neither' if y is None else 'both'}."
    )


def match_shape(values: Array, shape: tuple[int, ...], name: str) -> Array:
    """Give `values` the shape of one repetition's predictions; only a last axis of 1 may differ."""
    if values.shape == shape or {values.shape, shape} == {shape[:1], (*shape[:1], 1)}:
        return values.reshape(shape)
    raise ValueError(
        f"{name} has shape {values.shape}, but each repetition predicts an array of shape {shape}."
    )


def normalised(p: Array, name: str) -> Array:
    sums = p.sum(axis=-1, keepdims=True)
    if not (np.all(p >= 0) and np.all(np.abs(sums - 1) <= 1e-4)):
        raise ValueError(
            f"{name} must be probabilities: at least 0, and each row's sum 1 within 1e-4; "
            f"got sums from {sums.min():.6g} to {sums.max():.6g}, least entry {p.min():.6g}."
        )
    return p / sums


def class_probabilities(
    target: ArrayLike,
    known: bool,
    classes: ArrayLike | None,
    n_test: int,
    labels: Array | None = None,
) -> tuple[Array, Array]:
    """Return true class probabilities [n_test, K], one-hot for observed labels, and the classes."""
    values = np.asarray(target)
    if len(values) != n_test or values.ndim != (2 if known else 1):
        expected = f"({n_test}, n_classes)" if known else f"({n_test},)"
        raise ValueError(
            f"{'probabilities' if known else 'y'} must have shape {expected} to go with "
            f"predictions at {n_test} test points; got shape {values.shape}."
        )
    if classes is not None:
        classes = np.asarray(classes)
    elif known:
        classes = np.arange(values.shape[1])
    else:
        predicted = np.ravel(np.asarray(labels))
        if (values.dtype.kind in "OUS") != (predicted.dtype.kind in "OUS"):
            raise ValueError(
                "y and predictions must be labels of one kind, numbers or strings; "
                f"got y[0]={values.tolist()[0]!r} and a prediction {predicted.tolist()[0]!r}."
            )
        classes = np.unique(np.concatenate([values, predicted]))
    if known:
        if values.shape[1] != len(classes):
            raise ValueError(
                f"probabilities have {values.shape[1]} columns, but there are {len(classes)} "
                "classes: one column a class, in the order of classes=."
            )
        return normalised(values.astype(np.float64), "probabilities"), classes
    return np.eye(len(classes))[encode_labels(values, classes, "y")], classes


def encode_labels(labels: Array, classes: Array, name: str) -> Array:
    order = np.argsort(classes)
    codes = order[np.searchsorted(classes, labels, sorter=order).clip(max=len(classes) - 1)]
    unknown = classes[codes] != labels
    if np.any(unknown):
        raise ValueError(
            f"{name} contain the label {labels[unknown].tolist()[0]!r}, not among the classes "
            f"{classes.tolist()}. Pass classes= with every label, in the order of the columns."
        )
    return codes
