"""What a run survives: SIGKILL, another run, a full disk, a folder that cannot be written to."""

from __future__ import annotations

import errno
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wellposed_studies.errors import StoreError
from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import run
from wellposed_studies.storing import atomic
from wellposed_studies.storing.layout import cells_folder
from wellposed_studies.storing.results import load
from wellposed_studies.storing.store import Store

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "n_jobs", "n_kills"),
    [("toy_study", "1", 5), ("toy_study", "2", 4), ("net_study", "1", 2), ("net_study", "2", 2)],
)
def test_killed_many_times_and_finished(study, n_jobs, n_kills, tmp_path, command, contents):
    """Kills fall anywhere between the start and the end; what was stored then is kept."""
    toy = str(HERE / f"{study}.py")
    undisturbed = contents(run(Selection(toy, "quick", 0), tmp_path / "undisturbed"))
    delays = random.Random(int(n_jobs))
    store = Store(cells_folder(tmp_path / "results", study.replace("_", "-")))
    stored = set()
    inside = 0
    for _ in range(n_kills):
        process = command("run", toy, "--n-jobs", n_jobs, TOY_SECONDS="0.03")
        begun = time.monotonic()
        files = len(list(store.folder.glob("*.parquet")))
        while len(list(store.folder.glob("*.parquet"))) == files and process.poll() is None:
            assert time.monotonic() - begun < 60, "the run does not get anywhere"
            time.sleep(0.02)
        time.sleep(delays.uniform(0.0, 0.4))
        inside += process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        after = store.keys()
        assert stored <= after
        stored = after
    assert inside >= n_kills / 2, "the kills came too late to test anything"
    finished = command("run", toy, "--n-jobs", n_jobs)
    output, errors = finished.communicate()
    assert finished.returncode == 0, errors
    assert re.search("(200|96) cells", output)
    assert contents(load(toy, tmp_path / "results")) == undisturbed
    assert not list(store.folder.glob(".tmp-*"))


@pytest.mark.slow
def test_two_runs_at_once(toy, quick, tmp_path, command, contents):
    first = command("run", toy, TOY_SECONDS="0.005")
    second = command("run", toy, TOY_SECONDS="0.005")
    for process in (first, second):
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    results = load(toy, tmp_path / "results")
    assert contents(results) == contents(run(quick, tmp_path / "alone"))
    assert sum(results.manifest["computed_by"].values()) == 200


def limited(folder: Path) -> dict[str, object]:
    """Make a disk of 48 kB at `folder` where one may, else limit files to 3 kB."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode == 0:
        return {}
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))}


def test_a_full_disk_is_told_and_loses_nothing(toy, quick, tmp_path, contents):
    folder = tmp_path / "small"
    folder.mkdir()
    limits = limited(folder)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wellposed_studies", "run", toy, "--results", str(folder)],
            env={**os.environ, "TOY_SECONDS": "0.01"},
            capture_output=True,
            text=True,
            check=False,
            **limits,
        )
        assert done.returncode == 1
        assert "no room left" in done.stderr
        assert "run the same command again" in done.stderr
        assert "Traceback" not in done.stderr
        stored = Store(cells_folder(folder, "toy-study"))
        kept = tmp_path / "kept"
        target = cells_folder(kept, "toy-study")
        target.mkdir(parents=True)
        for path in stored.folder.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    finally:
        if not limits:
            subprocess.run(["umount", str(folder)], check=True)
    assert Store(target).keys() <= {c.key for c in _cells(quick)}
    assert not list(target.glob(".tmp-*"))
    assert contents(run(quick, kept)) == contents(run(quick, tmp_path / "large"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("write", [0, 1, 3, 7, 9])
def test_whichever_write_finds_the_disk_full(quick, tmp_path, contents, monkeypatch, code, write):
    """The n-th fsync fails; the next run finishes, with the same tables."""
    complete = contents(run(quick, tmp_path / "complete"))
    fsync, calls = os.fsync, []

    def failing(descriptor):
        calls.append(descriptor)
        if len(calls) == write + 1:
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", failing)
        with pytest.raises(StoreError, match="no room left"):
            run(quick, tmp_path / "full")
    assert not list((tmp_path / "full").rglob(".tmp-*"))
    assert contents(run(quick, tmp_path / "full")) == complete


def _cells(selection: Selection):
    from wellposed_studies.running.plan import make_plan

    return make_plan(selection).cells


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_read_only_folder_is_told(quick, tmp_path, contents, monkeypatch, code):
    before = contents(run(quick, tmp_path))
    stored = {p: p.read_bytes() for p in cells_folder(tmp_path, "toy-study").iterdir()}

    def refuse(path, flags, *more, **options):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(code, os.strerror(code), str(path))
        return opened(path, flags, *more, **options)

    opened = os.open
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(StoreError, match=r"cannot be written to.*--results"):
            run(quick, tmp_path)
    assert all(path.read_bytes() == content for path, content in stored.items())
    assert contents(load(quick.spec, tmp_path)) == before


def test_a_read_only_disk_is_told(toy, tmp_path):
    """The real thing, where one may mount: a read-only file system."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        folder.chmod(0o500)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wellposed_studies", "run", toy, "--results", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)
        folder.chmod(0o700)
    assert done.returncode == 1
    assert "cannot be written to" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_where_the_results_folder_should_be(quick, tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(StoreError, match="results"):
        run(quick, tmp_path / "results")


def test_leftovers_of_killed_runs_are_swept(quick, tmp_path):
    run(quick, tmp_path)
    folder = cells_folder(tmp_path, "toy-study")
    (folder / f"{atomic.TEMPORARY}half").write_bytes(b"half a file")
    run(quick, tmp_path)
    assert not list(folder.glob(f"{atomic.TEMPORARY}*"))
