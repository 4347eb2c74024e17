"""Processes that train stacks: the same bits, and threads wherever there is no process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.model_selection import GridSearchCV

from wellposed import NetClassifier, fit_together
from wellposed.regularizers import REGULARIZERS
from wellposed.together import pipes, process_pool, trainers, worker
from wellposed.training import train
from wellposed.training.request import Abandoned, Rows

NET = NetClassifier((8,), max_epochs=3, batch_size=32, random_state=0)

SETTINGS = {
    "adam": {"l2": 1e-3},
    "sgd": {"solver": "sgd", "momentum": 0.9, "l1": 1e-3},
    "lbfgs": {"solver": "lbfgs", "l2": 1e-2, "max_epochs": 20, "batch_size": "auto"},
    "random": {"dropout": 0.3, "input_noise": 0.1, "weight_noise": 0.01, "label_smoothing": 0.1},
    "constrained": {"max_norm": 1.0, "dtype": "float64"},
    "early stopping": {"early_stopping": True, "max_epochs": 6, "n_iter_no_change": 1},
    "averaged": {"averaging": 0.5, "init": "he"},
    "diverging": {"solver": "sgd", "learning_rate": 1e30, "l2": 1.0},
    "cnn": {"network": "cnn"},
}


def start_one(pool):
    """Wait until the pool has one process that has started up."""
    pool.possible = True
    pool.grow(1)
    end = time.monotonic() + 60
    while not pool.n_ready:
        assert time.monotonic() < end, "the process did not start"
        time.sleep(0.01)
    return pool


@pytest.fixture
def ready(pool):
    """A pool with one process that has started up."""
    return start_one(pool)


@pytest.fixture
def requests_of(digits, monkeypatch):
    """The requests that fits of such networks make."""

    def make(n=3, **settings):
        found = []

        def run(request, alone=None):
            found.append(request)
            raise KeyboardInterrupt

        net = NetClassifier(**NET.get_params() | settings)
        with monkeypatch.context() as patch:
            patch.setattr("wellposed._base.run", run)
            for seed in range(n):
                with pytest.raises(KeyboardInterrupt):
                    net.set_params(random_state=seed).fit(*digits)
        return found

    return make


def never():
    return False


def assert_equal(outcomes, expected):
    assert len(outcomes) == len(expected)
    for outcome, other in zip(outcomes, expected):
        for name, value in vars(other).items():
            if name == "state":
                assert torch.equal(outcome.state.theta, value.theta) or outcome.error
                assert all(map(torch.equal, outcome.state.slots, value.slots)) or outcome.error
                assert outcome.state.n_updates == value.n_updates
            elif name == "error":
                assert str(outcome.error) == str(value)
                assert type(outcome.error) is type(value)
            elif name == "parts":
                assert outcome.parts.keys() == value.keys()
                for part, numbers in value.items():
                    np.testing.assert_array_equal(outcome.parts[part], numbers, err_msg=part)
            else:
                np.testing.assert_array_equal(getattr(outcome, name), value, err_msg=name)


@pytest.mark.slow
def test_the_same_bits(ready, requests_of):
    for name, settings in SETTINGS.items():
        requests = requests_of(**settings)
        outcomes = ready.train(requests, never)
        assert outcomes is not None, name
        assert_equal(outcomes, train(requests))
        going_on = requests_of(**settings)
        for request, outcome in zip(going_on, outcomes):
            request.start = outcome.state
        if name not in ("lbfgs", "diverging"):
            assert_equal(ready.train(going_on, never), train(going_on))


@pytest.mark.slow
def test_blocks_use_it(ready, digits, monkeypatch, same_inside):
    trained = []
    real = process_pool.TrainerProcess.train

    def spy(self, requests, abandoned):
        trained.append(len(requests))
        return real(self, requests, abandoned)

    monkeypatch.setattr(process_pool.TrainerProcess, "train", spy)
    grid = {"l2": np.logspace(-4, -1, 4), "dropout": [0.1, 0.2]}
    sizes = same_inside(lambda: GridSearchCV(NET, grid, cv=3).fit(*digits).cv_results_)
    assert sum(sizes) == 24
    assert trained
    assert ready.n_ready == 1


@pytest.mark.slow
def test_it_is_started_where_that_pays(pool, digits, monkeypatch):
    pool.possible = True
    search = GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=3, refit=False)
    with fit_together():
        search.fit(*digits)
    assert not pool._idle, "for a moment's work"
    monkeypatch.setattr(trainers, "_START_PROCESSES_AFTER", -1.0)
    with fit_together(n_trainers=1):
        search.fit(*digits)
    assert not pool._idle, "where one trainer was asked for"
    with fit_together(n_trainers=3):
        search.fit(*digits)
    assert len(pool._idle) == 2


def endless(requests):
    for request in requests:
        request.max_epochs = 10**6
    return requests


@pytest.mark.slow
def test_giving_up_ends_it(ready, requests_of):
    started = time.monotonic()
    with pytest.raises(Abandoned):
        ready.train(endless(requests_of()), lambda: time.monotonic() - started > 0.3)
    assert time.monotonic() - started < 10
    assert ready.n_ready == 0


@pytest.mark.slow
def test_what_kills_it_costs_only_time(ready, requests_of):
    process = ready._idle[0]._process
    killer = threading.Timer(0.3, process.kill)
    killer.start()
    assert ready.train(endless(requests_of()), never) is None
    assert ready.n_ready == 0
    requests = requests_of()
    assert ready.train(requests, never) is None
    ready.grow(1)
    assert len(ready._idle) == 1, "another one is started"


class Unreadable:
    """What only this process can unpickle: a class of a notebook's."""

    def __reduce__(self):
        return exec, ("raise ImportError('no such module')",)


