"""The store of finished cells: parquet files that are whole or absent, and say when damaged.

A file holds one or several cells and is named by the SHA-256 of its bytes, so that damage is
noticed on reading and writing the same thing twice changes nothing. Which cells it holds is
inside. Failed cells are never stored.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Damaged
from ..escaping import visible
from ..running.measuring import Outcome
from . import atomic, layout
from .encoding import to_rows
from .reading import read_bytes, table_from

logger = logging.getLogger(__name__)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a parquet file; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


class Store:
    """Finished cells in a folder.

    Parameters
    ----------
    folder : Path
        Need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, outcomes: Sequence[Outcome], record: dict[str, str]) -> None:
        """Write finished cells, all of them or none.

        Parameters
        ----------
        outcomes : sequence of Outcome
            None of them failed.
        record : dict of str to str
            What is written beside them: the study's version, and which run it was.

        Raises
        ------
        StoreError
            If the disk is full or the folder is read-only; what was stored before is unharmed.
        """
        if outcomes:
            self._write(to_rows(outcomes).replace_schema_metadata(record))

    def copy(self, other: Store, keys: set[str], record: dict[str, str]) -> int:
        """Copy cells from another store, each part with its record.

        Parameters
        ----------
        other : Store
            Only read. What is damaged in it is left out.
        keys : set of str
            Which cells.
        record : dict of str to str
            What a part's record has to say for its cells to be taken.

        Returns
        -------
        int
            How many cells were copied.
        """
        left = set(keys)
        for part in other.parts() if left else ():
            if record.items() <= record_of(part).items():
                found = part.column("key").to_pylist()
                rows = [i for i, key in enumerate(found) if key in left and key not in found[:i]]
                if rows:
                    self._write(part.take(pa.array(rows, pa.int64())))
                    left.difference_update(found)
        return len(keys) - len(left)

    def _write(self, part: pa.Table) -> None:
        content = parquet_bytes(part)
        name = hashlib.sha256(content).hexdigest()
        atomic.make_folder(self.folder)
        atomic.write(layout.cells_file(self.folder, name), content)

    def keys(self) -> set[str]:
        """Keys of all cells that are stored and undamaged."""
        return {key for part in self.parts(["key"]) for key in part.column("key").to_pylist()}

    def parts(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The files' tables in a fixed order, with their records as metadata.

        A file whose content does not have the digest it is named by is reported in the log and
        left out: its cells count as not computed.
        """
        for path in self._files():
            table = self._read(path, columns)
            if table is not None:
                yield table

    def clean(self, version: int, *, dry_run: bool) -> tuple[int, int]:
        """Delete damaged files, leftovers of killed runs, and cells of other versions.

        Parameters
        ----------
        version : int
            The study's version.
        dry_run : bool
            Count only.

        Returns
        -------
        n_cells, n_bytes : int
            What was deleted, or would be.
        """
        n_cells = n_bytes = 0
        for path in [*self._files(), *self._leftovers()]:
            table = self._read(path, ["key"]) if layout.is_table(path) else None
            if table is not None and record_of(table).get("version") == str(version):
                continue
            n_cells += 0 if table is None else len(table)
            n_bytes += path.lstat().st_size
            if not dry_run:
                self._delete(path)
        return n_cells, n_bytes

    def discard_unusable(self) -> None:
        """Delete damaged files and leftovers of killed runs."""
        for path in [*self._files(), *self._leftovers()]:
            if not layout.is_table(path) or self._read(path, ["key"]) is None:
                self._delete(path)

    def _delete(self, path: Path) -> None:
        with atomic.explained(self.folder):
            if path.is_dir() and not path.is_symlink():
                logger.warning("%s is a folder and no cell; it is left alone", visible(path))
            else:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return layout.cells_files(self.folder)

    def _leftovers(self) -> list[Path]:
        return sorted(self.folder.glob(f"{atomic.TEMPORARY}*"))

    def _read(self, path: Path, columns: list[str] | None) -> pa.Table | None:
        """The cells in a file; None if it is damaged, or no file of cells."""
        try:
            content = read_bytes(path)
        except FileNotFoundError:
            return None
        except Damaged as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            content = b""
        whole = hashlib.sha256(content).hexdigest() == path.stem
        table = table_from(content, columns) if whole else None
        if table is None or not _holds_cells(table, columns or ["key", "seconds"]):
            logger.warning("%s is damaged; the cells in it will be computed again", visible(path))
            return None
        return table


def _holds_cells(table: pa.Table, columns: list[str]) -> bool:
    """Whether a table, of which these columns were read, is one that `Store.add` writes."""
    types = {"key": pa.string(), "seconds": pa.float64()}
    return set(columns) <= set(table.column_names) and all(
        table.schema.field(name).type == types[name] for name in columns if name in types
    )


def record_of(table: pa.Table) -> dict[str, str]:
    """What was written beside the cells of a part."""
    return {
        k.decode(errors="replace"): v.decode(errors="replace")
        for k, v in (table.schema.metadata or {}).items()
    }
