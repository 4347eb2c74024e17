"""A progress bar with the time left, where somebody is watching."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from ..escaping import visible
from .progress import Progress

#: Seconds between the lines that stand in for the bar where there is no terminal.
SECONDS_A_LINE = 30.0


def time_left(elapsed: float, n_done: int, n_left: int) -> str:
    """How long cells take that are left, at the pace of those that are done.

    Examples
    --------
    >>> time_left(30.0, 60, 240), time_left(100.0, 1, 500), time_left(30.0, 60, 0)
    ('about 2 min left', 'about 14 h left', 'less than 1 min left')
    """
    minutes = elapsed / n_done * n_left / 60
    if minutes < 1:
        return "less than 1 min left"
    return f"about {minutes:.0f} min left" if minutes < 120 else f"about {minutes / 60:.0f} h left"


@contextlib.contextmanager
def told_what_renders() -> Iterator[Callable[[str, int, int], None]]:
    """A function ``(name, i, n)`` that shows on a terminal which report is rendered, the i-th of n,
    and nothing anywhere else."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        yield lambda name, i, n: None
        return
    with console.status("") as status:
        yield lambda name, i, n: status.update(Text(f"rendering {visible(name)}, {i} of {n}"))


@contextlib.contextmanager
def watched(name: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A `Progress` that draws on the terminal, and writes a line now and then where there is none.

    Parameters
    ----------
    name : str
        What is being run.
    quiet : bool
        Draw nothing anywhere.
    """
    name = visible(name)
    console = Console(stderr=True, quiet=quiet, markup=False, highlight=False, emoji=False)
    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells,"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=quiet or not console.is_terminal,
        speed_estimate_period=120.0,
    )
    counted, total, new = 0, 0, 0
    began = told = time.monotonic()
    with bar:
        task = bar.add_task(name, total=None)

        def waiting() -> None:
            console.print(f"{name}: another run is writing to this results folder; waiting for it.")

        def started(n_cells: int, n_stored: int) -> None:
            nonlocal counted, total, began, told
            counted, total = n_stored, n_cells
            began = told = time.monotonic()
            bar.reset(task, total=n_cells, completed=n_stored)
            if n_stored:
                console.print(f"{name}: {n_stored} of {n_cells} cells are stored already.")

        def advanced(n_new: int) -> None:
            nonlocal counted, told, new
            counted, new = counted + n_new, new + n_new
            bar.advance(task, n_new)
            now = time.monotonic()
            if not console.is_terminal and now > told + SECONDS_A_LINE:
                left = time_left(now - began, new, total - counted)
                console.print(f"{name}: {counted} of {total} cells, {left}")
                told = now

        yield Progress(waiting, started, advanced)
