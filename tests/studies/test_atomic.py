"""Writing a file, seen by a reader and by a power cut at any moment of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from wellposed_studies.storing import atomic

BEFORE, AFTER = b"what was there before", b"what is there afterwards"


@pytest.mark.parametrize("content", [AFTER, 10_000 * AFTER], ids=["buffered", "large"])
def test_content_is_on_disk_before_it_has_its_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(BEFORE)
    fsync, replace = os.fsync, os.replace
    done = []

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            assert os.path.samestat(about, tmp_path.stat())
            done.append("folder")
        else:
            assert about.st_size == len(content), "what is buffered is not synced"
            assert path.read_bytes() == BEFORE, "written in place"
            done.append(about.st_ino)

    def renamed(source: Path, target: Path) -> None:
        assert target == path
        assert path.read_bytes() == BEFORE
        replace(source, target)
        done.append("name")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    atomic.write(path, content)
    assert done == [path.stat().st_ino, "name", "folder"]
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_is_stopped_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(BEFORE)

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, stopped)
    with pytest.raises(KeyboardInterrupt):
        atomic.write(path, AFTER)
    assert path.read_bytes() == BEFORE
    assert list(tmp_path.iterdir()) == [path]
