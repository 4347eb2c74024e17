"""Find Quarto and let it render a copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from ..storing.layout import rendered_file
from .errors import RenderError
from .surroundings import environment

TARGET = {"html": "html", "pdf": "typst"}


def find_quarto() -> Path | None:
    """Return the `quarto` executable, or None.

    Looked for in `QUARTO_PATH` (the program or its folder), on `PATH`, then beside this Python,
    where `pip install quarto-cli` puts it.

    Raises
    ------
    RenderError
        If `QUARTO_PATH` is set and leads nowhere.
    """
    given = os.environ.get("QUARTO_PATH")
    if given:
        found = shutil.which(given) or shutil.which(
            "quarto", path=os.pathsep.join([given, str(Path(given) / "bin")])
        )
        if not found:
            raise RenderError(
                f"QUARTO_PATH={given!r} is neither a program nor a folder with one; "
                "correct it, or unset it to use the embedded engine"
            )
        return Path(found)
    found = shutil.which("quarto") or shutil.which("quarto", path=sysconfig.get_path("scripts"))
    return Path(found) if found else None


def render_with_quarto(
    quarto: Path, project: Path, name: str, formats: tuple[str, ...], results: Path
) -> dict[str, Path]:
    """Render one report with Quarto inside `project`, a scratch copy of the sources.

    Returns
    -------
    dict
        Format to the file Quarto wrote below `project`.

    Raises
    ------
    RenderError
        With the end of what Quarto said, if it failed or wrote no file.
    """
    variables = environment(project.parent, results) | {"QUARTO_PYTHON": sys.executable}
    produced = {}
    for fmt in formats:
        command = [str(quarto), "render", f"{name}.qmd", "--to", TARGET[fmt]]
        done = subprocess.run(
            command,
            cwd=project,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        output = rendered_file(project, name, fmt)
        if done.returncode or not output.is_file():
            said = "\n    ".join(done.stdout.strip().splitlines()[-15:])
            raise RenderError(
                f"{name}.qmd: '{' '.join(command)}' ended with code {done.returncode} and "
                f"{'no' if not output.is_file() else 'a'} file; nothing was written. "
                f"Quarto said:\n    {said}"
            )
        produced[fmt] = output
    return produced
