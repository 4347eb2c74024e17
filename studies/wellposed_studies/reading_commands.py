"""The commands that only read: ``wellposed list`` and ``wellposed verify``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import click

from .command_group import FAILED, HELD, NOT_RUN, results_option
from .console import say, tell
from .errors import Damaged
from .escaping import shell
from .storing import layout


@click.command("list")
@click.argument("names", nargs=-1, metavar="[NAME|FILE.py]...")
@results_option
def list_studies(names: tuple[str, ...], results: Path) -> None:
    """List the studies, how long they take and their last runs; of those named, the claims.

    \b
    Example:
      wellposed list
      wellposed list bias-variance
      wellposed list ./my_study.py
    """
    from .discovery import find
    from .discovery import names as studies
    from .reporting.listing import in_full, is_finished, table

    if not names:
        known = [find(name) for name in studies()]
        for i, line in enumerate(table(known, results) if known else ()):
            say(line, bold=i == 0)
        example = known[0].name if known else "./my_study.py"
        say(f"\nNext: wellposed {'list' if known else 'run'} {example}")
        return
    width = max(shutil.get_terminal_size((100, 20)).columns, 60)
    sources = [find(name) for name in names]
    for source in sources:
        say(source.name, bold=True, nl=False)
        say(f"  {source.study.title}")
        for line in in_full(source, results, width):
            say(line)
    command = "verify" if all(is_finished(source, results) for source in sources) else "run"
    say(f"\nNext: {shell(['wellposed', command, *names, *layout.option(results)])}")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE.py]...")
@results_option
@click.option("--verbose", "-v", is_flag=True, help="Every claim in full.")
@click.option("--failed", "only_failed", is_flag=True, help="Only what did not hold.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def verify(
    names: tuple[str, ...], results: Path, verbose: bool, only_failed: bool, as_json: bool
) -> None:
    """Say of every claim whether it held: a line each, and in full what did not hold.

    A claim is held if its whole interval lies on the claimed side of its threshold, contradicted
    if it lies on the other, and undecided if it reaches across.

    Reads the last finished run of each study and trains nothing. Exits with 0 if all claims held,
    with 1 if one did not or its test raised, with 2 if none did but one was not run (or on wrong
    usage, or where a file of a run is damaged). After a run on a table of your own it is about that
    table, and claims on other kinds of data are only counted.

    \b
    Example:
      wellposed verify bias-variance
      wellposed verify --failed
      wellposed verify --json | jq '.total'
    """
    from .discovery import find, is_path
    from .discovery import names as studies
    from .judging.verdicts import broken, current_verdicts
    from .reporting.standing import NOTHING, tally
    from .reporting.verdict_text import COLOURS, as_record, report

    found, raised, damaged, total, records = set(), False, False, NOTHING, []
    sources = [find(name) for name in names or studies()]
    for source in sources:
        try:
            verdicts, about = current_verdicts(results, source)
        except Damaged as error:
            tell(error)
            damaged = True
            continue
        found |= set(verdicts["verdict"])
        raised = raised or bool(broken(verdicts))
        total += tally(verdicts)
        if as_json:
            records.append(as_record(source.name, about, verdicts))
            continue
        say(source.name, bold=True, nl=False)
        say(f"  {about}")
        reasons = set(verdicts["reason"])
        if about.startswith("not run") and len(reasons) == 1:
            say(f"  {reasons.pop()}")
        else:
            for line, standing in report(verdicts, verbose=verbose, only_failed=only_failed):
                say(line, fg=COLOURS.get(standing))
        say(f"  {tally(verdicts)}\n", bold=True)
    code = _exit_code(found, raised, damaged)
    if as_json:
        say(json.dumps({"studies": records, "total": total.counts, "exit": code}, indent=2))
        sys.exit(code)
    if len(sources) > 1:
        say(f"Total: {total.claims} claims: {total}", bold=True)
    if found == {"not run"}:
        say(f"Next: {shell(['wellposed', 'run', *names, *layout.option(results)])}")
    elif not any(map(is_path, names)):  # the report of a study of one's own is one's own
        say(f"Next: {shell(['wellposed', 'report', *names, *layout.option(results)])}")
    sys.exit(code)


def _exit_code(found: set[str], raised: bool, damaged: bool) -> int:
    if damaged:
        return NOT_RUN
    if raised or "failed" in found:
        return FAILED
    return NOT_RUN if "not run" in found else HELD
