"""Parquet files as `Sheet`s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import DataError
from .limits import refuse_large_shape, refuse_many_bytes
from .row_names import leave_out_row_names
from .sheet import Sheet, normal, refuse_twins, some, tidy


def read_parquet(path: Path) -> Sheet:
    """The table in a parquet file; decimals are numbers, an index of pandas is left out.

    Raises
    ------
    DataError
        If it is no parquet file, declares too much, or has columns of one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _refuse(path.name, file.metadata, schema)
            text = [f.name for f in schema if _is_text(f.type)]
        # words that are repeated are kept once until it is known how long all of them are
        with pq.ParquetFile(path, read_dictionary=text) as file:
            table = file.read(use_threads=False)
        _refuse_long_text(path.name, table)
        decoded = [f.with_type(schema.field(f.name).type) for f in table.schema]
        table = table.cast(pa.schema(decoded, table.schema.metadata))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as parquet: {type(error).__name__}: {error}"
        ) from error
    index, categories = _recorded(table.schema)
    table = table.replace_schema_metadata(None).rename_columns([normal(n) for n in schema.names])
    frame = _plain(path.name, table).to_pandas(ignore_metadata=True, use_threads=False)
    frame = tidy(frame)
    frame = frame.astype({name: "category" for name in categories if name in frame})
    sheet = Sheet(frame)
    if index:
        sheet.set_aside = {name: frame[name] for name in index}
        sheet.frame = frame.drop(columns=index)
        shown = some("without a name" if n.startswith("__index_level_") else n for n in index)
        sheet.notes.append(f"the index that pandas wrote names the rows: left out ({shown})")
    return leave_out_row_names(sheet)


def _refuse(file: str, metadata: Any, schema: Any) -> None:
    """Refuse what is declared before it is read: size, nested values, columns of one name."""
    import pyarrow.types as types

    refuse_large_shape(file, metadata.num_rows, len(schema))
    groups = range(metadata.num_row_groups)
    n_bytes = sum(metadata.row_group(i).total_byte_size for i in groups)
    refuse_many_bytes(file, n_bytes, "declares")
    refuse_twins(file, [normal(name) for name in schema.names])
    nested = [f.name for f in schema if types.is_nested(f.type)]
    if nested:
        raise DataError(
            f"{file} has columns of lists or records: {some(nested)}. Write a column for each "
            "value, or leave them out."
        )


def _is_text(type_: Any) -> bool:
    import pyarrow.types as types

    return bool(
        types.is_string(type_)
        or types.is_large_string(type_)
        or types.is_binary(type_)
        or types.is_large_binary(type_)
        or types.is_fixed_size_binary(type_)
    )


def _refuse_long_text(file: str, table: Any) -> None:
    """Refuse words that are short to store and long to write out."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    n_bytes = 0
    for column in table.columns:
        if types.is_dictionary(column.type) and _is_text(column.type.value_type):
            for chunk in column.chunks:
                lengths = pc.take(pc.binary_length(chunk.dictionary), chunk.indices)
                n_bytes += pc.sum(lengths).as_py() or 0
    refuse_many_bytes(file, n_bytes, "has text of")


def _recorded(schema: Any) -> tuple[list[str], list[str]]:
    """Columns that pandas wrote as the index of its rows, and those that it calls categories."""
    try:
        recorded = json.loads((schema.metadata or {})[b"pandas"])
        index = [normal(name) for name in recorded["index_columns"] if isinstance(name, str)]
        types = {c["field_name"] or c["name"]: c["pandas_type"] for c in recorded["columns"]}
    except (KeyError, ValueError, TypeError):
        return [], []
    present = {normal(name) for name in schema.names}
    index = [] if len(index) == len(present) else [name for name in index if name in present]
    return index, [normal(name) for name, kind in types.items() if kind == "categorical"]


def _plain(file: str, table: Any) -> Any:
    """Decimals as float64, bytes as text."""
    import pyarrow as pa
    import pyarrow.types as types

    fields = []
    for i, f in enumerate(table.schema):
        value = f.type.value_type if types.is_dictionary(f.type) else f.type
        if types.is_decimal(value):  # by way of text, as its cast to float64 is off in the last bit
            f = pa.field(f.name, pa.float64())
            table = table.set_column(i, f.name, table.column(i).cast(value).cast(pa.string()))
        elif types.is_float16(value):
            f = pa.field(f.name, pa.float64())
        elif _is_text(value) and not types.is_string(value):
            f = pa.field(f.name, pa.large_string())
        fields.append(f)
    try:
        return table.cast(pa.schema(fields))
    except pa.ArrowInvalid as error:
        raise DataError(f"{file} has bytes that are no text: {error}. Leave them out.") from error
