"""Archives of numpy arrays as `Sheet`s."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, suggest
from .limits import refuse_large_shape, refuse_many_bytes
from .sheet import Sheet, normal, tidy


def read_npz(path: Path, target: str) -> Sheet:
    """``X`` and the target of an archive, as columns ``x0, x1, ...`` and the target's name.

    What an array's header declares is compared with the limits before anything is expanded.
    Nothing is unpickled.

    Raises
    ------
    DataError
        If arrays are missing, too large, or not of numbers or text.
    """
    import pandas as pd

    try:
        with zipfile.ZipFile(path) as archive:
            known = {normal(n.removesuffix(".npy")): n for n in archive.namelist()}
            for name in ("X", target):
                _check_present(path.name, name, known)
            headers = {name: _header(path.name, archive, known[name]) for name in ("X", target)}
            _check_shapes(path.name, target, headers["X"][0], headers[target][0])
            arrays = {name: _read(archive, known[name]) for name in headers}
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise DataError(
            f"{path} cannot be read as npz: {type(error).__name__}: {error}. Expected an array X "
            "of shape (n_samples, n_features) and a target, both of numbers or text."
        ) from error
    X, y = arrays["X"], arrays[target]
    names = [f"x{j}" for j in range(X.shape[1])]
    if target in names:
        names = [f"X[:, {j}]" for j in range(X.shape[1])]
    frame = pd.DataFrame({name: X[:, j] for j, name in enumerate(names)} | {target: y})
    return Sheet(tidy(frame))


def _check_present(file: str, name: str, known: Iterable[str]) -> None:
    if name not in known and name == "X":
        raise DataError(
            f"{file} has no array 'X' of shape (n_samples, n_features). {suggest('X', known)}"
        )
    if name not in known:
        raise DataError(f"{file} has no array {name!r}. {suggest(name, known)}")


def _header(file: str, archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an array declares; a few hundred bytes are read."""
    name = member.removesuffix(".npy")
    refuse_many_bytes(
        f"the array {name!r} of {file}", archive.getinfo(member).file_size, "declares"
    )
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.hasobject or dtype.kind not in "biufUSMm":
        raise DataError(
            f"{file} cannot be read as npz: the array {name!r} holds values of type {dtype}, "
            "expected numbers or text (Python objects are never unpickled). Save it with "
            "astype(float) or astype(str)."
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    refuse_many_bytes(f"the array {name!r} of {file}", n_bytes, "declares")
    refuse_large_shape(
        f"the array {name!r} of {file}", shape[0] if shape else 1, math.prod(shape[1:])
    )
    return shape, dtype


def _check_shapes(file: str, target: str, X: tuple[int, ...], y: tuple[int, ...]) -> None:
    if len(X) != 2 or len(y) != 1 or X[0] != y[0]:
        raise DataError(
            f"{file} has X of shape {X} and {target} of shape {y}; expected "
            "(n_samples, n_features) and (n_samples,)."
        )


def _read(archive: zipfile.ZipFile, member: str) -> Any:
    with archive.open(member) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array.astype(object) if array.dtype.kind == "U" else array
