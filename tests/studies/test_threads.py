"""One thread a cell, also for libraries that a cell is the first to import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info

from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import run
from wellposed_studies.running.threads import VARIABLES, one_thread

STUDY = """
from wellposed_studies import Study

study = Study(title="Threads", side_by_side=True)

@study.data("d", task="regression")
def data(rng, profile):
    return {"n": 1}

@study.experiment(a=range(40))
def threads(cell, a):
    import sklearn.cluster  # which uses OpenMP
    import torch
    from threadpoolctl import threadpool_info
    return {
        "torch": torch.get_num_threads(),
        "others": max(pool["num_threads"] for pool in threadpool_info()),
    }
"""


@pytest.mark.parametrize("n_jobs", ["1", "2"])
def test_cells_have_one_thread(tmp_path, n_jobs):
    """In a fresh process, where the first cell imports torch; later ones are in threads."""
    (tmp_path / "threads.py").write_text(STUDY)
    code = (
        "import sys\n"
        "from wellposed_studies.loading.data import Selection\n"
        "from wellposed_studies.runner import run\n"
        f"results = run(Selection('threads.py', 'quick', 0), 'results', n_jobs={n_jobs})\n"
        "print(results['threads'].table()[['torch', 'others']].max().tolist())\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[1, 1]", done.stderr


def test_threads_and_environment_are_put_back():
    torch = pytest.importorskip("torch")
    before = (torch.get_num_threads(), dict(os.environ), threadpool_info())
    inside = []

    def fail():
        with one_thread():
            inside.extend([torch.get_num_threads(), os.environ["MKL_NUM_THREADS"]])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside == [1, "1"]
    assert (torch.get_num_threads(), dict(os.environ), threadpool_info()) == before


def test_a_serial_run_puts_them_back_too(quick: Selection, tmp_path):
    before = dict(os.environ)
    run(quick, tmp_path)
    assert dict(os.environ) == before
