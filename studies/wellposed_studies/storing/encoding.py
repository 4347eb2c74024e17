"""Cells as rows of an Arrow table, and back as the tidy tables of a run.

A stored cell is one row: ``key``, ``seconds``, and what was measured in columns whose names
tell the kind: ``scalar/loss``, ``array/prediction`` (a flat list) with ``shape/prediction``, and
``frame/curve`` (a list of records).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import StudyError
from ..running.measuring import Outcome
from ..running.plan import PlannedCell


def to_rows(outcomes: Sequence[Outcome]) -> pa.Table:
    """One row a finished cell."""
    measured = [outcome.measured for outcome in outcomes if outcome.measured is not None]
    assert len(measured) == len(outcomes), "a failed cell has no row"
    columns: dict[str, pa.Array] = {
        "key": pa.array([o.cell.key for o in outcomes], pa.string()),
        "seconds": pa.array([o.seconds for o in outcomes], pa.float64()),
    }
    for name in sorted({name for cell in measured for name in cell}):
        values = [cell.get(name) for cell in measured]
        kind = _the_kind(name, {_kind(value) for value in values if value is not None})
        if kind == "none":
            columns[f"none/{name}"] = pa.nulls(len(values))
        elif kind == "scalar":
            columns[f"scalar/{name}"] = _scalars(name, values)
        elif kind == "array":
            columns[f"array/{name}"], columns[f"shape/{name}"] = _arrays(values)
        else:
            columns[f"frame/{name}"] = _frames(values)
    return pa.table(columns)


def _the_kind(name: str, kinds: set[str]) -> str:
    """The one kind of what has a name; "none" of what is None in all cells."""
    if len(kinds) > 1:
        raise StudyError(
            f"an experiment returns {name!r} as {' in some cells and as '.join(sorted(kinds))} "
            "in others; expected one kind."
        )
    return next(iter(kinds), "none")


def _kind(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        return "frame"
    return "array" if isinstance(value, np.ndarray) else "scalar"


def _scalars(name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        kinds = sorted({type(v).__name__ for v in values if v is not None})
        raise StudyError(
            f"an experiment returns {name!r} as {' and '.join(kinds)} in different cells; expected "
            "one type."
        ) from error


def _arrays(values: list[np.ndarray | None]) -> tuple[pa.Array, pa.Array]:
    present = [value for value in values if value is not None]
    if len({value.dtype.kind == "U" for value in present}) > 1:
        raise StudyError(
            "an experiment returns an array of text in some cells and of numbers in others."
        )
    dtype = np.result_type(*present)
    flat = np.concatenate([value.ravel().astype(dtype) for value in present])
    sizes = [0 if value is None else value.size for value in values]
    offsets = pa.array([0, *itertools.accumulate(sizes)], pa.int32())
    mask = pa.array([value is None for value in values])
    lists = pa.ListArray.from_arrays(offsets, pa.array(flat), mask=mask)
    shapes = [None if value is None else list(value.shape) for value in values]
    return lists, pa.array(shapes, pa.list_(pa.int64()))


def _frames(values: list[pd.DataFrame | None]) -> pa.Array:
    tables = [
        pa.Table.from_pandas(value, preserve_index=False).replace_schema_metadata(None)
        for value in values
        if value is not None
    ]
    sizes = [0 if value is None else len(value) for value in values]
    offsets = pa.array([0, *itertools.accumulate(sizes)], pa.int32())
    mask = pa.array([value is None for value in values])
    records = concatenate(tables).to_struct_array().combine_chunks()
    return pa.ListArray.from_arrays(offsets, records, mask=mask)


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Rows of all tables, columns sorted by name, types widened where they differ."""
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StudyError(
            f"what an experiment returns has different types in different cells: {error}"
        ) from error
    return table.select(sorted(table.column_names)).combine_chunks()


