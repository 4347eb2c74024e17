"""A progress bar with the time left, where somebody is watching."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from .runner import Progress

#: Seconds between the lines that stand in for the bar where there is no terminal.
SECONDS_A_LINE = 30.0


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
    console = Console(stderr=True, quiet=quiet)
    bar = Bar(
        TextColumn("{task.description}"),
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
    counted, total, told = 0, 0, time.monotonic()
    with bar:
        task = bar.add_task(name, total=None)

        def waiting() -> None:
            console.print(f"{name}: another run is writing to this results folder; waiting for it.")

        def started(n_cells: int, n_stored: int) -> None:
            nonlocal counted, total
            counted, total = n_stored, n_cells
            bar.reset(task, total=n_cells, completed=n_stored)
            if n_stored:
                console.print(f"{name}: {n_stored} of {n_cells} cells are stored already.")

        def advanced(n_new: int) -> None:
            nonlocal counted, told
            counted += n_new
            bar.advance(task, n_new)
            if not console.is_terminal and time.monotonic() > told + SECONDS_A_LINE:
                console.print(f"{name}: {counted} of {total} cells")
                told = time.monotonic()

        yield Progress(waiting, started, advanced)
