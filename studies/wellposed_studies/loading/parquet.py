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
            meta, schema = file.metadata, file.schema_arrow
            refuse_large_shape(path.name, meta.num_rows, len(schema))
            groups = range(meta.num_row_groups)
            n_bytes = sum(meta.row_group(i).total_byte_size for i in groups)
            refuse_many_bytes(path.name, n_bytes, "declares")
            refuse_twins(path.name, [normal(name) for name in schema.names])
            table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as parquet: {type(error).__name__}: {error}"
        ) from error
    index, categories = _recorded(table.schema)
    table = table.replace_schema_metadata(None).rename_columns([normal(n) for n in schema.names])
    frame = _plain(path.name, table).to_pandas(ignore_metadata=True)
    frame = tidy(frame)
    frame = frame.astype({name: "category" for name in categories if name in frame})
    sheet = Sheet(frame)
    if index:
        sheet.set_aside = {name: frame[name] for name in index}
        sheet.frame = frame.drop(columns=index)
        shown = some("without a name" if n.startswith("__index_level_") else n for n in index)
        sheet.notes.append(f"the index that pandas wrote names the rows: left out ({shown})")
    return leave_out_row_names(sheet)


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
    """Decimals as float64; nested values and bytes are refused."""
    import pyarrow as pa
    import pyarrow.types as types

    nested = [f.name for f in table.schema if types.is_nested(f.type)]
    if nested:
        raise DataError(
            f"{file} has columns of lists or records: {some(nested)}. Write a column for each "
            "value, or leave them out."
        )
    fields = []
    for i, f in enumerate(table.schema):
        value = f.type.value_type if types.is_dictionary(f.type) else f.type
        if types.is_decimal(value):  # by way of text, as its cast to float64 is off in the last bit
            f = pa.field(f.name, pa.float64())
            table = table.set_column(i, f.name, table.column(i).cast(value).cast(pa.string()))
        elif types.is_float16(value):
            f = pa.field(f.name, pa.float64())
        elif (
            types.is_binary(value)
            or types.is_large_binary(value)
            or types.is_fixed_size_binary(value)
        ):
            f = pa.field(f.name, pa.large_string())
        fields.append(f)
    try:
        return table.cast(pa.schema(fields))
    except pa.ArrowInvalid as error:
        raise DataError(f"{file} has bytes that are no text: {error}. Leave them out.") from error
