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

from . import atomic
from .encoding import to_rows
from .errors import StoreError
from .measuring import Outcome

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
        if not outcomes:
            return
        content = parquet_bytes(to_rows(outcomes).replace_schema_metadata(record))
        name = hashlib.sha256(content).hexdigest()
        atomic.make_folder(self.folder)
        atomic.write(self.folder / f"{name}.parquet", content)

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
            table = self._read(path, ["key"]) if path.suffix == ".parquet" else None
            if table is not None and record_of(table).get("version") == str(version):
                continue
            n_cells += 0 if table is None else len(table)
            n_bytes += path.stat().st_size
            if not dry_run:
                with atomic.explained(self.folder):
                    path.unlink()
        return n_cells, n_bytes

    def discard_unusable(self) -> None:
        """Delete damaged files and leftovers of killed runs."""
        for path in [*self._files(), *self._leftovers()]:
            if path.suffix != ".parquet" or self._read(path, ["key"]) is None:
                with atomic.explained(self.folder):
                    path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[!.]*.parquet"))

    def _leftovers(self) -> list[Path]:
        return sorted(self.folder.glob(f"{atomic.TEMPORARY}*"))

    def _read(self, path: Path, columns: list[str] | None) -> pa.Table | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error}.") from error
        if hashlib.sha256(content).hexdigest() != path.stem:
            logger.warning("%s is damaged; the cells in it will be computed again", path)
            return None
        return pq.read_table(pa.BufferReader(content), columns=columns)


def record_of(table: pa.Table) -> dict[str, str]:
    """What was written beside the cells of a part."""
    return {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
