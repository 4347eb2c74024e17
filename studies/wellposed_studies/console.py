"""What the command prints: text that may hold anything, for an output in any encoding."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from .errors import StudyError
from .escaping import terminal


def tell(error: StudyError) -> None:
    """Print an error, after the traceback of a study's own code if there is one."""
    trace = getattr(error, "trace", "")
    say(f"{trace}\nError: {error}" if trace else f"Error: {error}", err=True)


def say(text: object, *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print text that may hold anything, in what characters the output has.

    ``style`` is that of `click.style`, such as ``bold=True``: on terminals only, and not where the
    variable ``NO_COLOR`` is set (https://no-color.org).
    """
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    shown = terminal(text).encode(encoding, "wellposed.printable").decode(encoding)
    plain = bool(os.environ.get("NO_COLOR"))
    click.secho(shown, err=err, nl=nl, **({"reset": False} if plain else style))


def print_anywhere() -> None:
    """Let no character end a command where the output's encoding does not have it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="wellposed.printable")
