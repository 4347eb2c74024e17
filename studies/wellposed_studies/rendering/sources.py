"""Where the reports' sources are, and which reports there are."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from .. import catalogue
from ..errors import suggest
from ..escaping import shell, visible
from ..storing import layout
from ..storing.reading import latest_run
from ..storing.results import load
from .errors import RenderError

logger = logging.getLogger(__name__)
_PACKAGE = Path(__file__).resolve().parents[1]


def reports_folder() -> Path:
    """Return the Quarto project: `reports/` of a clone, or the copy inside an installed wheel.

    Raises
    ------
    RenderError
        If neither is there.
    """
    for folder in (_PACKAGE.parents[1] / "reports", _PACKAGE / "_reports"):
        if (folder / "_quarto.yml").is_file():
            return folder
    raise RenderError(
        "the reports' sources were not found: neither in a clone of the repository "
        f"({_PACKAGE.parents[1] / 'reports'}) nor in the installed package "
        f"({_PACKAGE / '_reports'}). Reinstall wellposed, or run the command in a clone."
    )


def available(folder: Path) -> list[str]:
    """Return the names of the reports in a folder, `index` last: it links to the others."""
    names = sorted(path.stem for path in folder.glob("*.qmd") if not path.name.startswith("_"))
    return sorted(names, key=lambda name: name == "index")


def choose(names: Iterable[str], folder: Path, results: Path) -> list[str]:
    """Return the reports to render: those named, or all whose study has a finished run.

    Raises
    ------
    RenderError
        For a name that no report has, for one whose study was not run, and if none was run.
    Damaged
        If a file of a run that they read is damaged.
    """
    known = available(folder)
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            raise RenderError(
                f"there is no report {name!r}. {suggest(name, known)} A study of "
                f"your own has one once you write NAME.qmd into {folder}."
            )
    studies = catalogue.names()
    place = layout.option(results)
    lacking = [name for name in studies if not latest_run(results, name)]
    for name in lacking:
        message = (
            f"no report of {name}: {visible(results)} holds no finished run of it. Make one with: "
            f"{shell(['wellposed', 'run', name, *place])}"
        )
        if name in chosen:
            raise RenderError(message)
        if not chosen and len(lacking) < len(studies):
            logger.warning(message)
    wanted = chosen or [name for name in known if name not in lacking]
    if wanted == ["index"] and lacking == studies:
        raise RenderError(
            f"there is nothing to report: {visible(results)} holds no finished run of any study. "
            f"Run them with: {shell(['wellposed', 'run', *place])}"
        )
    for name in studies:
        if name not in lacking and (name in wanted or "index" in wanted):
            load(name, results).check()
    return wanted