@pytest.mark.slow
def test_a_job_that_cannot_be_read_is_off_the_pipe(ready, requests_of):
    requests = requests_of()
    requests[0].verbose = Unreadable()
    assert ready.train(requests, never) is None
    requests = requests_of()
    assert_equal(ready.train(requests, never), train(requests))


@pytest.mark.slow
def test_what_it_cannot_do_is_done_here(ready, digits, monkeypatch):
    monkeypatch.setattr(pipes, "encode", lambda *args: 1 / 0)
    with fit_together() as found:
        GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=3, refit=False).fit(*digits)
    assert sum(found.stack_sizes) == 6


def test_what_is_not_sent(requests_of, monkeypatch):
    requests = requests_of()
    assert process_pool.sendable(requests)
    big = requests_of()
    for request in big:
        request.rows = Rows(torch.zeros(300_000, 32), 1, 1)
    assert not process_pool.sendable(big)
    many = csr_array(np.ones((3000, 1500)))  # 36 MB in few rows of a table
    for request in big:
        request.rows = Rows(torch.zeros(3000, 16), 1500, 1, many)
    assert not process_pool.sendable(big)
    halves, half = requests_of(), Rows(torch.zeros(150_000, 32), 1, 1)
    for request in halves:  # all have the same rows, which are sent once
        request.rows = request.validation = half
    assert process_pool.sendable(halves)
    halves[0].validation = Rows(torch.zeros(150_000, 32), 1, 1)
    assert not process_pool.sendable(halves)
    module = requests_of(network=lambda n_inputs, n_outputs: torch.nn.Linear(n_inputs, n_outputs))
    assert not process_pool.sendable(module), "a module of the user's own"
    own = type("Own", (REGULARIZERS["l2"],), {})(0.1)
    for settings in ({"regularizers": [("own", own)]}, {"l2": own}):
        assert not process_pool.sendable(requests_of(**settings)), "a regularizer of the user's own"
    with monkeypatch.context() as patch:
        patch.setitem(REGULARIZERS, "mine", REGULARIZERS["l2"])
        assert not process_pool.sendable(requests), "a table that has been changed"
    with monkeypatch.context() as patch:
        patch.setitem(REGULARIZERS, "l2", type("L2", (REGULARIZERS["l2"],), {}))
        assert not process_pool.sendable(requests), "a changed one"


def test_it_trains_in_the_precision_of_its_parent(monkeypatch):
    jobs, answers = [("medium", "a stack"), ("highest", "another")], []

    class Pipe:
        def __init__(self, incoming, outgoing, interval):
            assert (incoming, outgoing) == (3, 4)

        def write(self, word, look):
            assert word == worker.READY

        def receive(self, look):
            if not jobs:
                raise EOFError
            return jobs.pop(0)

        def send(self, answer, look):
            answers.append(answer)

    monkeypatch.setattr(worker, "Channel", Pipe)
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    monkeypatch.setattr(sys, "argv", ["worker", "3", "4"])
    monkeypatch.setattr(
        worker, "train", lambda requests, _: (requests, torch.get_float32_matmul_precision())
    )
    before = torch.get_float32_matmul_precision()
    try:
        worker.main()
    finally:
        torch.set_float32_matmul_precision(before)
    assert answers == [("a stack", "medium"), ("another", "highest")]


