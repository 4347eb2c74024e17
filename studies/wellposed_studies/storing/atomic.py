"""Files that are either there in full or not at all, whenever the process or machine dies."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..errors import Damaged, StoreError
from ..escaping import visible

#: Names of files that are being written; what a killed run leaves of them is deleted.
TEMPORARY = ".tmp-"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def write(path: Path, content: bytes) -> None:
    """Write `content` to `path`, down to the disk: temporary file, fsync, rename, fsync of folder.

    Raises
    ------
    StoreError
        If the disk is full, the folder is read-only, or writing fails otherwise. What was at `path`
        before is then still there.
    """
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    with explained(path.parent):
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last, where the system can do that (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents where they are missing."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the system's errors about `folder` into sentences that say what to do."""
    try:
        yield
    except OSError as error:
        place = visible(folder)
        if error.errno in _FULL:
            raise StoreError(
                f"there is no room left to write to {place} ({error.strerror}). Everything that "
                "was finished is stored: free some space, or choose another folder with "
                "--results, and run the same command again."
            ) from error
        if error.errno in _FORBIDDEN:
            raise StoreError(
                f"{place} cannot be written to ({error.strerror}). Make it writable, or choose "
                "another folder with --results."
            ) from error
        raise Damaged(
            f"{place} cannot be used ({visible(error)}). Move what is in its place away, or "
            "choose another folder with --results."
        ) from error
