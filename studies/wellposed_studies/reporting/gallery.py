"""The index: a card for each study, with its key figure, what it found and how its claims stand."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ..discovery import find, names
from ..escaping import code, markdown, shell
from ..storing import layout
from ..storing.results import load
from .claims_shown import attributes
from .exhibit import save
from .findings import findings
from .markdown import Markdown
from .neighbours import with_report
from .plotting import apply_theme
from .standing import NOTHING, Tally, tally

if TYPE_CHECKING:
    from ..storing.results import Results
    from ..study import Source


def gallery(results: str | os.PathLike[str] | None = None) -> Markdown:
    """A card for each built-in study; those that were run come first.

    Parameters
    ----------
    results : path, optional
        The results folder; by default the one `load` reads.
    """
    apply_theme()
    found = [(find(name), _finished(name, results)) for name in names()]
    cards = [_card(source, finished) for source, finished in found if finished is not None]
    cards += [_not_run(source) for source, finished in found if finished is None]
    return Markdown("\n".join(cards))


def total(results: str | os.PathLike[str] | None = None) -> Markdown:
    """How the claims of all studies stand, in a sentence."""
    finished = [f for f in (_finished(name, results) for name in names()) if f is not None]
    found: Tally = sum((tally(f.verdicts) for f in finished), NOTHING)
    n = len(finished)
    return Markdown(f"{found.claims} claims of {n} stud{'y' if n == 1 else 'ies'}: {found}.")


def _finished(name: str, results: str | os.PathLike[str] | None) -> Results | None:
    try:
        return load(name, results)
    except FileNotFoundError:
        return None


def _card(source: Source, finished: Results) -> str:
    name, title = source.name, markdown(source.study.title)
    linked = name in with_report(layout.root_of(finished.folder))
    href = f' href="{name}.html"' if linked else ""
    picture = ""
    figure = source.study.key_figure
    if figure is not None:
        layout.FIGURES.mkdir(exist_ok=True)
        image = layout.FIGURES / f"card-{name}.svg"
        save(finished.figure(figure), image)
        alt = f"The key figure of {name}, which its report describes."
        picture = f' image="{image.as_posix()}" alt={json.dumps(alt)}'
    heading = f"[{title}]({name}.html)" if linked else title
    date = finished.manifest["finished"][:10]
    data = ", ".join(markdown(n) for n in finished.data_names)
    return (
        f"\n::: {{.card{href}{picture} {attributes(tally(finished.verdicts))}}}\n"
        f"{heading}\n\n{findings(finished)[0]}\n\n"
        f"{finished.profile} profile, {date}, on {data}\n:::\n"
    )


def _not_run(source: Source) -> str:
    command = code(shell(["wellposed", "run", source.name]))
    n = sum(claim.kind == "claim" for claim in source.study.claims)
    return (
        f"\n::: {{.card}}\n{markdown(source.study.title)}\n\n{markdown(source.study.summary)}\n\n"
        f"Not run yet: {n} claims wait for {command}.\n:::\n"
    )
