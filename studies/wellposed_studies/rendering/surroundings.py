"""What a report is rendered in: a copy of the sources, and an environment that is always the same.

A user's settings of matplotlib, IPython, Jupyter, Pandoc and Python change nothing in a report, and
neither the installation nor the home folder needs to be writable.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

from ..storing import layout

#: Variables that would change what a report says or looks like, or keep it from being rendered.
_DROPPED = (
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_CONFIG_PATH",
    "JUPYTER_PATH",
    "MATPLOTLIBRC",
    "MPLBACKEND",
    "PYTHONINSPECT",
    "PYTHONIOENCODING",
    "PYTHONOPTIMIZE",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
)

#: Folders that rendering makes beside documents.
MADE = {layout.OUTPUT, str(layout.FIGURES)}

#: Longest path of a socket in bytes; Linux allows 107, macOS 103.
LONGEST_SOCKET = 100


def copy_sources(source: Path, project: Path) -> None:
    """Copy a folder of reports without what was rendered, as files that can be written to."""
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(set(folders) - {*MADE, ".quarto", "__pycache__"})
        target = project / Path(folder).relative_to(source)
        target.mkdir(parents=True)
        for file in files:
            (target / file).write_bytes((Path(folder) / file).read_bytes())


def drop_unlinked(project: Path, linked: Container[str]) -> None:
    """Delete the documents of a scratch copy that no page is to link to.

    Parameters
    ----------
    project : Path
    linked : container of str
        Names of the documents that lie beside the finished page.
    """
    for document in project.glob("*.qmd"):
        if document.stem not in linked:
            document.unlink()


def environment(scratch: Path, results: Path) -> dict[str, str]:
    """Environment variables of a process that runs a report's cells.

    Parameters
    ----------
    scratch : Path
        A folder of the report's own, in which the process may write.
    results : Path
        Where the finished tables are; cells find it as ``WELLPOSED_RESULTS``.
    """
    settings = scratch / "settings"
    settings.mkdir(exist_ok=True)
    (settings / "matplotlibrc").touch()
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    own = {
        "IPYTHONDIR": str(settings / "ipython"),
        "JUPYTER_CONFIG_DIR": str(settings / "jupyter"),
        "JUPYTER_DATA_DIR": str(settings / "jupyter-data"),
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_RUNTIME_DIR": str(settings / "jupyter-runtime"),
        "MATPLOTLIBRC": str(settings / "matplotlibrc"),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        layout.VARIABLE: str(results.resolve()),
        layout.WRITTEN: str(results),
    }
    if sys.platform == "linux":
        own["LC_ALL"] = "C.UTF-8"
    if not _writable_home():
        own["HOME"] = str(settings)
    return kept | own


def pandoc_environment(scratch: Path) -> dict[str, str]:
    """Environment variables of Pandoc, whose user's templates and defaults must not matter."""
    own = {"HOME": str(scratch), "XDG_DATA_HOME": str(scratch), "XDG_CONFIG_HOME": str(scratch)}
    if sys.platform == "linux":
        own["LC_ALL"] = "C.UTF-8"
    return {**os.environ, **own}


@contextlib.contextmanager
def sockets_folder(scratch: Path) -> Iterator[Path | None]:
    """A folder for a kernel's sockets, whose paths are limited: `scratch`, or one with a shorter
    name; None where there is none."""
    if os.name != "posix":
        yield None
    elif _fits(scratch):
        yield scratch
    else:
        with contextlib.ExitStack() as stack:
            folder = None
            for place in ("/tmp", "/var/tmp"):
                with contextlib.suppress(OSError):
                    folder = stack.enter_context(tempfile.TemporaryDirectory(dir=place))
                    break
            yield None if folder is None or not _fits(Path(folder)) else Path(folder)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / "kernel-5")) <= LONGEST_SOCKET


def _writable_home() -> bool:
    try:
        home = Path.home()
    except RuntimeError:
        return False
    return home.is_dir() and os.access(home, os.W_OK | os.X_OK)