def to_tables(
    cells: Sequence[PlannedCell], factors: Sequence[str], parts: Sequence[pa.Table]
) -> tuple[dict[str, pa.Table], dict[str, pa.Table], pa.Table]:
    """The tidy tables of a run, in the order of its plan.

    Parameters
    ----------
    cells : sequence of PlannedCell
        All cells of the plan.
    factors : sequence of str
        All factors.
    parts : sequence of Table
        What `to_rows` made, in any order and cut, with every cell at least once.

    Returns
    -------
    tables, arrays : dict of str to Table
        By name; each starts with ``data``, the factors and ``repetition``.
    timings : Table
        Seconds of each cell.
    """
    described = describe(cells, factors)
    kinds = _kinds(parts)
    position = {cell.key: i for i, cell in enumerate(cells)}
    flat: dict[str, list[pa.Table]] = {}
    scalars: list[pa.Table] = []
    seen: set[str] = set()
    for part in parts:
        keys = part.column("key").to_pylist()
        wanted = [i for i, key in enumerate(keys) if key in position and key not in seen]
        seen.update(keys[i] for i in wanted)
        if not wanted:
            continue
        part = part.take(pa.array(wanted, pa.int64()))
        at = pa.array([position[keys[i]] for i in wanted], pa.int64())
        scalars.append(_scalars_of(part, at, kinds))
        for kind_and_name, table in _flatten(part, at).items():
            flat.setdefault(kind_and_name, []).append(table)
    if any(table.num_columns > 1 for table in scalars):
        flat.setdefault("table/cells", []).extend(scalars)
    tables: dict[str, pa.Table] = {}
    arrays: dict[str, pa.Table] = {}
    for kind_and_name, pieces in flat.items():
        kind, _, name = kind_and_name.partition("/")
        if kind == "array":
            pieces = _widened(pieces, name)
        table = concatenate(pieces)
        order = np.argsort(table.column("@").to_numpy(), kind="stable")
        table = table.take(pa.array(order))
        measured = table.drop_columns(["@"])
        joined = described.take(table.column("@").combine_chunks())
        for column in measured.column_names:
            joined = joined.append_column(column, measured.column(column))
        (arrays if kind == "array" else tables)[name] = joined.combine_chunks()
    timings = tables.pop("@seconds")
    return tables, arrays, timings


def _kinds(parts: Sequence[pa.Table]) -> dict[str, str]:
    """The kind of every name, which must be one in all parts."""
    found: dict[str, set[str]] = {}
    for column in {column for part in parts for column in part.column_names}:
        kind, _, name = column.partition("/")
        if kind in ("scalar", "array", "frame", "none"):
            found.setdefault(name, set()).update({kind} - {"none"})
    return {name: _the_kind(name, kinds) for name, kinds in found.items()}


def _scalars_of(part: pa.Table, at: pa.Array, kinds: dict[str, str]) -> pa.Table:
    """One row a cell, also where a cell has measured none: its company must not matter."""
    columns = {"@": at}
    for column in part.column_names:
        kind, _, name = column.partition("/")
        if kind == "scalar" or (kind == "none" and kinds[name] in ("scalar", "none")):
            columns[name] = part.column(column).combine_chunks()
    return pa.table(columns)


def _flatten(part: pa.Table, at: pa.Array) -> dict[str, pa.Table]:
    """The other tables in a part, each with the position of the cell in a column ``@``."""
    flat = {"table/@seconds": pa.table({"@": at, "seconds": part.column("seconds")})}
    for column in part.column_names:
        kind, _, name = column.partition("/")
        values = part.column(column).combine_chunks()
        if kind == "array":
            present = values.is_valid()
            table = pa.table({"@": at, name: values, "shape": part.column(f"shape/{name}")})
            flat[f"array/{name}"] = table.filter(present)
        elif kind == "frame":
            parents = at.take(pc.list_parent_indices(values))
            records = pa.Table.from_struct_array(values.flatten())
            flat[f"table/{name}"] = records.append_column("@", parents)
    return flat


def _widened(pieces: list[pa.Table], name: str) -> list[pa.Table]:
    """The pieces with one type of array, down to the names inside it."""
    types = {piece.schema.field(name).type.value_type for piece in pieces}
    try:
        target = pa.list_(_common(types) if len(types) > 1 else next(iter(types)))
    except (TypeError, NotImplementedError, pa.ArrowNotImplementedError) as error:
        raise StudyError(
            f"an experiment returns arrays {name!r} of types "
            f"{' and '.join(sorted(map(str, types)))}; expected numbers or text, not both."
        ) from error
    return [piece.set_column(1, name, piece.column(name).cast(target)) for piece in pieces]


def _common(types: Iterable[pa.DataType]) -> pa.DataType:
    return pa.from_numpy_dtype(np.result_type(*(t.to_pandas_dtype() for t in types)))


def describe(cells: Sequence[PlannedCell], factors: Sequence[str]) -> pa.Table:
    """What a row of any table is about: data set, factors, repetition.

    Factors whose values are of several types are text; numbers of several types are float64.
    """
    columns: dict[str, pa.Array] = {"data": pa.array([c.data_name for c in cells], pa.string())}
    for factor in factors:
        columns[factor] = _factor([cell.params.get(factor) for cell in cells])
    columns["repetition"] = pa.array([cell.repetition for cell in cells], pa.int64())
    return pa.table(columns)


def _factor(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or (len(kinds) == 1 and tuple not in kinds):
        return pa.array([float(v) if v is not None and float in kinds else v for v in values])
    return pa.array([None if v is None else str(v) for v in values], pa.string())
