"""The command ``wellposed``: list, run, verify, report, clean.

All output goes through `console.say`: what comes from outside moves no cursor, and what the
terminal's encoding lacks is spelled out.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import StudyError, suggest
from .escaping import shell

try:
    import click
except ModuleNotFoundError:  # pragma: no cover - exercised in a subprocess
    sys.exit("the command wellposed needs an extra: pip install 'wellposed[studies]'")

from .command_group import CommandGroup, results_option
from .console import print_anywhere, say, tell
from .reading_commands import list_studies, verify
from .storing import layout

if TYPE_CHECKING:
    from .loading.own_table import OwnTable
    from .study import Source


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wellposed")
@click.option("--verbose", "-v", is_flag=True, help="Log what is going on.")
def main(verbose: bool) -> None:
    """Put the regularizers of neural networks to the test, and read the reports.

    A study declares its claims, each with a threshold, before it is run. `run` measures and tests
    them, `verify` says which held, `report` writes the pages that show it.

    \b
    Example:
      wellposed list                      which studies there are, and their last runs
      wellposed run bias-variance         goes on where it was interrupted
      wellposed verify --failed           what did not hold, and why
      wellposed report bias-variance      HTML and PDF
      wellposed run bias-variance --data my.csv --target y
    """
    print_anywhere()
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE.py]...")
@click.option(
    "--profile",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="Sizes: quick for minutes, full for the numbers to quote.",
)
@click.option("--n-jobs", type=int, default=1, show_default=True, help="Processes; -1: all cores.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compute on a dask cluster of N processes on this machine.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Compute on the dask cluster of tcp://HOST:PORT."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="All randomness comes from it.",
)
@results_option
@click.option("--data", type=click.Path(), help="Your own table: .csv, .parquet or .npz.")
@click.option("--target", help="The column of your table to predict.")
@click.option(
    "--task",
    type=click.Choice(["regression", "classification"]),
    help="What the target is, if it is not what it was taken for.",
)
@click.option(
    "--reuse",
    type=click.Path(file_okay=False, path_type=Path),
    help="Another results folder, whose finished cells are copied.  [default: results]",
)
@click.option("--no-reuse", is_flag=True, help="Compute every cell that RESULTS does not have.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def run(
    names: tuple[str, ...],
    profile: Any,
    n_jobs: int,
    workers: int | None,
    scheduler: str | None,
    seed: int,
    results: Path,
    data: str | None,
    target: str | None,
    task: Any,
    reuse: Path | None,
    no_reuse: bool,
    quiet: bool,
) -> None:
    """Run studies; all built-in ones if none is named.

    Finished cells are stored at once and never computed twice: a run that was interrupted goes on
    where it was when the same command is given again. A study of your own is given by its file.
    With --data your table stands in for the study's real data sets. How it was read, and what
    its target was taken for, is printed first and stands in the report. Cells that another results
    folder has (by default `results`) are copied from there.

    What is wrong with one study does not keep the others from running. Exits with 0 if all cells
    were computed, whatever the claims say; with 1 if something failed; with 2 on wrong usage, also
    of data; with 130 after Ctrl-C.

    \b
    Example:
      wellposed run bias-variance underconstrained --n-jobs 2
      wellposed run bias-variance --data my.csv --target y
      wellposed run ./my_study.py --profile full
      wellposed run ./my_study.py --scheduler tcp://localhost:8786
    """
    from .discovery import find
    from .judging.verdicts import broken
    from .loading.data import Selection
    from .reporting.standing import tally
    from .runner import Interrupted
    from .runner import run as run_study
    from .running.watching import watched

    if n_jobs == 0:
        raise click.BadParameter("0 processes compute nothing; expected 1 or more, or -1.")
    if sum([n_jobs != 1, workers is not None, scheduler is not None]) > 1:
        raise click.UsageError("say one of --n-jobs, --workers and --scheduler.")
    executor = None
    if workers is not None or scheduler is not None:
        from .running.cluster import Cluster

        executor = Cluster(scheduler, workers)
    other = None if no_reuse else reuse or Path(layout.DEFAULT)
    if reuse is not None and (no_reuse or not reuse.is_dir()):
        raise click.BadParameter(
            "say --reuse FOLDER or --no-reuse."
            if no_reuse
            else f"there is no folder {shell([reuse])}.",
            param_hint="--reuse",
        )
    sources = [find(name) for name in names or _built_in()]
    own = _own_table(data, target, task)
    codes = []
    finished_names = []
    for given, source in zip(names or _built_in(), sources):
        selection = Selection(source.spec, profile, seed, own)
        before, command = _last_run(results, source, given)
        try:
            with watched(source.name, quiet=quiet) as progress:
                finished = run_study(
                    selection,
                    results,
                    n_jobs=n_jobs,
                    executor=executor,
                    progress=progress,
                    reuse=other,
                )
        except Interrupted:
            raise
        except StudyError as error:
            tell(error)
            codes.append(error.exit_code)
            continue
        manifest = finished.manifest
        finished_names.append(given)
        if copied := manifest.get("reused"):
            say(f"{source.name}: {copied['cells']} cells were copied from {copied['folder']}")
        say(
            f"{source.name}: {manifest['cells']} cells on {', '.join(manifest['data'])}, profile "
            f"{profile}; claims: {tally(finished.verdicts)}"
        )
        if command and before is not None and before.exists():
            say(
                "It is now the run that verify and report read. The one before comes back, without "
                f"computing anything again, with: {command}"
            )
        if raised := broken(finished.verdicts):
            say(f"Warning: could not be tested, their tests raised: {', '.join(raised)}")
    if finished_names:
        shown = finished_names if names else []
        say(f"Claims in full: {shell(['wellposed', 'verify', *shown, *layout.option(results)])}")
    if codes:
        sys.exit(max(codes))


def _last_run(results: Path, source: Source, given: str) -> tuple[Path | None, str]:
    """The folder of a study's last finished run, and the command that makes it the last again;
    "" if there is none, or it was another version's."""
    from .storing.reading import latest_run, read_manifest

    try:
        run = latest_run(results, source.name)
        if run is None:
            return None, ""
        manifest = read_manifest(run)
        if manifest["version"] != source.study.version:
            return run, ""
        options = {"--profile": manifest["profile"], "--seed": manifest["seed"]}
        if (own := manifest["own_table"]) is not None:
            options |= {"--data": own["path"], "--target": own["target"], "--task": own["task"]}
    except (StudyError, OSError):  # damaged: the run writes it anew
        return None, ""
    given_options = [part for option in options.items() for part in option]
    return run, shell(["wellposed", "run", given, *given_options, *layout.option(results)])


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--to",
    "formats",
    default="html,pdf",
    show_default=True,
    help="Formats, separated by commas.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "quarto", "embedded"]),
    default="auto",
    show_default=True,
    help="Quarto, or what comes with the package; auto prefers Quarto where it is found.",
)
@results_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the finished reports.  [default: RESULTS/reports; for a clone's own results "
    "reports/_output]",
)
def report(
    names: tuple[str, ...], formats: str, engine: Any, results: Path, output: Path | None
) -> None:
    """Render the reports of finished studies; all reports if none is named.

    \b
    Example:
      wellposed report bias-variance --to html
    """
    wanted = [part.strip() for part in formats.split(",") if part.strip()]
    for part in wanted:
        if part not in {"html", "pdf"}:
            raise click.BadParameter(
                f"{part!r} is not a format. {suggest(part, ['html', 'pdf'])}", param_hint="--to"
            )
    try:
        from .rendering import render
    except ModuleNotFoundError as error:
        raise StudyError(
            f"reports need {error.name}, which is not installed: pip install 'wellposed[reports]'"
        ) from error
    from .running.watching import told_what_renders

    with told_what_renders() as starting:
        written = render(list(names), wanted, engine, results, output, starting)
    for path in written:
        say(path)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE.py]...")
