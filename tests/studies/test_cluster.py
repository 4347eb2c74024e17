"""Cells on a dask cluster: the same bytes, also when workers die; sentences where there is none."""

import logging
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from distributed import Client, LocalCluster
from distributed.utils import LoopRunner

from wellposed_studies.cli import main
from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import Interrupted, run
from wellposed_studies.running import cluster
from wellposed_studies.running.cluster import Cluster, ClusterError
from wellposed_studies.running.plan import make_plan
from wellposed_studies.storing import layout
from wellposed_studies.storing.results import load

NETWORKS = Path(__file__).with_name("net_study.py")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture
def two_workers(monkeypatch):
    """A cluster of two processes on this machine, whose cells take a while."""
    monkeypatch.setenv("TOY_SECONDS", "0.05")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as local:
        yield local


class Stored:
    """Watches a run, and counts what has been stored."""

    def __init__(self):
        self.n = 0

    def started(self, total, done): ...

    def waiting(self): ...

    def advanced(self, n):
        self.n += n


@pytest.mark.slow
def test_a_worker_is_killed_and_the_networks_are_the_same(tmp_path, contents, two_workers):
    """By the command, for cells whose networks are trained together."""
    text = NETWORKS.read_text(encoding="utf-8").replace("max_epochs=400", "max_epochs=20")
    study = tmp_path / "networks.py"
    study.write_text(text, encoding="utf-8")
    address, there = two_workers.scheduler_address, tmp_path / "there"
    with Client(address, set_as_default=False) as client:
        victim = min(client.run(os.getpid).values())

    def kill():
        while not layout.cells_files(layout.cells_folder(there, "networks")):
            time.sleep(0.02)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    options = ["--scheduler", address, "--results", str(there), "--no-reuse", "--quiet"]
    done = CliRunner().invoke(main, ["run", str(study), *options])
    assert done.exit_code == 0, done.output
    killer.join(10)
    assert not killer.is_alive()
    assert "96 cells on diabetes" in done.output
    results = load(str(study), there)
    expected = contents(run(Selection(str(study), "quick", 0), tmp_path / "here"))
    assert contents(results) == expected
    assert results.timings["seconds"].duplicated().any(), "networks of a batch share its time"


@pytest.mark.slow
def test_what_was_stored_before_an_interrupt_is_not_computed_again(
    quick, tmp_path, contents, two_workers, monkeypatch
):
    class Impatient(Stored):
        def advanced(self, n):
            super().advanced(n)
            if self.n > 20:
                raise KeyboardInterrupt

    executor = Cluster(two_workers.scheduler_address)
    with pytest.raises(Interrupted, match=r"interrupted: .* were computed and stored"):
        run(quick, tmp_path, executor=executor, progress=Impatient())
    watched = Stored()
    finished = run(quick, tmp_path, executor=executor, progress=watched)
    assert 0 < watched.n < len(make_plan(quick).cells) - 20
    monkeypatch.delenv("TOY_SECONDS")
    assert contents(finished) == contents(run(quick, tmp_path / "here"))


@pytest.mark.slow
def test_the_command_starts_workers_of_its_own(tmp_path, monkeypatch):
    study = os.path.join(os.path.dirname(__file__), "toy_study.py")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["run", study, "--workers", "2", "--quiet"])
    assert done.exit_code == 0, done.output
    assert "200 cells on line, diabetes" in done.output


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_scheduler_that_is_not_there_is_a_sentence(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT", 0.5)
    address = f"tcp://127.0.0.1:{closed_port()}"
    with pytest.raises(ClusterError, match=f"no dask scheduler answers at {address}: .*--workers"):
        run(quick, tmp_path, executor=Cluster(address))
    for nonsense in ("localhost:here", "ftp://x:1", ""):
        with pytest.raises(ClusterError, match="no dask scheduler answers at"):
            run(quick, tmp_path, executor=Cluster(nonsense))


def test_a_scheduler_without_workers_is_a_sentence(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT", 1.0)
    with (
        LocalCluster(n_workers=0, dashboard_address=None, silence_logs=logging.CRITICAL) as local,
        pytest.raises(ClusterError, match=r"has no workers. Start some with `dask worker"),
    ):
        run(quick, tmp_path, executor=Cluster(local.scheduler_address))


def test_workers_must_have_the_same_versions_and_the_study(quick, tmp_path, monkeypatch):
    there = cluster.versions()
    with LocalCluster(
        n_workers=1, processes=False, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as local:
        executor = Cluster(local.scheduler_address)
        here = iter([there | {"torch": "1.0"}])
        monkeypatch.setattr(cluster, "versions", lambda: next(here, there))
        with pytest.raises(ClusterError, match=r"has torch .*, and this process torch 1\.0\. "):
            run(quick, tmp_path, executor=executor)
        monkeypatch.setattr(cluster, "find", lambda spec: 1 / 0)
        with pytest.raises(ClusterError, match="cannot compute this study: division by zero"):
            run(quick, tmp_path, executor=executor)


@pytest.mark.parametrize("n_failures", [1, 3])
def test_a_thread_of_dask_may_be_late(n_failures, quick, tmp_path, monkeypatch):
    """A busy machine may not start it within the ten seconds that dask gives it."""
    late = iter([True] * n_failures)
    start = LoopRunner._start_unlocked

    def start_late(runner):
        assert not next(late, False)
        start(runner)

    monkeypatch.setattr(cluster, "_CONNECT", 0.5)
    monkeypatch.setattr(LoopRunner, "_start_unlocked", start_late)
    sentence = "no dask scheduler answers at" if n_failures < 3 else "this machine is too busy"
    with pytest.raises(ClusterError, match=sentence):
        run(quick, tmp_path, executor=Cluster(f"tcp://127.0.0.1:{closed_port()}"))


def test_one_way_of_computing_at_a_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["run", "--workers", "2", "--n-jobs", "2"])
    assert done.exit_code == 2
    assert "say one of --n-jobs, --workers and --scheduler" in done.output
    with pytest.raises(ValueError, match="one of scheduler= and n_workers="):
        Cluster()
