"""Reading what lies in a results folder: one reader for each kind of file.

Anybody may have written to the folder, and a disk may have lost part of it. What is not what a run
writes is answered with a `Damaged`, a sentence that names the file and says what to do; nothing
here waits for a named pipe, follows a pointer out of its folder or trusts a type.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Damaged
from ..escaping import visible
from . import layout

if TYPE_CHECKING:
    import pandas as pd

AGAIN = (
    "Run the study again: finished cells are stored and not computed again, and the file is "
    "written anew."
)

#: What a data set's record in a manifest has, and its type. A type in a list is that of all items,
#: and a key that ends in "?" may be missing.
DATA_SET = {
    "digest": str,
    "task": str,
    "synthetic": bool,
    "source": str,
    "answers_to": [str],
    "notes?": [str],
    "shapes": {str: [int]},
}
EXPERIMENT = {
    "data": [str],
    "factors": [str],
    "repetitions": int,
    "seeded_by": [str],
    "cells": int,
}
OWN_TABLE = {
    "path": str,
    "target": str,
    "task": {"regression", "classification"},
    "meaning": str,
    "notes": [str],
    "n_rows": int,
}
MANIFEST: dict[Any, Any] = {
    "study": str,
    "title": str,
    "version": int,
    "code": str,
    "profile": {"quick", "full"},
    "seed": int,
    "own_table": (None, OWN_TABLE),
    "data": {str: DATA_SET},
    "experiments": {str: EXPERIMENT},
    "cells": int,
    "plan": str,
    "command": [str],
    "finished": str,
    "python": str,
    "platform": str,
    "cpu": str,
    "processors": (None, int),
    "threads_per_cell": int,
    "packages": {str: (None, str)},
    "commit": (None, str),
    "files?": [str],
    "reused?": {"folder": str, "cells": int},
}
VERDICTS = {"held", "failed", "not run"}
KINDS = {"claim", "identity"}
_TEXT = (
    *("claim", "statement", "measured", "threshold", "oracle"),
    *("source", "data", "verdict", "method", "reason"),
)
_NUMBERS = ("value", "low", "high", "level", "p_value", "n")


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    Damaged
        If it is no regular file, or cannot be read.
    """
    try:
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Damaged(f"{visible(path)} is no ordinary file. Delete it. {AGAIN}")
            return file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_dir():
            raise Damaged(
                f"{visible(path)} is a folder; expected a file. Delete it. {AGAIN}"
            ) from None
        raise Damaged(
            f"{visible(path)} cannot be read ({error.strerror}). Make it readable, or delete it. "
            f"{AGAIN}"
        ) from error