@results_option
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def clean(names: tuple[str, ...], results: Path, dry_run: bool) -> None:
    """Delete stored cells of study versions that are no longer current.

    Also deletes damaged files and what killed runs left behind. Cells of the current version, and
    the last run of each study, stay.

    \b
    Example:
      wellposed clean --dry-run
    """
    from .discovery import find
    from .storing.cleaning import clean_study

    stored = layout.stored_studies(results)
    known = set(_built_in())
    for name in names or [n for n in stored if n in known]:
        source = find(name)
        if source.name not in stored:
            say(f"{source.name}: nothing is stored in {results}")
            continue
        removed = clean_study(source, results, dry_run=dry_run)
        verb = "would delete" if dry_run else "deleted"
        say(
            f"{source.name}: {verb} {removed.n_cells} cells and {removed.n_runs} runs "
            f"({removed.n_bytes / 1e6:.1f} MB)"
        )
    foreign = sorted(set(stored) - known)
    if foreign and not names:
        say(f"Left alone, since they are not built in: {', '.join(foreign)}")


main.add_command(list_studies)
main.add_command(verify)


def _built_in() -> list[str]:
    from .discovery import names

    return names()


def _own_table(data: str | None, target: str | None, task: Any) -> OwnTable | None:
    if data is None:
        if target is not None or task is not None:
            raise click.UsageError(
                "--target and --task say something about --data, which is missing."
            )
        return None
    from .loading.own_table import describe, open_table

    own = open_table(data, target, task)
    say(describe(own))
    return own
