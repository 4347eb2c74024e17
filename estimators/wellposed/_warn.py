"""Warnings that point at the user's line."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

import sklearn.base

_OURS = os.path.dirname(__file__) + os.sep
_WRAPPERS = (sklearn.base.__file__, contextlib.__file__)  # of our methods


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line that called this library, however deep in it the reason was found."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(file: str) -> bool:
    return file.startswith(_OURS) or file in _WRAPPERS
