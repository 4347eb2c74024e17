"""Where the reports' sources are, and which reports there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from .errors import RenderError

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


def check_names(names: Iterable[str], folder: Path) -> list[str]:
    """Return the names to render (all, for none given); unknown ones are refused."""
    known = available(folder)
    chosen = list(dict.fromkeys(names)) or known
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RenderError(f"no report {name!r}{hint} Reports: {', '.join(known) or 'none'}")
    return chosen
