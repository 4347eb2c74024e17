"""How large a table may be, asked before it is read."""

from __future__ import annotations

from ..errors import DataError

#: Cells (rows times columns) of a table; as float64 these are 400 MB.
MAX_CELLS = 50_000_000

#: Columns of a table.
MAX_COLUMNS = 5_000

#: Bytes of a text file, and of an array in an npz.
MAX_BYTES = 1_000_000_000

_ADVICE = "Write a file with fewer rows or columns (a random part of the rows will do)."


def refuse_large_shape(name: str, n_rows: int, n_columns: int, what: str = "declares") -> None:
    """Refuse a table of more cells or columns than are read.

    Raises
    ------
    DataError
        With its size, the limit and what to do.
    """
    if n_columns > MAX_COLUMNS:
        raise DataError(
            f"{name} {what} {n_columns:,} columns; at most {MAX_COLUMNS:,} are read. Write a file "
            "with fewer columns, for instance those that vary most."
        )
    if n_rows * n_columns > MAX_CELLS:
        raise DataError(
            f"{name} {what} {n_rows:,} rows of {n_columns:,} columns; at most {MAX_CELLS:,} cells "
            f"are read. {_ADVICE}"
        )


def refuse_many_bytes(name: str, n_bytes: int, what: str = "has") -> None:
    """Refuse more bytes than are read.

    Raises
    ------
    DataError
        With its size, the limit and what to do.
    """
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"{name} {what} {n_bytes / 1e9:,.1f} GB; at most {MAX_BYTES / 1e9:g} GB are read. "
            f"{_ADVICE}"
        )
