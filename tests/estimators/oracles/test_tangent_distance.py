"""Row 28: tangent distance against scipy's moves, a minimiser and the Euclidean distance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from wellposed import tangent_distance

X, y = load_digits(return_X_y=True)
X = X / 16


def shifts(image, h=1e-7):
    """Derivatives along both shifts, by differences of scipy's linear interpolation."""
    image = image.reshape(8, 8)
    how = {"order": 1, "mode": "grid-constant"}
    ends = [
        [ndimage.shift(image, t * np.array(step), **how) for t in (h, -h)]
        for step in ((1, 0), (0, 1))
    ]
    return np.stack([((a - b) / (2 * h)).ravel() for a, b in ends], 1)


@pytest.mark.parametrize(("i", "j"), [(0, 1), (5, 8), (3, 13)])
def test_least_squares_over_both_planes(i, j):
    planes = np.hstack([shifts(X[i]), shifts(X[j])])
    difference = X[i] - X[j]
    moves = minimize(lambda m: ((difference - planes @ m) ** 2).sum(), np.zeros(4), tol=1e-14).x
    expected = np.linalg.norm(difference - planes @ moves)
    found = tangent_distance(X[i], X[j], directions=["shift"])
    assert found == pytest.approx(expected, abs=1e-6)
    assert found == pytest.approx(tangent_distance(X[j], X[i], directions="shift"), abs=1e-12)


def test_between_nothing_and_euclid():
    assert tangent_distance(X[0], X[0]) == 0
    euclid = np.linalg.norm(X[0] - X[1])
    assert tangent_distance(X[0], X[1], directions=()) == pytest.approx(euclid, abs=1e-15)
    smaller = [tangent_distance(X[0], X[1], directions=d) for d in (["shift"], ["shift", "scale"])]
    assert euclid > smaller[0] > smaller[1] > 0


def test_neighbours_of_moved_images():
    """Images moved by half a pixel: the nearest neighbour by tangents errs less often."""
    train, test = X[:150], X[150:250].reshape(-1, 8, 8)
    test = np.array([ndimage.shift(image, (0.7, -0.7), order=1) for image in test]).reshape(-1, 64)
    scores = []
    for metric in (tangent_distance, "euclidean"):
        knn = KNeighborsClassifier(1, metric=metric, algorithm="brute").fit(train, y[:150])
        scores.append(knn.score(test, y[150:250]))
    assert scores[0] > scores[1]


def test_refused():
    with pytest.raises(ValueError, match="have 64 and 63 pixels"):
        tangent_distance(X[0], X[0][:63])
    with pytest.raises(ValueError, match="expected names among"):
        tangent_distance(X[0], X[1], directions=["turn"])
    for directions in (None, 5):
        with pytest.raises(ValueError, match="expected names among"):
            tangent_distance(X[0], X[1], directions=directions)
    for shape in ((8, 9), (-8, -8), (8.5, 8), 64, "88"):
        with pytest.raises(ValueError, match="is not that of 64 pixels"):
            tangent_distance(X[0], X[1], image_shape=shape)
    with pytest.raises(ValueError, match="numbers that are not finite"):
        tangent_distance(X[0], X[1] * np.nan)
    with pytest.raises(ValueError, match="not the pixels of a square image"):
        tangent_distance(X[0][:63], X[1][:63])
    assert tangent_distance(X[0][:56], X[1][:56], image_shape=(7, 8)) > 0
