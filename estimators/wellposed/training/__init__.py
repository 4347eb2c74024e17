"""Training a stack: K networks of one shape, advanced step by step as one program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._threads import one_thread
from .lbfgs import minimize_objective
from .request import Outcome, Request
from .stack import Stack


def train(
    requests: Sequence[Request], abandoned: Callable[[], bool] | None = None
) -> list[Outcome]:
    """Train requests of one structure side by side and return what became of each.

    ``abandoned`` is asked before each step whether to give up, raising `Abandoned`.
    """
    with one_thread():
        if requests[0].solver == "lbfgs":
            return minimize_objective(requests, abandoned)
        stack = Stack(requests, abandoned)
        while stack.requests:
            stack.advance()
            stack.retire()
        return [outcome for outcome in stack.outcomes if outcome is not None]
