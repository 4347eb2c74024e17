"""A progress bar with the time left, where somebody is watching."""

from __future__ import annotations

import contextlib
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


@contextlib.contextmanager
def watched(name: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A `Progress` that draws on the terminal, and draws nothing where there is none.

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
    with bar:
        task = bar.add_task(name, total=None)

        def waiting() -> None:
            console.print(f"{name}: another run is writing to this results folder; waiting for it.")

        def started(n_cells: int, n_stored: int) -> None:
            bar.reset(task, total=n_cells, completed=n_stored)
            if n_stored:
                console.print(f"{name}: {n_stored} of {n_cells} cells are stored already.")

        def advanced(n_new: int) -> None:
            bar.advance(task, n_new)

        yield Progress(waiting, started, advanced)
