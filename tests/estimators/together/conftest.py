"""Small data, and a comparison of what a block returns with what the same code returns outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from wellposed import fit_together
from wellposed.together import process_pool, queue, scheduler


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[process_pool.ProcessPool]:
    """A pool of its own for every test, without processes unless the test wants them."""
    own = process_pool.ProcessPool()
    own.possible = False
    monkeypatch.setattr(process_pool, "pool", own)
    yield own
    own.end()


@pytest.fixture
def whole_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for busy tasks without limit and share no stack: sizes depend on no machine."""
    monkeypatch.setattr(scheduler, "_STALL_TIMEOUT", 1e6)
    monkeypatch.setattr(queue, "_MIN_SHARE", 1000)
    monkeypatch.setattr(queue, "_MAX_STACK", 1000)


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return (X[:240] / 16).astype(np.float32), y[:240]


def assert_same(found: Any, expected: Any, path: str = "result") -> None:
    """Equal to the bit, times apart."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), path
        for key in expected:
            if not (isinstance(key, str) and "time" in key):
                assert_same(found[key], expected[key], f"{path}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), path
        for i, (a, b) in enumerate(zip(found, expected)):
            assert_same(a, b, f"{path}[{i}]")
    else:
        np.testing.assert_array_equal(found, expected, err_msg=path)


@pytest.fixture
def same_inside() -> Callable[..., list[int]]:
    """Check that work() returns the same in a block, and give the sizes of the block's stacks."""

    def check(work: Callable[[], Any], by_name: bool = False) -> list[int]:
        expected = work()
        with fit_together() as found:
            assert_same(work(), expected)
        if by_name:
            with parallel_config(backend="wellposed"):
                assert_same(work(), expected)
        return found.stack_sizes

    return check


def threads_of_ours(patience: float = 2.0) -> list[str]:
    """Names of the threads that are still there after a moment."""
    end = time.monotonic() + patience
    while True:
        names = [t.name for t in threading.enumerate() if t.name.startswith("wellposed")]
        if not names or time.monotonic() > end:
            return names
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[Callable[[], None]]:
    def check() -> None:
        assert threads_of_ours() == []

    yield check
    check()