def read_json(path: Path) -> Any:
    """What a JSON file says.

    Raises
    ------
    FileNotFoundError, Damaged
    """
    try:
        return json.loads(read_bytes(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged(
            f"{visible(path)} is damaged: it is no JSON ({_line(error)}). {AGAIN}"
        ) from error


def read_pointer(path: Path) -> str | None:
    """The name of the run that a ``latest.json`` points to; None if there is no such file.

    Raises
    ------
    Damaged
    """
    try:
        pointer = read_json(path)
    except FileNotFoundError:
        return None
    name = pointer.get("run") if isinstance(pointer, dict) else None
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
        raise Damaged(f"{visible(path)} is damaged: it does not name a run. {AGAIN}")
    return name


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished run, with everything in it that is read anywhere.

    Raises
    ------
    FileNotFoundError, Damaged
    """
    path = folder / layout.MANIFEST
    manifest = read_json(path)
    wrong = _mismatch(manifest, MANIFEST, "it")
    if not wrong and not manifest["data"]:
        wrong = "'data' is empty"
    if wrong:
        raise Damaged(
            f"{visible(path)} is damaged, or of another version of wellposed: {visible(wrong)}. "
            f"{AGAIN}"
        )
    return manifest


def read_table(path: Path, columns: Collection[str] = ()) -> pa.Table:
    """A parquet file that has at least these columns.

    Raises
    ------
    FileNotFoundError, Damaged
    """
    table = table_from(read_bytes(path))
    if table is None:
        raise Damaged(f"{visible(path)} is damaged: it is no whole parquet file. {AGAIN}")
    missing = sorted(set(columns).difference(table.column_names))
    if missing:
        raise Damaged(f"{visible(path)} is damaged: it has no column {missing[0]!r}. {AGAIN}")
    return table


def table_from(content: bytes, columns: list[str] | None = None) -> pa.Table | None:
    """The table in the bytes of a parquet file, or None if it cannot be read.

    Here and in what follows Arrow uses no threads of its own: one that is still ending at the exit
    of the interpreter aborts it now and then.
    """
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            return file.read(columns, use_threads=False)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError):
        return None


def read_verdicts(folder: Path) -> tuple[pd.DataFrame, str]:
    """The verdicts of a finished run, and the digest of the code that they were judged by.

    Those of earlier versions have no column ``kind``.

    Raises
    ------
    FileNotFoundError, Damaged
    """
    path = folder / layout.VERDICTS
    table = read_table(path, [*_TEXT, *_NUMBERS])
    named = [name for name in (*_TEXT, "kind") if name in table.column_names]
    text = [name for name in named if not _is_text(table.schema.field(name).type)]
    numbers = [name for name in _NUMBERS if not _is_number(table.schema.field(name).type)]
    for name in [*text, *numbers] if len(table) else ():
        raise Damaged(
            f"{visible(path)} is damaged: its column {name!r} is of another type. {AGAIN}"
        )
    frame = table.to_pandas(ignore_metadata=True, use_threads=False)
    unknown = (set(frame["verdict"]) - VERDICTS) | (set(frame.get("kind", ())) - KINDS)
    if unknown or frame[[*_TEXT]].isna().any(axis=None) or frame["n"].isna().any():
        raise Damaged(f"{visible(path)} is damaged: it has rows that are no verdicts. {AGAIN}")
    code = (table.schema.metadata or {}).get(b"code", b"")
    return frame, code.decode("ascii", "replace")


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _mismatch(value: Any, wanted: Any, where: str) -> str:
    """What in a JSON value is not of the wanted form, or ""."""
    if isinstance(wanted, tuple):
        found = [_mismatch(value, one, where) for one in wanted]
        return "" if "" in found else found[-1]
    if wanted is None:
        return "" if value is None else f"{where} is not null"
    if isinstance(wanted, set):
        fits = isinstance(value, str) and value in wanted
        return "" if fits else f"{where} is none of {', '.join(sorted(wanted))}"
    if isinstance(wanted, list):
        if not isinstance(value, list):
            return f"{where} is no list"
        return next(
            filter(None, (_mismatch(item, wanted[0], f"an item of {where}") for item in value)), ""
        )
    if isinstance(wanted, Mapping):
        return _mismatch_in_mapping(value, wanted, where)
    fits = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    return "" if fits else f"{where} is no {wanted.__name__}"


def _mismatch_in_mapping(value: Any, wanted: Mapping[Any, Any], where: str) -> str:
    if not isinstance(value, dict):
        return f"{where} is no mapping"
    if str in wanted:
        forms = dict.fromkeys(value, wanted[str])
    else:
        forms = {
            key.removesuffix("?"): form
            for key, form in wanted.items()
            if not key.endswith("?") or key[:-1] in value
        }
    for key, form in forms.items():
        if key not in value:
            return f"{where} has no {key!r}"
        wrong = _mismatch(value[key], form, repr(key))
        if wrong:
            return wrong
    return ""


def _line(error: BaseException) -> str:
    return "too deeply nested" if isinstance(error, RecursionError) else visible(error)[:200]


def latest_run(root: Path, study: str) -> Path | None:
    """The folder of the study's last finished run, or None if there is none.

    Raises
    ------
    Damaged
        If the pointer to it is damaged.
    """
    name = read_pointer(layout.latest_file(root, study))
    if name is None:
        return None
    folder = layout.runs_folder(root, study) / name
    return folder if os.path.lexists(folder / layout.MANIFEST) else None
