"""Random schedules of tasks all finish: no deadlock, no lost request, nobody's answer for another.

A schedule is a tree of parallel calls. Each task fits some networks, in between does things of its
own, starts calls, or fails; an interpreter without threads says what has to come out. Trainings are
faked, and busy tasks are waited for without limit, so that nothing but the counting ends a wait.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import threading
import time
from itertools import islice
from types import SimpleNamespace

import joblib
import joblib.parallel
import pytest
import torch
from joblib import Parallel, delayed

from wellposed import _execution, fit_together
from wellposed.networks import MLP
from wellposed.together import admission, backend, queue, trainers
from wellposed.together import scheduler as module
from wellposed.training.request import Abandoned, Outcome, Request, Rows

ROWS = [Rows(torch.arange(160.0).view(5, 32) + i, 1, 1) for i in range(3)]
SIZES = (16, 32)  # batch widths: requests of unequal ones are not stacked
WATCHDOG = 60.0  # seconds


class Wrong(Exception):
    """What a schedule makes a task raise."""


# ---------------------------------------------------------------------- schedules


def draw_call(rng, harsh, depth=0):
    most = 24 if depth == 0 else 6
    call = SimpleNamespace(
        tasks=[draw_task(rng, harsh, depth) for _ in range(rng.randint(0, most))],
        n_jobs=rng.choice([None, 1, 2, -1]),
        pre_dispatch=rng.choice(["2*n_jobs", "all", 1, 3]),
        batch_size=rng.choice(["auto", 1, 1, 3]),
        return_as=rng.choice(["list", "list", "generator"]),
        take=rng.choice([None, None, 2]),  # results to consume of a generator
        between=None,  # a call that its consumer makes after each of them
    )
    if call.return_as == "generator" and depth < 2 and rng.random() < 0.5:
        call.between = draw_call(rng, False, depth + 1)
    try:
        expect("call", call)
    except Wrong:
        call.take = None  # whether the error is met before the end is a matter of time
    return call


def draw_task(rng, harsh, depth):
    kinds = ["fit"] * 8 + ["alone", "foreign", "pause", "broken fit"]
    kinds += ["call"] * 3 if depth < 2 else []
    kinds += ["raise"] if rng.random() < 0.15 else []
    share_caught = 0.8 if harsh else 1.0
    actions = []
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        kind = rng.choice(kinds)
        caught = rng.random() < share_caught
        if kind == "call":
            actions.append((kind, caught, draw_call(rng, harsh, depth + 1)))
        else:
            actions.append((kind, caught, (rng.randrange(10**6), rng.choice(SIZES))))
    return actions


def expect_task(actions):
    """Return what a task returns, or raise Wrong."""
    results = []
    for kind, caught, what in actions:
        try:
            results.append(expect(kind, what))
        except Wrong:
            if not caught:
                raise
            results.append("caught")
    return results


def expect(kind, what):
    if kind == "call":
        results = [expect_task(task) for task in what.tasks]
        if what.return_as == "list":
            return results
        return [
            (result, what.between and expect("call", what.between))
            for result in results[: what.take]
        ]
    seed, _ = what
    if kind in ("raise", "broken fit"):
        raise Wrong
    return seed if kind in ("fit", "alone") else None


# ---------------------------------------------------------------------- the same, for real


def run_call(call):
    parallel = Parallel(
        n_jobs=call.n_jobs,
        pre_dispatch=call.pre_dispatch,
        batch_size=call.batch_size,
        return_as=call.return_as,
    )
    results = parallel(delayed(run_task)(task) for task in call.tasks)
    if call.return_as == "list":
        return results
    taken = islice(results, call.take)
    taken = [(result, call.between and run_call(call.between)) for result in taken]
    results.close()
    return taken


def run_task(actions):
    results = []
    for kind, caught, what in actions:
        try:
            results.append(act(kind, what))
        except Wrong:
            if not caught:
                raise
            results.append("caught")
    return results


def act(kind, what):
    if kind == "call":
        return run_call(what)
    seed, size = what
    if kind == "raise":
        raise Wrong
    if kind == "foreign":
        return sum(range(seed % 3000)) * 0 or None
    if kind == "pause":
        return time.sleep(seed % 3 / 1000)
    request = Request(
        MLP(1, 1),
        "squared_error",
        ROWS[seed % 3],
        seed if kind != "broken fit" else -1,
        batch_size=size,
    )
    if kind == "alone":
        return _execution.run(
            request, alone=lambda abandoned: fake_train([request], abandoned)[0]
        ).state
    return _execution.run(request).state


def fake_train(requests, abandoned=None):
    first = requests[0]
    assert len({request.structure for request in requests}) == 1
    assert len(requests) <= max(1, queue.stack_size(first))
    for _ in range(first.seed % 4):
        if abandoned is not None and abandoned():
            raise Abandoned
        time.sleep(0.0003)
    if any(request.seed == -1 for request in requests):
        raise Wrong
    return [Outcome(state=request.seed) for request in requests]


def check(rng, monkeypatch):
    """Run one schedule under random limits and compare it with what is expected."""
    monkeypatch.setattr(queue, "_MAX_STACK", rng.choice([1, 2, 3, 8]))
    monkeypatch.setattr(queue, "_MIN_SHARE", rng.choice([1, 16]))
    monkeypatch.setattr(admission, "_MAX_TASKS", rng.choice([1, 2, 5, 256]))
    call = draw_call(rng, harsh=rng.random() < 0.3)
    found = []

    def run():
        max_memory, n_trainers = rng.choice([1, 2e3, 2e9]), rng.choice([1, 2, 3])
        with fit_together(max_memory, n_trainers) as scheduler:
            found.append(scheduler)
            try:
                found.append(run_call(call))
            except Wrong:
                found.append(Wrong)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(WATCHDOG)
    if thread.is_alive():
        faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)
        pytest.fail(f"a schedule did not finish: {vars(found[0])}")
    try:
        expected = expect("call", call)
    except Wrong:
        expected = Wrong
    scheduler, result = found
    assert result == expected
    left = [t.name for t in threading.enumerate() if t.name.startswith("wellposed")]
    assert not left
    counts, jobs = scheduler._admission, scheduler._queue
    state = (counts.busy, counts.admitted, counts.pending, jobs, jobs.unfinished)
    assert not any(state)
    assert scheduler._n_stacks == 0
    return scheduler


@pytest.fixture
def faked(monkeypatch):
    monkeypatch.setattr(_execution, "train", fake_train)
    monkeypatch.setattr(trainers, "train", fake_train)
    monkeypatch.setattr(module, "_STALL_TIMEOUT", 1e6)
    monkeypatch.setattr(backend, "_JOIN_TIMEOUT", 1e6)
    # joblib looks for results every 10 ms; hundreds of schedules have no time for that
    quick = SimpleNamespace(time=time.time, sleep=lambda seconds: time.sleep(seconds / 20))
    monkeypatch.setattr(joblib.parallel, "time", quick)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*(have been cancelled|but not used).*:UserWarning")
@pytest.mark.parametrize("part", range(4))
def test_many_schedules(part, faked, monkeypatch):
    sizes = []
    for seed in range(125 * part, 125 * (part + 1)):
        sizes += check(random.Random(seed), monkeypatch).stack_sizes
    assert max(sizes) > 3  # networks are stacked, up to the largest limit


def test_some_schedules(faked, monkeypatch):
    for seed in range(10_000, 10_030):
        check(random.Random(seed), monkeypatch)
