"""Tangent distance: how far two images are that may move a little (section 7.14)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from .networks.conv import image_shape as guessed
from .regularizers.directions import OF_IMAGES, of_images

_KEPT = 1 << 14  # images whose directions are kept


def tangent_distance(
    x: Any,
    y: Any,
    *,
    image_shape: Sequence[int] | None = None,
    directions: Sequence[str] = tuple(OF_IMAGES),
) -> float:
    """Return the 2-norm between the tangent planes of two images.

    The smallest of ``||x + T_x a - y - T_y b||`` over all a and b, T holding the directions along
    which an image may move: the two-sided distance of Simard et al. 1993, by least squares. A
    metric for scikit-learn's neighbours with ``algorithm="brute"``; the triangle inequality, which
    trees rely on, need not hold.

    Parameters
    ----------
    x, y : array-like of shape (n_pixels,)
        Flattened images.
    image_shape : tuple of int, optional
        (height, width) or (channels, height, width); square images of one or three channels are
        guessed.
    directions : sequence of {"shift", "rotation", "scale"}, default all three
        ``()`` leaves the Euclidean distance.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For another shape or an unknown direction.

    References
    ----------
    Simard, Le Cun and Denker 1993, *Efficient pattern recognition using a new transformation
    distance*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from wellposed import tangent_distance
    >>> X, y = load_digits(return_X_y=True)
    >>> knn = KNeighborsClassifier(1, metric=tangent_distance, algorithm="brute")
    >>> float(knn.fit(X[:100], y[:100]).score(X[100:150], y[100:150]))
    0.94
    """
    x, y = (np.ascontiguousarray(image, dtype=np.float64).ravel() for image in (x, y))
    shape = _shape(x, y, image_shape)
    several = isinstance(directions, Iterable) and not isinstance(directions, str)
    names = tuple(directions) if several else (directions,)
    unknown = [name for name in names if name not in OF_IMAGES]
    if unknown:
        raise ValueError(
            f"directions holds {unknown!r}; expected names among {list(OF_IMAGES)}. Leave the "
            "others out."
        )
    difference = x - y
    if not np.isfinite(difference).all():
        raise ValueError(
            "The images hold numbers that are not finite (NaN, inf), or too large for a float. "
            "Fill or scale them."
        )
    if not names:
        return float(np.linalg.norm(difference))
    planes = np.hstack([_tangents(image.tobytes(), shape, names) for image in (x, y)])
    moves = np.linalg.lstsq(planes, difference, rcond=None)[0]
    return float(np.linalg.norm(difference - planes @ moves))


def _shape(x: np.ndarray, y: np.ndarray, given: Sequence[int] | None) -> tuple[int, int, int]:
    if x.shape != y.shape:
        raise ValueError(
            f"The images have {x.size} and {y.size} pixels. Give two of the same shape."
        )
    if given is None:
        return guessed(x.size)
    shape = tuple(np.ravel(given).tolist())
    shape = (1, *shape) if len(shape) == 2 else shape
    numbers = all(isinstance(n, int) and n > 0 for n in shape)
    if len(shape) != 3 or not numbers or math.prod(shape) != x.size:
        raise ValueError(
            f"image_shape={given!r} is not that of {x.size} pixels. Give (height, width) or "
            "(channels, height, width) whose product is their number."
        )
    return shape


@lru_cache(_KEPT)
def _tangents(pixels: bytes, shape: tuple[int, int, int], names: tuple[str, ...]) -> np.ndarray:
    """Directions of an image as columns, (n_pixels, n_directions)."""
    image = torch.from_numpy(np.frombuffer(pixels).reshape(1, *shape, 1).copy())
    return np.stack([v.numpy().ravel() for v in of_images(image, names)], axis=1)