NO_PROCESS = {
    "no such file": lambda patch: patch.setattr(sys, "executable", "/nowhere/python"),
    "another program": lambda patch: patch.setattr(sys, "executable", "/bin/false"),
    "one that never answers": lambda patch: (
        patch.setattr(sys, "executable", script("sleep 1000")),
        patch.setattr(process_pool, "_START", 0.1),
    ),
    "one that prints": lambda patch: patch.setattr(sys, "executable", script("echo ready; exit")),
    "not known": lambda patch: patch.setattr(sys, "executable", None),
    "no more pipes": lambda patch: patch.setattr(os, "pipe", too_many_files),
    "path that cannot be passed on": lambda patch: patch.setattr(sys, "path", ["a\0b"]),
}


def script(line):
    """An executable file."""
    folder = tempfile.mkdtemp()
    file = os.path.join(folder, "python")
    with open(file, "w") as opened:
        opened.write(f"#!/bin/sh\n{line}\n")
    os.chmod(file, 0o755)
    return file


def too_many_files():
    raise OSError(24, "Too many open files")


@pytest.mark.parametrize("how", NO_PROCESS)
def test_threads_train_where_no_process_starts(how, pool, digits, monkeypatch):
    monkeypatch.setattr(trainers, "_START_PROCESSES_AFTER", -1.0)
    pool.possible = True
    with monkeypatch.context() as patch:
        NO_PROCESS[how](patch)
        for _ in range(3):
            with fit_together(n_trainers=2) as found:
                GridSearchCV(NET, {"l2": [1e-3, 1e-2]}, cv=3, refit=False).fit(*digits)
            assert sum(found.stack_sizes) == 6
            time.sleep(0.2)
    assert not pool.possible
    assert not pool._idle


NOISE = {
    "print": "print('hi', flush=True)",
    "write ready": "import os; os.write(1, b'ready' * 100)",
    "read": "import sys; sys.stdin.read()",
    "print much": "print('x' * 10**6)",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", NOISE)
def test_what_an_interpreter_does_at_start_up_is_no_answer(
    what, pool, requests_of, monkeypatch, tmp_path
):
    """A deadlock, once: 8 bytes of its standard output were taken for the length of a message."""
    (tmp_path / "sitecustomize.py").write_text(NOISE[what])
    monkeypatch.setattr(sys, "path", [Path("src"), b"lib", 3, str(tmp_path), *sys.path])
    start_one(pool)
    requests = requests_of()
    assert_equal(pool.train(requests, never), train(requests))


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [10, 100_000], ids=["answer", "job larger than a pipe"])
def test_one_that_has_been_stopped_can_be_given_up(n_rows, ready, requests_of):
    process = ready._idle[0]._process
    process.send_signal(signal.SIGSTOP)
    requests = requests_of()
    for request in requests:
        request.rows = Rows(torch.zeros(n_rows, 16), 1, 1)
    started = time.monotonic()
    with pytest.raises(Abandoned):
        ready.train(requests, lambda: time.monotonic() - started > 0.3)
    assert time.monotonic() - started < 10
    assert process.poll() is not None


SCRIPT = """
import sys, time
import numpy as np
from wellposed import NetRegressor, fit_together
from wellposed.together import process_pool
process_pool.pool.grow(1)
while not process_pool.pool.n_ready:
    time.sleep(0.01)
print(process_pool.pool._idle[0]._process.pid, flush=True)
sys.stdin.read(1)
if sys.argv[1] == "train":
    from joblib import Parallel, delayed
    net = NetRegressor((8,), max_epochs=10**7, tol=0)
    X = np.random.default_rng(0).normal(size=(50, 2))
    with fit_together():
        Parallel()(delayed(net.fit)(X, X[:, 0]) for _ in range(2))
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
@pytest.mark.parametrize("how", ["exit", "kill in training", "interrupt in training"])
def test_it_ends_with_the_interpreter(how):
    action = "train" if "training" in how else "nothing"
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, action],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    pid = int(script.stdout.readline())
    assert is_running(pid)
    script.stdin.write(b"x")
    script.stdin.flush()
    if action == "train":
        time.sleep(1.0)
        script.send_signal(signal.SIGKILL if "kill" in how else signal.SIGINT)
    script.wait(30)
    end = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(pid)
    for pipe in (script.stdin, script.stdout):
        pipe.close()
