"""A regularizer that is off is not called at all: a plain step makes no more calls than it did."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from torch.overrides import TorchFunctionMode

import wellposed
from wellposed import NetClassifier
from wellposed.training.stack import Stack

ROOT = str(Path(wellposed.__file__).parent)
X, y = load_iris(return_X_y=True)


class Functions:
    """Notes the library's functions that are called in a block."""

    def __init__(self):
        self.called: list[str] = []

    def __enter__(self):
        sys.setprofile(self._note)

    def __exit__(self, *error):
        sys.setprofile(None)

    def _note(self, frame, event, arg):
        if event == "call" and frame.f_code.co_filename.startswith(ROOT):
            self.called.append(frame.f_code.co_qualname)


class Operations(TorchFunctionMode):
    """Notes PyTorch's operations."""

    def __init__(self):
        super().__init__()
        self.called: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.called.append(func.__name__)
        return func(*args, **(kwargs or {}))


def calls_of_steps(monkeypatch, **parameters):
    """Functions that the third step of a training calls, and operations of the fourth."""
    functions, operations = Functions(), Operations()
    watched, step = {2: functions, 3: operations}, Stack.step

    def watching(stack):
        if watch := watched.get(stack.n_updates):
            with watch:
                return step(stack)
        return step(stack)

    with monkeypatch.context() as patched:
        patched.setattr(Stack, "step", watching)
        NetClassifier((5, 4), batch_size=50, max_epochs=2, random_state=0, **parameters).fit(X, y)
    return functions.called, operations.called


@pytest.mark.parametrize(
    ("solver", "n_functions", "n_operations"), [("adam", 25, 57), ("sgd", 23, 58)]
)
def test_a_plain_step_makes_no_more_calls(monkeypatch, solver, n_functions, n_operations):
    functions, operations = calls_of_steps(monkeypatch, solver=solver)
    assert len(functions) <= n_functions, functions
    assert len(operations) <= n_operations, operations


def test_what_is_on_is_counted(monkeypatch):
    plain, with_l2 = (calls_of_steps(monkeypatch, l2=strength) for strength in (0.0, 0.1))
    assert "L2.gradient" in with_l2[0]
    assert len(with_l2[0]) > len(plain[0])
    assert len(with_l2[1]) > len(plain[1])
