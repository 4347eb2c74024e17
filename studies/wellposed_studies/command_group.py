"""What every command does about errors: a sentence, and an exit code that says what happened."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import click

from .console import say, tell
from .errors import StudyError, suggest
from .storing import layout

HELD, FAILED, NOT_RUN, INTERRUPTED = 0, 1, 2, 130

results_option = click.option(
    "--results",
    default=layout.DEFAULT,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds all results.",
)


class CommandGroup(click.Group):
    """A group that suggests commands near to one it does not have, and tells errors."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            ctx.fail(f"there is no command {args[0]!r}. {suggest(args[0], known)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Say what is wrong in a sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except StudyError as error:
            tell(error)
            only_reads = ctx.invoked_subcommand in {"verify", "list", "clean"}
            ctx.exit(NOT_RUN if only_reads else error.exit_code)
        except KeyboardInterrupt:
            say("Error: interrupted; everything that was finished is stored.", err=True)
            ctx.exit(INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads on: click ends quietly
                raise
            say(f"Error: the system says: {error}.", err=True)
            ctx.exit(NOT_RUN)
