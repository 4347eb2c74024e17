"""Digests of plain values and of data, which name what a cell was computed from."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """SHA-256 of a value, as 64 hexadecimal digits.

    Values that differ in type or content differ in digest: ``1``, ``1.0``, ``True`` and ``"1"``
    are four values. A mapping's order does not matter, nor does an array's memory layout or byte
    order. Lists and tuples are the same.

    Parameters
    ----------
    value : Any
        None, bool, int, float, str, bytes; numpy arrays and scalars; scipy sparse matrices;
        DataFrames and Series; mappings with str keys and sequences of these.

    Raises
    ------
    TypeError
        For anything else, such as a function, whose content has no digest.

    Examples
    --------
    >>> digest({"a": 1, "b": 2.0}) == digest({"b": 2.0, "a": 1})
    True
    >>> digest(1) == digest(True)
    False
    """
    sha = hashlib.sha256()
    _feed(sha, value, "the value")
    return sha.hexdigest()


def _feed(sha: Any, value: Any, where: str) -> None:
    """Add `value` to the hash: a tag, a length, the content, so that nothing runs together."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        sha.update(b"N")
    elif isinstance(value, bool):
        sha.update(b"B1" if value else b"B0")
    elif isinstance(value, int):
        _text(sha, b"I", str(value))
    elif isinstance(value, float):
        sha.update(b"F" + struct.pack(">d", value + 0.0))
    elif isinstance(value, str):
        _text(sha, b"S", value)
    elif isinstance(value, bytes):
        _text(sha, b"Y", value.hex())
    elif isinstance(value, np.ndarray):
        _array(sha, value, where)
    elif isinstance(value, Mapping):
        sha.update(b"M" + struct.pack(">q", len(value)))
        for key in sorted(value, key=str):
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}; expected names, that is str.")
            _text(sha, b"K", key)
            _feed(sha, value[key], f"{where}[{key!r}]")
    elif isinstance(value, list | tuple):
        sha.update(b"L" + struct.pack(">q", len(value)))
        for i, item in enumerate(value):
            _feed(sha, item, f"{where}[{i}]")
    elif hasattr(value, "tocsr"):
        matrix = value.tocsr().copy()
        matrix.sum_duplicates()
        sha.update(b"R")
        _feed(sha, list(matrix.shape), where)
        for part in (matrix.indptr.astype("i8"), matrix.indices.astype("i8"), matrix.data):
            _array(sha, part, where)
    elif hasattr(value, "columns") and hasattr(value, "to_numpy"):
        sha.update(b"D" + struct.pack(">q", value.shape[1]))
        for i, name in enumerate(value.columns):
            _text(sha, b"K", str(name))
            _array(sha, value.iloc[:, i].to_numpy(), f"column {name!r} of {where}")
    elif hasattr(value, "to_numpy"):
        _array(sha, value.to_numpy(), where)
    else:
        raise TypeError(
            f"{where} is of type {type(value).__name__}, whose content has no digest. Data are "
            "made of arrays, DataFrames, numbers, strings, and mappings and lists of these; "
            "a function belongs in the study's code."
        )


def _text(sha: Any, tag: bytes, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    sha.update(tag + struct.pack(">q", len(raw)) + raw)


def _array(sha: Any, array: np.ndarray, where: str) -> None:
    sha.update(b"A")
    _feed(sha, list(array.shape), where)
    if array.dtype.hasobject or array.dtype.kind == "T":
        for item in array.ravel().tolist():
            _feed(sha, item, where)
        return
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    _text(sha, b"T", array.dtype.str)
    sha.update(array.tobytes())
