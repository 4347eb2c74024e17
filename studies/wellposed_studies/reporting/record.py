"""The record of a run: what was run, on which data, where; and how to run it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..escaping import code, markdown, shell
from ..fonts import fallback, warn_of
from ..judging.verdicts import not_asked
from ..storing import layout
from .markdown import Markdown, table

if TYPE_CHECKING:
    from ..storing.results import Results


def manifest_block(manifest: Mapping[str, Any]) -> Markdown:
    """The record of a run as a table: what was run, where, with which versions.

    Parameters
    ----------
    manifest : mapping
        `Results.manifest`.

    Returns
    -------
    Markdown
        One row a part of the record; digests are cut to 12 digits.
    """
    packages = ", ".join(f"{key} {value}" for key, value in manifest["packages"].items())
    commit = manifest["commit"]
    entries = {
        "Study": f"{code(manifest['study'])}, version {manifest['version']}, "
        f"code {code(manifest['code'][:12])}",
        "Run": f"{manifest['profile']} profile, {manifest['cells']} cells, "
        f"{repetitions(manifest)}, seed {manifest['seed']}, "
        f"finished {markdown(manifest['finished'])}",
        "Copied": _copied(manifest),
        "Command": code(shell(manifest["command"])),
        "Commit": code(commit) if commit else "not in a git repository",
        "Machine": f"{markdown(manifest['cpu'])}, {manifest['processors']} processors, "
        f"{markdown(manifest['platform'])}, {manifest['threads_per_cell']} thread a cell",
        "Versions": markdown(f"python {manifest['python']}, {packages}"),
    }
    entries = {key: value for key, value in entries.items() if value}
    if own := manifest.get("own_table"):
        read = [f"the target {own['target']!r} taken for {own['meaning']}", *own["notes"]]
        entries["Read as"] = markdown("; ".join(read))
    shown = "".join([*manifest["data"], entries.get("Read as", "")])
    for sentence in warn_of(fallback(shown).missing, "the data's names"):
        entries["Fonts"] = markdown(sentence[0].upper() + sentence[1:])
    return table({"Entry": key, "Value": value} for key, value in entries.items())


def data_table(manifest: Mapping[str, Any], data: Callable[[str], Mapping[str, Any]]) -> Markdown:
    """The data sets of a run: rows, columns, how many rows train and test, and the source.

    Parameters
    ----------
    manifest : mapping
        `Results.manifest`.
    data : callable
        From a name to the data set, `Results.data`.

    Returns
    -------
    Markdown
        A dash stands for a number that a data set does not have, such as that of the rows of a
        problem that is drawn anew every time.
    """
    rows = []
    for name, record in manifest["data"].items():
        sizes = _sizes(data(name))
        notes = [record["source"], *record.get("notes", [])]
        rows.append(
            {
                "Data": markdown(name),
                "Rows": sizes["rows"],
                "Columns": sizes["columns"],
                "Train": sizes["train"],
                "Test": sizes["test"],
                "Source": "; ".join(markdown(note) for note in notes if note),
                "SHA-256": code(record["digest"][:12]),
            }
        )
    return table(rows, align="lrrrrll")


def _sizes(data: Mapping[str, Any]) -> dict[str, str]:
    """Numbers of rows and columns, by the names that the studies' data sets use."""

    def rows(*names: str) -> int | None:
        return next((len(data[name]) for name in names if name in data), None)

    inputs: Any = next(
        (data[n] for n in ("X", "X_pool", "X_train", "X_one", "X_test") if n in data), None
    )
    whole = rows("X", "target")
    pool, test = rows("X_pool"), rows("X_test", "y_test")
    if whole is None and pool is not None:
        whole = pool + (test or 0)
    train = data.get("n_train") or rows("X_train", "X_one") or data.get("n")
    columns = inputs.shape[1] if getattr(inputs, "ndim", 0) == 2 else data.get("p")
    found = {"rows": whole, "columns": columns, "train": train, "test": test}
    return {key: "–" if value is None else str(value) for key, value in found.items()}


def own_table_note(results: Results) -> Markdown:
    """Which data a report is about, if a user's table took the place of the study's real ones.

    Returns
    -------
    Markdown
        Nothing if the run was on the study's own data.
    """
    own = results.own_table
    if own is None:
        return Markdown("")
    name = results.data_names[0]
    sentence = (
        f"\nIn this run a table of the user's own, *{markdown(name)}* with the target "
        f"*{markdown(own['target'])}*, took the place of the study's real data."
    )
    if n := len(not_asked(results)):
        sentence += (
            f" It is a {own['task']} table: {n} claim{'' if n == 1 else 's'} on data of the other "
            f"kind {'is' if n == 1 else 'are'} left out."
        )
    return Markdown(f"{sentence}\n")


def reproduce(results: Results) -> Markdown:
    """How to make the page again: the commands, and how long they take."""
    manifest = results.manifest
    name = results.source.spec
    options: list[object] = ["--profile", manifest["profile"]]
    if manifest["seed"]:
        options += ["--seed", manifest["seed"]]
    if own := results.own_table:
        options += ["--data", own["path"], "--target", own["target"], "--task", own["task"]]
    place = layout.option(layout.written(layout.root_of(results.folder)))
    commands: list[list[object]] = [
        ["wellposed", "run", name, *options, *place],
        ["wellposed", "report", name, *place],
    ]
    minutes = results.timings["seconds"].sum() / 60
    commit = manifest["commit"]
    at = f" at commit {code(commit.removesuffix('+changes'))}" if commit else ""
    changed = (
        " The files of the run differed from that commit."
        if commit and commit.endswith("+changes")
        else ""
    )
    lines = "\n".join(map(_lines, commands))
    return Markdown(
        "\n::: {.callout-tip}\n## Reproduce this page\n\n"
        f"In a clone of the repository{at}, with what `make report` installs:{changed}\n\n"
        f"````\n{lines}\n````\n\n"
        f"The {results.n_cells} cells of this run took {_duration(minutes)} of computing, one "
        "thread a cell; on several processors, divide. With the versions below and the same "
        "kind of processor, tables and verdicts are the same to the last digit.\n:::\n"
    )


def _lines(command: list[object]) -> str:
    r"""A command on lines of at most 72 characters where options allow it, to be pasted as it is.

    >>> print(_lines(["wellposed", "run", "x", "--data", "d" * 50, "--target", "y"]))
    wellposed run x \
      --data dddddddddddddddddddddddddddddddddddddddddddddddddd --target y
    """
    parts: list[str] = []
    for word in (shell([argument]) for argument in command):
        if parts and parts[-1].startswith("--") and " " not in parts[-1]:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < 72:
            lines[-1] += f" {part}"
        else:
            lines.append(f"  {part}")
    return " \\\n".join(lines)


def repetitions(manifest: Mapping[str, Any]) -> str:
    """How many experiments there were, and how often each of their settings was repeated."""
    counts = sorted({record["repetitions"] for record in manifest["experiments"].values()})
    n = len(manifest["experiments"])
    return f"{n} experiment{'' if n == 1 else 's'}, {' or '.join(map(str, counts))} repetitions"


def _duration(minutes: float) -> str:
    """
    >>> _duration(0.4), _duration(12.3), _duration(150)
    ('24 seconds', '12 minutes', '2.5 hours')
    """
    if minutes < 1.5:
        return f"{60 * minutes:.0f} seconds"
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def _copied(manifest: Mapping[str, Any]) -> str:
    """How many cells came from another results folder, or ""."""
    copied = manifest.get("reused")
    return f"{copied['cells']} cells, from {code(copied['folder'])}" if copied else ""
